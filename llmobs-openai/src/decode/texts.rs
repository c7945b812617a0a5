//! Texts of a request that a prompt may have been rendered to.

use llmobs_core::{Text, Turn};

use super::json::{Raw, each, member, object, read, some_text, text, utf8};

object! {
    struct Asked<'a> {
        messages: Raw<'a> = "messages",
        instructions: Raw<'a> = "instructions",
        input: Raw<'a> = "input",
        prompt: Raw<'a> = "prompt",
    }
}

object! {
    /// A message, or an item of another kind in the place of one.
    struct Message<'a> {
        kind: Raw<'a> = "type",
        role: Raw<'a> = "role",
        content: Raw<'a> = "content",
    }
}

object! {
    struct Part<'a> {
        kind: Raw<'a> = "type",
        text: Raw<'a> = "text",
    }
}

/// Who said something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    /// The application, over all turns.
    Instructions,
    User,
    /// The model, a tool, or whoever else is answered to.
    Other,
}

/// Hands over the texts of a request's messages, in order.
pub(super) fn visit(body: &[u8], visit: &mut dyn FnMut(Text<'_>)) {
    let json = utf8(body);
    let Some(asked) = read::<Asked<'_>>(&json) else { return };
    content(asked.instructions, Turn::Instructions, visit);
    for said in [asked.messages, asked.input, asked.prompt] {
        match text(said) {
            Some(text) => visit(Text { text: &text, turn: Turn::Latest }),
            None => conversation(said, visit),
        }
    }
}

/// The texts of an array of messages, items, or plain texts.
fn conversation(said: Raw<'_>, visit: &mut dyn FnMut(Text<'_>)) {
    let mut all = Vec::new();
    each(said, |element: Raw<'_>| all.push(spoken(element)));
    // What the user said since somebody else was heard last, but for what is still being answered.
    let (mut latest, mut answered) = (0, true);
    for (n, (speaker, _)) in all.iter().enumerate() {
        match speaker {
            Speaker::User if answered => (latest, answered) = (n, false),
            Speaker::Other => answered = true,
            Speaker::User | Speaker::Instructions => {}
        }
    }
    for (n, (speaker, said)) in all.into_iter().enumerate() {
        match speaker {
            Speaker::Instructions => content(said, Turn::Instructions, visit),
            Speaker::User if n >= latest => content(said, Turn::Latest, visit),
            Speaker::User => content(said, Turn::Earlier, visit),
            Speaker::Other => {}
        }
    }
}

fn spoken(element: Raw<'_>) -> (Speaker, Raw<'_>) {
    let Some(message) = member::<Message<'_>>(element) else { return (Speaker::User, element) };
    let is_message = some_text(message.kind).is_none_or(|kind| kind == "message");
    let speaker = match text(message.role).as_deref() {
        Some("user") if is_message => Speaker::User,
        Some("system" | "developer") if is_message => Speaker::Instructions,
        _ => Speaker::Other,
    };
    (speaker, message.content)
}

/// The texts of a message: its content, or its text parts.
fn content(said: Raw<'_>, turn: Turn, visit: &mut dyn FnMut(Text<'_>)) {
    if let Some(text) = some_text(said) {
        visit(Text { text: &text, turn });
        return;
    }
    each(said, |element: Raw<'_>| {
        let part = member::<Part<'_>>(element);
        let kind = part.as_ref().and_then(|part| text(part.kind));
        let is_text = kind.is_none_or(|kind| matches!(&*kind, "text" | "input_text"));
        let said = part.map_or(element, |part| part.text);
        if let Some(text) = some_text(said).filter(|_| is_text) {
            visit(Text { text: &text, turn });
        }
    });
}

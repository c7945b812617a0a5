//! The tokens of a request.
//!
//! A request that holds, or stands for, anything but text has no count: an image's tokens, or those of
//! a conversation that the server remembers, are not known here.

use super::encoding::{Counter, Encoding};
use super::tools;
use crate::decode::json::{
    Maybe, Raw, each, has_members, has_text, member, object, some_text, text,
};

/// Tokens that frame every message.
const PER_MESSAGE: u64 = 3;
/// Tokens that lead to the answer.
const PRIMING: u64 = 3;

object! {
    struct Request<'a> {
        model: Raw<'a> = "model",
        messages: Raw<'a> = "messages",
        input: Raw<'a> = "input",
        instructions: Raw<'a> = "instructions",
        prompt: Raw<'a> = "prompt",
        suffix: Raw<'a> = "suffix",
        tools: Raw<'a> = "tools",
        functions: Raw<'a> = "functions",
        previous_response_id: Raw<'a> = "previous_response_id",
        conversation: Raw<'a> = "conversation",
    }
}

object! {
    /// A message, or another item of a conversation.
    struct Item<'a> {
        kind: Raw<'a> = "type",
        role: Raw<'a> = "role",
        content: Raw<'a> = "content",
        name: Raw<'a> = "name",
        reasoning_content: Raw<'a> = "reasoning_content",
        refusal: Raw<'a> = "refusal",
        tool_calls: Raw<'a> = "tool_calls",
        function_call: Maybe<Function<'a>> = "function_call",
        audio: Raw<'a> = "audio",
        arguments: Raw<'a> = "arguments",
        input: Raw<'a> = "input",
        output: Raw<'a> = "output",
    }
}

object! {
    struct Call<'a> {
        function: Maybe<Function<'a>> = "function",
        custom: Maybe<Function<'a>> = "custom",
    }
}

object! {
    struct Function<'a> {
        name: Raw<'a> = "name",
        arguments: Raw<'a> = "arguments",
        input: Raw<'a> = "input",
    }
}

object! {
    struct Part<'a> {
        kind: Raw<'a> = "type",
        text: Raw<'a> = "text",
        refusal: Raw<'a> = "refusal",
        thinking: Raw<'a> = "thinking",
    }
}

/// The API a request is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum Api {
    Chat,
    Responses,
    Completions,
    Embeddings,
}

/// Tokens of a request's body, unless there is more in it than text.
pub(in crate::decode) fn count_request(api: Api, body: &[u8]) -> Option<u64> {
    let json = crate::decode::json::utf8(body);
    let request = crate::decode::json::read::<Request<'_>>(&json)?;
    let model = text(request.model);
    let mut sum = Sum { encoding: Encoding::of_model(model.as_deref()), tokens: 0, known: true };
    match api {
        Api::Chat => sum.chat(&request),
        Api::Responses => sum.responses(&request),
        Api::Completions => {
            sum.prompts(request.prompt);
            sum.text(request.suffix);
        }
        Api::Embeddings => sum.prompts(request.input),
    }
    Some(sum.tokens).filter(|tokens| sum.known && *tokens > 0)
}

struct Sum {
    encoding: Encoding,
    tokens: u64,
    /// All of it was text so far.
    known: bool,
}

impl Sum {
    fn chat(&mut self, request: &Request<'_>) {
        self.known &= has_members(request.messages);
        each(request.messages, |Maybe(message): Maybe<Item<'_>>| match message {
            Some(message) => self.message(&message),
            None => self.known = false,
        });
        self.tools(request);
        self.tokens += PRIMING;
    }

    fn responses(&mut self, request: &Request<'_>) {
        // What the server remembers is part of the input too.
        let remembered = has_text(request.previous_response_id)
            || [request.conversation, request.prompt]
                .iter()
                .any(|raw| has_text(*raw) || has_members(*raw));
        self.known &= !remembered && (has_text(request.input) || has_members(request.input));
        if has_text(request.instructions) {
            self.tokens += PER_MESSAGE + 1;
            self.text(request.instructions);
        }
        if has_text(request.input) {
            self.tokens += PER_MESSAGE + 1;
            self.text(request.input);
        }
        each(request.input, |Maybe(item): Maybe<Item<'_>>| match item {
            Some(item) => self.item(&item),
            None => self.known = false,
        });
        self.tools(request);
        self.tokens += PRIMING;
    }

    fn item(&mut self, item: &Item<'_>) {
        match text(item.kind).as_deref() {
            None | Some("message") => self.message(item),
            Some("function_call" | "custom_tool_call") => {
                self.tokens += PER_MESSAGE + self.encoding.per_call();
                self.text(item.name);
                self.text(item.arguments);
                self.text(item.input);
            }
            Some("function_call_output" | "custom_tool_call_output") => {
                self.tokens += PER_MESSAGE + 1;
                self.content(item.output);
            }
            _ => self.known = false,
        }
    }

    fn message(&mut self, message: &Item<'_>) {
        self.known &= !has_members(message.audio);
        self.tokens += PER_MESSAGE;
        self.text(message.role);
        self.content(message.content);
        self.text(message.reasoning_content);
        self.text(message.refusal);
        if has_text(message.name) {
            self.tokens += 1;
            self.text(message.name);
        }
        each(message.tool_calls, |Maybe(call): Maybe<Call<'_>>| {
            let function = call.and_then(|call| call.function.0.or(call.custom.0));
            self.call(function.as_ref());
        });
        if message.function_call.0.is_some() {
            self.call(message.function_call.0.as_ref());
        }
    }

    fn call(&mut self, function: Option<&Function<'_>>) {
        let Some(function) = function else {
            self.known = false;
            return;
        };
        self.tokens += self.encoding.per_call();
        self.text(function.name);
        self.text(function.arguments);
        self.text(function.input);
    }

    /// A text, or a list of parts.
    fn content(&mut self, raw: Raw<'_>) {
        self.text(raw);
        self.known &= !raw.is_some_and(|raw| raw.get().starts_with('{'));
        each(raw, |raw: Raw<'_>| {
            self.text(raw);
            let Some(part) = member::<Part<'_>>(raw) else { return };
            let kind = text(part.kind);
            let spoken = ["text", "input_text", "output_text", "refusal", "thinking"];
            self.known &= kind.is_none_or(|kind| spoken.contains(&&*kind));
            self.text(part.text);
            self.text(part.refusal);
            self.text(part.thinking);
        });
    }

    /// One or several texts, or lists of tokens that somebody has counted already.
    fn prompts(&mut self, raw: Raw<'_>) {
        self.known &= has_text(raw) || has_members(raw);
        self.text(raw);
        each(raw, |raw: Raw<'_>| self.prompt(raw));
    }

    fn prompt(&mut self, raw: Raw<'_>) {
        let Some(json) = raw.map(|raw| raw.get()) else { return };
        if json.starts_with('[') {
            each(raw, |_: Raw<'_>| self.tokens += 1);
        } else if json.starts_with('"') {
            self.text(raw);
        } else if json.parse::<u64>().is_ok() {
            self.tokens += 1;
        } else {
            self.known = false;
        }
    }

    fn tools(&mut self, request: &Request<'_>) {
        let mut counter = Counter::default();
        let known = tools::describe(request.tools, request.functions, &mut |piece| {
            counter.push(self.encoding, piece);
        });
        self.known &= known.is_some();
        self.tokens += counter.total(self.encoding) + known.unwrap_or(0);
    }

    fn text(&mut self, raw: Raw<'_>) {
        if let Some(text) = some_text(raw) {
            self.tokens += self.encoding.count(&text);
        }
    }
}

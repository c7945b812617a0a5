//! `prompt!` through what it gives and what it leaves behind.
#![deny(warnings, clippy::all, clippy::pedantic)]

use std::cell::Cell;
use std::fmt::Display;

use llmobs_core::testing::Recording;
use llmobs_core::{Prompt, Step, StepKind, Template, scope};
use llmobs_macros::prompt;

/// What the records say of the text that `render` gives.
fn identity(render: impl FnOnce() -> String) -> Prompt {
    let recording = Recording::new();
    recording.scope().run_sync(|| {
        let text = render();
        scope().prompt_of(&text).run_sync(|| Step::start(StepKind::Chain, "uses it").end());
    });
    recording.observed().named("uses it").prompt.clone().expect("the text is known")
}

#[test]
fn local_variables_and_values_fill_the_template() {
    let question = "why?";
    let text: String = prompt!(
        "answer",
        version = "3",
        crate = llmobs_core,
        "Answer {question} from {count} of {context}, {question}",
        context = ["a", "b"].join("+"),
        count = 1 + 1,
    );
    assert_eq!(text, "Answer why? from 2 of a+b, why?");
}

#[test]
fn braces_are_doubled_and_all_else_stands() {
    let kind = String::from("object");
    let text =
        prompt!("json", crate = llmobs_core, "{{\"type\": \"{kind}\"}} {{{kind}}} \u{1f600}");
    assert_eq!(text, "{\"type\": \"object\"} {object} \u{1f600}");
    assert_eq!(prompt!("plain", crate = llmobs_core, "Say hello."), "Say hello.");
    assert_eq!(prompt!("empty", crate = llmobs_core, ""), "");
}

#[test]
fn a_variable_may_be_called_like_anything() {
    let r#type = 1;
    let größe = 2;
    let text = prompt!(
        "names",
        crate = llmobs_core,
        "{type} {größe} {version} {file} {crate} {_x}",
        version = 3,
        file = 4,
        crate = 5,
        _x = 6,
    );
    assert_eq!(text, "1 2 3 4 5 6");
}

#[test]
fn each_value_is_made_once_and_only_borrowed() {
    let count = Cell::new(0);
    let make = || {
        count.set(count.get() + 1);
        count.get()
    };
    let kept = String::from("kept");
    let part: &dyn Display = &kept;
    let text = prompt!("once", crate = llmobs_core, "{n} {n} {kept} {part}", n = make());
    assert_eq!(text, "1 1 kept kept");
    assert_eq!(kept, "kept");
}

#[test]
fn a_value_may_have_a_format_and_may_borrow_from_what_is_gone_after() {
    let price = 2.5;
    let text = prompt!(
        "price",
        crate = llmobs_core,
        "{price} {name}",
        price = format_args!("{price:.2}"),
        name = std::sync::Mutex::new(String::from("tea")).lock().expect("nobody panicked").as_str(),
    );
    assert_eq!(text, "2.50 tea");
}

struct Shop {
    name: &'static str,
}

impl Display for Shop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Shop {
    fn prompt(&self) -> String {
        prompt!("shop", crate = llmobs_core, "You work at {self}.")
    }
}

#[test]
fn self_is_a_variable_too() {
    assert_eq!(Shop { name: "Acme" }.prompt(), "You work at Acme.");
}

#[test]
fn a_future_that_renders_is_still_send() {
    fn is_send(_: &(impl Future<Output = String> + Send)) {}
    let future = async {
        let question = String::from("?");
        let not_sync = Cell::new(1);
        let text = prompt!("send", crate = llmobs_core, "{question} {n}", n = not_sync.get());
        std::future::ready(()).await;
        text + &prompt!("send", crate = llmobs_core, "{n}", n = std::future::ready(1).await)
    };
    is_send(&future);
}

#[test]
fn a_file_is_a_template_too() {
    let question = "why?";
    let text = prompt!(
        "answer",
        crate = llmobs_core,
        file = "tests/prompts/answer.txt",
        context = "documents"
    );
    assert_eq!(text, "Answer why? from:\ndocuments\n");
}

#[test]
fn the_records_have_name_version_and_hash() {
    let said = "hi";
    let prompt = identity(|| prompt!("greet", version = "2", crate = llmobs_core, "Say {said}"));
    assert_eq!(prompt.name, "greet");
    assert_eq!(prompt.version.as_deref(), Some("2"));
    // `printf 'Say {said}' | sha256sum`
    let hash = "b57d83fa674ed46b63a542a5e8aebac97bb379491b68893396ba8d8cbb74d53e";
    assert_eq!(prompt.hash.as_deref(), Some(hash));
    let prompt = identity(|| prompt!("greet", crate = llmobs_core, "Say {said}"));
    assert_eq!(prompt.version.as_deref(), hash.get(..12));
}

#[test]
fn a_template_of_the_run_time_is_the_same_prompt() {
    let (question, context) = ("why?", "documents");
    let compiled = identity(|| {
        prompt!("answer", version = "3", crate = llmobs_core, file = "tests/prompts/answer.txt")
    });
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/prompts/answer.txt");
    let text = std::fs::read_to_string(path).expect("the template is there");
    let template = Template::new("answer", text).expect("it is one").version("3");
    let values = [("question", question), ("context", context)];
    let read = identity(|| template.render(values).expect("both have values"));
    assert_eq!(compiled, read);
}

/// Renders the same template both ways.
macro_rules! both {
    ($template:literal) => {{
        let (a, b) = ("{x}", 7);
        let template = Template::new("both", $template).expect("it compiles, so it is a template");
        let values: [(&str, &dyn Display); 2] = [("a", &a), ("b", &b)];
        let read = || template.render(values).expect("both have values");
        let compiled = || prompt!("both", crate = llmobs_core, $template, a = a, b = b);
        assert_eq!(compiled(), read());
        assert_eq!(identity(compiled), identity(read));
    }};
}

#[test]
fn both_kinds_of_templates_are_one_language() {
    both!("{a}{b}");
    both!("{{{a}}} {b}");
    both!("{{a}} {a} }}{b}{{");
    both!("{{{{{a}}}}}{b}");
    both!("\u{1f600}{a}\u{1f600}\0\r\n{b} ");
}

/// The names of everything the expansion might lean on, meaning something else.
#[expect(dead_code, non_camel_case_types, reason = "the names are there to be in the way")]
mod shadowed {
    struct String;
    struct str;
    struct StaticPrompt;
    struct Tracked;
    struct Option;
    trait Display {}
    mod core {}
    mod std {}
    mod llmobs {}
    mod llmobs_core {}
    fn render() {}

    pub(super) fn text() -> ::std::string::String {
        let __llmobs_text = 1;
        let __llmobs_value_0 = 2;
        ::llmobs_macros::prompt!(
            "shadowed",
            crate = ::llmobs_core,
            "{a}{__llmobs_text}{b}",
            a = __llmobs_value_0,
            b = __llmobs_text + __llmobs_value_0,
        )
    }
}

#[no_implicit_prelude]
mod bare {
    pub(super) fn text() -> ::std::string::String {
        let a = 1;
        ::llmobs_macros::prompt!("bare", crate = ::llmobs_core, "{a}")
    }
}

#[test]
fn names_around_the_prompt_change_nothing() {
    assert_eq!(shadowed::text(), "213");
    assert_eq!(bare::text(), "1");
}

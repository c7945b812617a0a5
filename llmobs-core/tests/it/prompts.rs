//! From a rendered text to the prompt of the call it was sent in.

use std::fmt::Display;

use bytes::Bytes;
use llmobs_core::testing::Recording;
use llmobs_core::{
    BodyEnd, CallStart, Capture, Decoder, Fold, Prompt, Record, RenderError, Route, Step, StepKind,
    Target, Template, TemplateError, Text, Turn, scope,
};

use crate::support::NoAnswer;

/// A format of lines: `earlier`, `instructions` or `latest`, a tab, and a text.
#[derive(Debug)]
struct Lines;

impl Decoder for Lines {
    fn route(&self, _: &Target<'_>) -> Option<Route> {
        Some(Route { operation: "chat", api: "lines", provider: None })
    }

    fn request(&self, _: &Route, _: &[u8], _: Capture, _: &mut Record) {}

    fn texts(&self, _: &Route, body: &[u8], visit: &mut dyn FnMut(Text<'_>)) {
        for line in std::str::from_utf8(body).expect("the tests write text").lines() {
            let (turn, text) = line.split_once('\t').expect("a turn and a text");
            let turn = match turn {
                "earlier" => Turn::Earlier,
                "instructions" => Turn::Instructions,
                _ => Turn::Latest,
            };
            visit(Text { text, turn });
        }
    }

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(NoAnswer)
    }
}

fn recording() -> Recording {
    Recording::with(|builder| builder.decoder(Lines))
}

/// Makes a call with these texts, from here.
fn call(recording: &Recording, texts: &[(&str, &str)]) {
    let body: String = texts.iter().map(|(turn, text)| format!("{turn}\t{text}\n")).collect();
    let target = Target { method: "POST", host: "models.test", port: None, path: "/" };
    let start = CallStart { target, body: Some(Bytes::from(body)), body_len: None };
    let call = recording.recorder().call(start).expect("it is observed");
    let mut tap = call.handle().attempt().headers(200, std::iter::empty());
    call.returned();
    tap.end(BodyEnd::Complete);
}

/// The record of the only call since the last time.
fn only(recording: &Recording) -> Record {
    recording.take().interactions().only().clone()
}

/// The record of a call with these texts.
fn called(recording: &Recording, texts: &[(&str, &str)]) -> Record {
    recording.scope().run_sync(|| call(recording, texts));
    only(recording)
}

fn template(name: &str, version: &str, text: &str) -> Template {
    Template::new(name, text).expect("a template").version(version)
}

/// Renders a template with one variable `x`.
fn render(recording: &Recording, template: &Template, x: &str) -> String {
    recording.scope().run_sync(|| template.render([("x", x)])).expect("x is all it wants")
}

fn named(prompt: &Prompt) -> String {
    format!("{}@{}", prompt.name, prompt.version.as_deref().unwrap_or_default())
}

fn primary(record: &Record) -> Option<String> {
    record.prompt.as_ref().map(named)
}

fn listed(record: &Record) -> Vec<String> {
    record.prompts.iter().map(named).collect()
}

#[test]
fn a_call_is_tied_to_the_template_its_text_came_from() {
    let recording = recording();
    let answer = template("answer", "3", "Answer {x}");
    let text = render(&recording, &answer, "why?");
    let record = called(&recording, &[("latest", &text)]);
    let prompt = record.prompt.expect("the text is known");
    assert_eq!((prompt.name.as_str(), prompt.version.as_deref()), ("answer", Some("3")));
    assert_eq!(prompt.hash.as_deref(), Some(answer.hash()));
    assert!(prompt.variables.is_empty() && record.prompts.is_empty());
}

#[test]
fn only_the_whole_text_is_known() {
    let recording = recording();
    let text = render(&recording, &template("answer", "3", "Answer {x}"), "why?");
    for other in
        [format!("{text} "), format!("Please: {text}"), text.to_uppercase(), text[1..].into()]
    {
        let record = called(&recording, &[("latest", &other)]);
        assert_eq!((record.prompt, record.prompts), (None, vec![]), "{other}");
    }
}

#[test]
fn the_latest_turn_comes_before_the_instructions_and_those_before_nothing() {
    let recording = recording();
    let [tone, answer, before] =
        ["tone", "answer", "before"].map(|name| template(name, "1", &format!("{name}: {{x}}")));
    // The order in which they were rendered makes no difference.
    let answer = render(&recording, &answer, "?");
    let tone = render(&recording, &tone, "kind");
    let before = render(&recording, &before, "?");

    let record = called(&recording, &[("instructions", &tone), ("latest", &answer)]);
    assert_eq!(primary(&record).as_deref(), Some("answer@1"));
    assert_eq!(listed(&record), ["tone@1", "answer@1"]);

    let record = called(&recording, &[("instructions", &tone), ("latest", "raw")]);
    assert_eq!((primary(&record).as_deref(), listed(&record)), (Some("tone@1"), vec![]));

    let texts = [("instructions", &*tone), ("earlier", &before), ("latest", &answer)];
    let record = called(&recording, &texts);
    assert_eq!(primary(&record).as_deref(), Some("answer@1"));
    assert_eq!(listed(&record), ["tone@1", "before@1", "answer@1"]);

    let record = called(&recording, &[("earlier", &before), ("latest", "raw")]);
    assert_eq!((primary(&record), listed(&record)), (None, vec!["before@1".to_owned()]));

    let record = called(&recording, &[("earlier", &before), ("latest", &before)]);
    assert_eq!((primary(&record).as_deref(), listed(&record)), (Some("before@1"), vec![]));
}

#[test]
fn of_several_in_one_turn_the_newest_is_meant() {
    let recording = recording();
    let old = render(&recording, &template("old", "1", "old {x}"), "");
    let new = render(&recording, &template("new", "1", "new {x}"), "");
    for texts in [[("latest", &*old), ("latest", &*new)], [("latest", &new), ("latest", &old)]] {
        assert_eq!(primary(&called(&recording, &texts)).as_deref(), Some("new@1"));
    }
}

#[test]
fn the_same_text_is_of_its_own_trace_first() {
    let recording = recording();
    let variants = ["a", "b", "c"].map(|version| template("answer", version, "Answer {x}"));
    // Two requests at the same time, whose texts are the same.
    let roots = ["first", "second"]
        .map(|name| recording.scope().run_sync(|| Step::start(StepKind::Workflow, name)));
    let text = render(&recording, &variants[2], "?");
    for (root, variant) in roots.iter().zip(&variants) {
        root.run_sync(|| {
            // As in a function of kind `prompt`: a step of its own within the trace.
            let building = Step::start(StepKind::Prompt, "build");
            assert_eq!(building.run_sync(|| variant.render([("x", "?")])), Ok(text.clone()));
            building.end();
        });
    }
    for (root, version) in roots.iter().zip(["a", "b"]) {
        root.run_sync(|| call(&recording, &[("latest", &text)]));
        let record = only(&recording);
        assert_eq!(primary(&record), Some(format!("answer@{version}")));
    }
    // In no trace that has rendered it, the newest counts.
    let record = called(&recording, &[("latest", &text)]);
    assert_eq!(primary(&record).as_deref(), Some("answer@b"));
}

#[test]
fn the_scope_has_the_last_word() {
    let recording = recording();
    let answer = template("answer", "3", "Answer {x}");
    let text = render(&recording, &answer, "?");
    let by_hand = recording.scope().prompt("by-hand", "1");
    by_hand.run_sync(|| call(&recording, &[("latest", &text)]));
    let record = only(&recording);
    assert_eq!(
        (primary(&record).as_deref(), listed(&record)),
        (Some("by-hand@1"), vec!["answer@3".to_owned()])
    );

    let same = recording.scope().prompt("answer", "3");
    same.run_sync(|| call(&recording, &[("latest", &text)]));
    let record = only(&recording);
    assert_eq!(listed(&record), Vec::<String>::new());
    let hash = record.prompt.and_then(|prompt| prompt.hash);
    assert_eq!(hash.as_deref(), Some(answer.hash()), "the hash is found all the same");
}

#[test]
fn a_text_that_goes_into_a_larger_one_can_be_named_by_the_scope() {
    let recording = recording();
    let answer = template("answer", "3", "Answer {x}");
    let text = render(&recording, &answer, "?");
    let larger = format!("Dear model! {text}");
    let named = recording.scope().prompt_of(&text);
    named.run_sync(|| call(&recording, &[("latest", &larger)]));
    let prompt = only(&recording).prompt.expect("the scope says so");
    assert_eq!(prompt.hash.as_deref(), Some(answer.hash()));

    let unknown = recording.scope().prompt("kept", "1").prompt_of("never rendered");
    unknown.run_sync(|| call(&recording, &[("latest", &larger)]));
    assert_eq!(primary(&only(&recording)).as_deref(), Some("kept@1"));
}

#[test]
fn variables_are_kept_where_input_is() {
    let recording = recording();
    let answer = template("answer", "3", "Answer {x} and {y} and {x}");
    let keeps = recording.scope().capture(Capture::NONE.input(true));
    let values = [("x", "canary"), ("y", "canary too")];
    let render = || answer.render(values).expect("both have values");

    let text = keeps.run_sync(render);
    keeps.run_sync(|| call(&recording, &[("latest", &text), ("latest", "raw")]));
    let prompt = only(&recording).prompt.expect("the text is known");
    assert_eq!(prompt.variables, values.map(|(k, v)| (k.to_owned(), v.to_owned())).into());

    // Turned off when the call is made, or when the text was.
    recording.scope().run_sync(|| call(&recording, &[("latest", &text)]));
    let text = recording.scope().run_sync(render);
    keeps.run_sync(|| call(&recording, &[("latest", &text)]));
    let records = recording.take();
    records.assert_lacks("canary");
    for record in records.iter() {
        assert_eq!(primary(record).as_deref(), Some("answer@3"));
    }
}

#[test]
fn a_value_of_many_megabytes_is_cut_and_says_so() {
    let recording = recording();
    let answer = template("answer", "3", "{x}{y}");
    let scope = recording.scope().capture(Capture::ALL);
    let (small, large) = ("small".to_owned(), "ä".repeat(5 << 20));
    let text = scope.run_sync(|| answer.render([("x", &small), ("y", &large)]));
    let text = text.expect("both have values");
    scope.run_sync(|| call(&recording, &[("latest", &text)]));
    let record = only(&recording);
    let variables = record.prompt.expect("the text is known").variables;
    assert_eq!((&variables["x"], variables["y"].len()), (&small, 64 * 1024));
    let cut = record.cut.and_then(|cut| cut.prompt_variables).expect("the record says so");
    assert_eq!((cut.bytes, cut.missing), (5 + (10 << 20), (10 << 20) - 64 * 1024));
}

#[test]
fn what_was_not_used_for_the_longest_time_is_forgotten() {
    let recording = recording();
    let tone = template("tone", "1", "Be {x}");
    let answer = template("answer", "3", "Answer {x}");
    let (used, unused) = (render(&recording, &tone, "kind"), render(&recording, &tone, "brief"));
    let step = recording.scope().run_sync(|| Step::start(StepKind::Workflow, "all"));
    step.run_sync(|| {
        for n in 0..10_000 {
            answer.render([("x", n)]).expect("x is all it wants");
            if n % 1_000 == 0 {
                call(&recording, &[("latest", &used)]);
                recording.take();
            }
        }
    });
    for (text, prompt) in [
        (used.as_str(), Some("tone@1")),
        (&unused, None),
        ("Answer 0", None),
        ("Answer 5900", None),
        ("Answer 5999", Some("answer@3")),
        ("Answer 9999", Some("answer@3")),
    ] {
        assert_eq!(primary(&called(&recording, &[("latest", text)])).as_deref(), prompt, "{text}");
    }
}

#[test]
fn values_that_are_kept_have_a_bound_too() {
    let recording = recording();
    let answer = template("answer", "3", "{n}{x}");
    let scope = recording.scope().capture(Capture::ALL);
    let x = "x".repeat(60_000);
    let mut texts = Vec::new();
    for n in 0..1_000 {
        let values: [(&str, &dyn Display); 2] = [("n", &n), ("x", &x)];
        texts.push(scope.run_sync(|| answer.render(values)).expect("both have values"));
    }
    let known = |text: &String| called(&recording, &[("latest", text)]).prompt.is_some();
    assert!(known(&texts[999]) && known(&texts[800]));
    assert!(!known(&texts[0]) && !known(&texts[700]), "60 MB are not kept");
}

#[test]
fn a_text_made_outside_of_any_scope_is_known_in_all() {
    let (one, other) = (recording(), recording());
    let text = template("outside", "1", "outside {x}").render([("x", "of all scopes")]);
    let text = text.expect("x is all it wants");
    for recording in [one, other] {
        let record = called(&recording, &[("latest", &text)]);
        assert_eq!(primary(&record).as_deref(), Some("outside@1"));
    }
}

#[test]
fn recorders_do_not_know_each_others_texts() {
    let (one, other) = (recording(), recording());
    let text = render(&one, &template("mine", "1", "mine {x}"), "alone");
    assert_eq!(primary(&called(&other, &[("latest", &text)])), None);
    assert_eq!(primary(&called(&one, &[("latest", &text)])).as_deref(), Some("mine@1"));
}

#[test]
fn nothing_is_remembered_while_observing_is_off() {
    let recording = recording();
    let answer = template("answer", "3", "Answer {x}");
    recording.recorder().set_enabled(false);
    let text = render(&recording, &answer, "?");
    recording.recorder().set_enabled(true);
    assert_eq!(primary(&called(&recording, &[("latest", &text)])), None);
}

#[test]
fn a_variable_without_a_value_is_an_error_that_says_which() {
    let answer = template("answer", "3", "Answer {question} from {context}, {question}");
    assert_eq!(answer.variables(), ["question", "context"]);
    let error: RenderError = answer.render([("contxt", "…")]).unwrap_err();
    assert_eq!(error.missing().collect::<Vec<_>>(), ["question", "context"]);
    assert_eq!(error.to_string(), "the template has no value for question, context");
    let error = answer.render([("question", "?")]).unwrap_err();
    assert_eq!(error.to_string(), "the template has no value for context");
}

#[test]
fn a_value_too_many_is_ignored() {
    let answer = template("answer", "3", "Answer {x}");
    assert_eq!(answer.render([("x", 1), ("y", 2), ("x", 3)]), Ok("Answer 1".to_owned()));
    let none: [(&str, &str); 0] = [];
    assert_eq!(template("hello", "1", "Hello").render(none), Ok("Hello".to_owned()));
}

#[test]
fn a_value_that_cannot_be_written_out_is_as_far_as_it_came() {
    struct GivesUp;
    impl Display for GivesUp {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("so far")?;
            Err(std::fmt::Error)
        }
    }
    let text = template("odd", "1", "<{x}>").render([("x", GivesUp)]);
    assert_eq!(text.as_deref(), Ok("<so far>"));
}

#[test]
fn a_text_with_stray_braces_is_no_template() {
    let error = |text: &str| Template::new("broken", text).expect_err("it is none");
    assert_eq!(error("a {b"), TemplateError::Unclosed { at: 2 });
    assert_eq!(error("a {{ {"), TemplateError::Unclosed { at: 5 });
    assert_eq!(error("a }"), TemplateError::Unopened { at: 2 });
    assert_eq!(error("{a}}"), TemplateError::Unopened { at: 3 });
    for text in ["{}", "{0}", "{a b}", "{a:?}", "{_}", "{ a }", "{a{b}}", "{\n}"] {
        assert_eq!(error(text), TemplateError::NotAName { at: 0 }, "{text}");
    }
    assert_eq!(
        ["{", "}", "{}"].map(|text| error(text).to_string()),
        [
            "the `{` at byte 0 is never closed; a brace of the text is written `{{`",
            "the `}` at byte 0 closes nothing; a brace of the text is written `}}`",
            "the braces at byte 0 hold no variable's name; braces of the text are doubled",
        ]
    );
}

#[test]
fn the_version_defaults_to_the_hash() {
    let template = Template::new("greet", "Say {said}").expect("a template");
    // `printf 'Say {said}' | sha256sum`
    let hash = "b57d83fa674ed46b63a542a5e8aebac97bb379491b68893396ba8d8cbb74d53e";
    assert_eq!((template.hash(), template.version_or_hash()), (hash, "b57d83fa674e"));
    let template = template.version("2");
    assert_eq!((template.hash(), template.version_or_hash()), (hash, "2"));
    assert_eq!(scope().prompt_of("never rendered").session_id(), None);
}

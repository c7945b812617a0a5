//! Records: every place of content, once, before rules and sinks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use llmobs_core::testing::{Memory, samples};
use llmobs_core::{Builder, Content, Llmobs, Record, Redact, ToolCall, Verdict};
use serde_json::json;

const MAIL: &str = "bob@example.com";
const CARD: &str = "4111 1111 1111 1111";

fn start(redact: Redact) -> (Llmobs, Memory) {
    let memory = Memory::default();
    let llmobs = Builder::new().sink(memory.clone()).redact(redact).process_wide(false).start();
    (llmobs.expect("it starts"), memory)
}

/// A record with something to find in each place that may hold content.
fn full() -> Record {
    let mut record = samples::streamed_chat();
    record.content = Some(Box::new(Content {
        input_messages: Some(json!([{"role": "user", "parts": [{"content": MAIL}]}])),
        output_messages: Some(json!([{"parts": [{"content": format!("pay with {CARD}")}]}])),
        system_instructions: Some(json!([{"content": MAIL}])),
        tool_definitions: Some(json!([{"description": MAIL, MAIL: 1}])),
        query: Some(json!(MAIL)),
        arguments: Some(json!({"to": MAIL})),
        result: Some(json!([MAIL])),
        documents: Some(json!([{"text": MAIL}])),
    }));
    record.attributes = BTreeMap::from([("to".into(), MAIL.into())]);
    record.tool_calls =
        vec![ToolCall { arguments: Some(json!({"to": MAIL}).to_string()), ..ToolCall::default() }];
    let mut error = samples::failed().error.expect("it has failed");
    error.message = Some(format!("Invalid: {MAIL}"));
    error.code = Some(MAIL.into());
    error.kind = MAIL.into();
    record.error = Some(error);
    let prompt = record.prompt.get_or_insert_default();
    prompt.variables = BTreeMap::from([("mail".into(), MAIL.into())]);
    record
}

fn pass(llmobs: &Llmobs, memory: &Memory, record: Record) -> Record {
    llmobs.record(record);
    llmobs.flush(Duration::from_secs(10)).expect("the sink takes it");
    memory.records().pop().expect("one came")
}

#[test]
fn every_place_is_redacted_and_counted_by_default() {
    let memory = Memory::default();
    let llmobs = Builder::new().sink(memory.clone()).process_wide(false).start();
    let record = pass(&llmobs.expect("it starts"), &memory, full());
    let line = serde_json::to_string(&record).expect("a record is JSON");
    assert!(!line.contains(MAIL) && !line.contains("4111"), "{line}");
    assert_eq!(record.redacted, BTreeMap::from([("card".into(), 1), ("email".into(), 14)]));
    let arguments = record.tool_calls[0].arguments.as_deref();
    assert_eq!(arguments, Some(r#"{"to":"[redacted:email]"}"#));
}

#[test]
fn with_redaction_off_content_is_as_it_was() {
    let (llmobs, memory) = start(Redact::none());
    let record = pass(&llmobs, &memory, full());
    assert_eq!(record.content, full().content);
    assert_eq!(record.redacted, BTreeMap::new());
}

#[test]
fn rules_see_what_is_left() {
    let seen = Arc::new(Mutex::new(None));
    let rule = Arc::clone(&seen);
    let llmobs = Builder::new()
        .processor(move |record: &mut Record| {
            *rule.lock().expect("no panic") = record.content.clone();
            Verdict::Keep
        })
        .process_wide(false)
        .start()
        .expect("it starts");
    llmobs.record(full());
    llmobs.flush(Duration::from_secs(10)).expect("there is no sink");
    let seen = seen.lock().expect("no panic").take().expect("the rule ran");
    assert!(!serde_json::to_string(&seen).expect("JSON").contains(MAIL));
}

#[test]
fn labels_are_redacted_only_when_asked_for() {
    let label = |redact| {
        let (llmobs, memory) = start(redact);
        let mut record = full();
        record.user_id = Some(MAIL.into());
        record.session_id = Some(MAIL.into());
        record.tags = BTreeMap::from([("by".into(), MAIL.into())]);
        let record = pass(&llmobs, &memory, record);
        [record.user_id, record.session_id, record.tags.get("by").cloned()]
    };
    let found = Some("[redacted:email]".to_owned());
    assert_eq!(label(Redact::all()), [const { None::<String> }; 3].map(|_| Some(MAIL.to_owned())));
    assert_eq!(label(Redact::all().labels(true)), [found.clone(), found.clone(), found]);
}

#[test]
fn a_detector_that_panics_costs_the_content_and_nothing_else() {
    let redact = Redact::all().labels(true).detector("broken", |text, _| {
        assert!(!text.contains("pay"), "a detector that panics");
    });
    let (llmobs, memory) = start(redact);
    let record = pass(&llmobs, &memory, full());
    let line = serde_json::to_string(&record).expect("a record is JSON");
    assert!(!line.contains(MAIL) && !line.contains("4111"), "{line}");
    assert_eq!(record.model.as_deref(), Some("small"));
    assert_eq!(record.content, None);
    assert_eq!(record.cut.and_then(|cut| cut.withheld), Some(4));
    assert_eq!(llmobs.losses().withheld, 1);
    assert_eq!(llmobs.losses().total(), 0);
}

#[test]
fn a_value_deeper_than_can_be_read_is_left_out() {
    let mut deep = json!(MAIL);
    for _ in 0..1_000 {
        deep = json!([deep]);
    }
    let (llmobs, memory) = start(Redact::all());
    let content = Content { input_messages: Some(deep), ..Content::default() };
    let record = Record { content: Some(Box::new(content)), ..samples::step() };
    let record = pass(&llmobs, &memory, record);
    let line = serde_json::to_string(&record).expect("a record is JSON");
    assert!(line.contains("[redacted:depth]") && !line.contains(MAIL));
}

#[test]
fn names_that_become_the_same_lose_no_value() {
    let (llmobs, memory) = start(Redact::all());
    let value =
        json!({"bob@example.com": 1, "eve@example.com": 2, "id": 4_111_111_111_111_111_u64});
    let content = Content { input_messages: Some(value), ..Content::default() };
    let record =
        pass(&llmobs, &memory, Record { content: Some(Box::new(content)), ..samples::step() });
    let expected = json!({"[redacted:email]": 1, "[redacted:email] 2": 2, "id": "[redacted:card]"});
    assert_eq!(record.content.and_then(|content| content.input_messages), Some(expected));
}

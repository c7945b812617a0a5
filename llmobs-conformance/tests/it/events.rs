//! Events, each wrong in one way.

use llmobs_conformance::Class;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::{Value, json};

use crate::made::{any, assert_only, attributes, checker, logs, set};

/// What went in and came out of a chat.
fn details() -> LogRecord {
    LogRecord {
        time_unix_nano: 1,
        severity_number: 5,
        severity_text: "DEBUG".into(),
        body: Some(any(&json!("chat small"))),
        attributes: attributes(&json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "small",
            "gen_ai.input.messages":
                [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}],
            "llmobs.outcome": "completed",
        })),
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        event_name: "gen_ai.client.inference.operation.details".into(),
        ..LogRecord::default()
    }
}

/// A judgement of an answer.
fn judged() -> LogRecord {
    LogRecord {
        event_name: "gen_ai.evaluation.result".into(),
        severity_number: 9,
        severity_text: "INFO".into(),
        attributes: attributes(&json!({
            "gen_ai.evaluation.name": "relevance",
            "gen_ai.evaluation.score.value": 0.5,
        })),
        ..details()
    }
}

#[track_caller]
fn wrong(event: LogRecord, class: Class, attribute: Option<&str>) {
    if let Some(checker) = checker() {
        assert_only(&checker.check_logs(&logs(vec![event])), class, attribute);
    }
}

fn with(key: &str, value: Value) -> LogRecord {
    let mut event = details();
    set(&mut event.attributes, key, &value);
    event
}

#[test]
fn what_is_right_has_nothing_wrong() {
    let Some(checker) = checker() else { return };
    let thrown = LogRecord {
        event_name: "gen_ai.client.operation.exception".into(),
        severity_number: 13,
        severity_text: "WARN".into(),
        attributes: attributes(
            &json!({"exception.type": "timeout", "gen_ai.operation.name": "chat"}),
        ),
        ..details()
    };
    let apart = LogRecord { trace_id: Vec::new(), span_id: Vec::new(), ..judged() };
    let all = vec![details(), judged(), thrown, apart];
    assert_eq!(checker.check_logs(&logs(all)), []);
}

#[test]
fn names() {
    let named = |name: &str| LogRecord { event_name: name.into(), ..details() };
    wrong(named("gen_ai.user.message"), Class::UnknownEvent, None);
    wrong(named(""), Class::UnknownEvent, None);
}

#[test]
fn bodies() {
    wrong(LogRecord { body: None, ..details() }, Class::MissingBody, None);
    wrong(LogRecord { body: Some(any(&json!(""))), ..details() }, Class::MissingBody, None);
    wrong(LogRecord { body: Some(any(&json!({"a": 1}))), ..details() }, Class::BadBody, None);
    wrong(LogRecord { body: Some(any(&json!("a\nb"))), ..details() }, Class::BadBody, None);
}

#[test]
fn severities() {
    let info = LogRecord { severity_number: 9, severity_text: "INFO".into(), ..details() };
    wrong(info, Class::WrongSeverity, None);
    let two = LogRecord { severity_text: "WARN".into(), ..details() };
    wrong(two, Class::WrongSeverity, None);
}

#[test]
fn content_is_structure() {
    let key = "gen_ai.input.messages";
    wrong(with(key, json!("[{\"role\":\"user\",\"parts\":[]}]")), Class::ContentForm, Some(key));
    wrong(with(key, json!([{"role": "user"}])), Class::ContentSchema, Some(key));
}

#[test]
fn attributes_follow_the_registry() {
    let key = "gen_ai.operation.name";
    wrong(with(key, Value::Null), Class::MissingRequired, Some(key));
    let key = "gen_ai.tool.name";
    wrong(with(key, json!("x")), Class::AttributeNotAllowed, Some(key));
    let thrown = LogRecord {
        event_name: "gen_ai.client.operation.exception".into(),
        severity_number: 13,
        severity_text: "WARN".into(),
        attributes: attributes(&json!({"gen_ai.operation.name": "chat"})),
        ..details()
    };
    wrong(thrown, Class::MissingConditional, Some("exception.type"));
}

#[test]
fn ids_and_times() {
    wrong(LogRecord { trace_id: Vec::new(), ..details() }, Class::BadId, None);
    wrong(LogRecord { span_id: vec![0; 8], ..details() }, Class::BadId, None);
    wrong(LogRecord { time_unix_nano: 0, ..details() }, Class::BadTime, None);
}

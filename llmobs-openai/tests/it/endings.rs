//! Where an answer stops: what makes it complete, and what does not.

use llmobs_core::{BodyEnd, TransportError};
use serde_json::{Value, json};

use crate::exchange::Exchange;

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";
const RESPONSES: &str = "/v1/responses";

const CUT: BodyEnd = BodyEnd::Failed(TransportError::Broken);

const CREATED: &str = r#"{"type":"response.created","response":{"id":"r","status":"in_progress"}}"#;
const DELTA: &str = r#"{"type":"response.output_text.delta","output_index":0,"delta":"a"}"#;
const COMPLETED: &str = r#"{"type":"response.completed","response":{"status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"a"}]}]}}"#;
const CANCELLED: &str =
    r#"{"type":"response.cancelled","response":{"id":"r","status":"cancelled"}}"#;

/// The record of a stream of these events with this end.
fn streamed(path: &str, request: &str, events: &[&str], end: BodyEnd) -> Value {
    let response: String = events
        .iter()
        .map(|event| match event.split_once('|') {
            Some((name, data)) if !name.contains('{') => format!("event: {name}\ndata: {data}\n\n"),
            _ => format!("data: {event}\n\n"),
        })
        .collect();
    let headers = &[("content-type", "text/event-stream")];
    Exchange { path, request, headers, response: &response, end, ..Exchange::default() }.line()
}

#[track_caller]
fn ends(path: &str, request: &str, events: &[&str], expected: &str) {
    for end in [CUT, BodyEnd::Dropped, BodyEnd::Complete] {
        let line = streamed(path, request, events, end);
        let unmarked = match end {
            BodyEnd::Complete => "interrupted",
            BodyEnd::Dropped => "dropped",
            _ => "failed",
        };
        let expected = if expected == "unmarked" { unmarked } else { expected };
        let outcome = line.get("outcome");
        assert_eq!(outcome, Some(&json!(expected)), "{events:?} {end:?}: {line}");
        let kept = line.pointer("/content/output_messages/0/parts/0/content");
        assert_eq!(kept, Some(&json!("a")), "{line}");
    }
}

#[test]
fn a_response_is_complete_with_its_last_event_however_the_body_ends() {
    let request = r#"{"stream":true}"#;
    ends(RESPONSES, request, &[CREATED, DELTA, COMPLETED], "completed");
    ends(RESPONSES, request, &[CREATED, DELTA, CANCELLED], "completed");
    ends(RESPONSES, request, &[CREATED, DELTA], "unmarked");
    let line = streamed(RESPONSES, request, &[CREATED, CANCELLED], BodyEnd::Complete);
    assert_eq!(line["response_status"], "cancelled");
}

#[test]
fn an_answer_with_choices_is_complete_with_the_last_of_them() {
    let request = r#"{"stream":true,"n":2}"#;
    let first = r#"{"choices":[{"index":0,"text":"a","delta":{"content":"a"}}]}"#;
    let stop = |index| format!(r#"{{"choices":[{{"index":{index},"finish_reason":"stop"}}]}}"#);
    for path in [CHAT, COMPLETIONS] {
        ends(path, request, &[first, &stop(0)], "unmarked");
        ends(path, request, &[first, &stop(0), &stop(1)], "completed");
        ends(path, request, &[first, &stop(0), "[DONE]"], "completed");
        ends(path, r#"{"stream":true}"#, &[first, &stop(0)], "completed");
        // A choice that nobody asked for, and that began, has to end too.
        let second = first.replace("0", "1");
        ends(path, r#"{"stream":true}"#, &[first, &second, &stop(0)], "unmarked");
    }
}

#[test]
fn a_whole_answer_to_a_streamed_request_is_read_as_one() {
    let chat =
        r#"{"choices":[{"index":0,"text":"a","message":{"content":"a"},"finish_reason":"stop"}]}"#;
    let response = r#"{"id":"r","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"a"}]}]}"#;
    for (path, response) in [(CHAT, chat), (COMPLETIONS, chat), (RESPONSES, response)] {
        for content_type in ["application/json", "text/event-stream"] {
            let headers = &[("content-type", content_type)];
            let request = r#"{"stream":true}"#;
            let line = Exchange { path, request, headers, response, ..Exchange::default() }.line();
            assert_eq!(line["outcome"], "completed", "{path}");
            assert!(line["wire"]["malformed"].is_null(), "{path}: {line}");
            assert_eq!(
                line["content"]["output_messages"][0]["parts"],
                json!([{"type": "text", "content": "a"}]),
                "{path}"
            );
            let half = &response[..response.len() / 2];
            let line = Exchange {
                path,
                request,
                headers,
                response: half,
                end: CUT,
                ..Exchange::default()
            }
            .line();
            assert_eq!(line["outcome"], "failed", "{path}");
            assert_eq!(line["error"]["class"], "transport", "{path}");
        }
    }
}

#[test]
fn an_event_named_error_is_one_whatever_its_data_looks_like() {
    let shapes = [
        (r#"error|{"type":"overloaded_error","message":"no"}"#, "overloaded_error", "overloaded"),
        (r#"error|{"error":{"type":"overloaded_error"}}"#, "overloaded_error", "overloaded"),
        (r#"error|{"error":"no"}"#, "_OTHER", "_OTHER"),
        (r#"error|{"code":"rate_limit_exceeded"}"#, "rate_limit_exceeded", "rate_limit"),
        (r#"error|{"message":"no"}"#, "_OTHER", "_OTHER"),
        (r#"error|no"#, "_OTHER", "_OTHER"),
        (r#"error|"no""#, "_OTHER", "_OTHER"),
        (r#"error|[]"#, "_OTHER", "_OTHER"),
    ];
    for path in [CHAT, COMPLETIONS, RESPONSES] {
        for (event, kind, class) in shapes {
            let line = streamed(path, r#"{"stream":true}"#, &[event], BodyEnd::Complete);
            assert_eq!(line["outcome"], "failed", "{path} {event}: {line}");
            let found = (&line["error"]["type"], &line["error"]["class"]);
            assert_eq!(found, (&json!(kind), &json!(class)), "{path} {event}");
        }
    }
}

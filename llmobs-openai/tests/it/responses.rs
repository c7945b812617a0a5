//! The Responses API, where servers and situations differ.

use llmobs_core::Capture;
use serde_json::{Value, json};

use crate::exchange::Exchange;

/// The line of a streamed response with these events.
fn streamed(events: &[&str], capture: Capture) -> Value {
    let response: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let (path, request) = ("/v1/responses", r#"{"model":"m","stream":true}"#);
    Exchange { path, request, response: &response, capture, ..Exchange::default() }.line()
}

const DELTA: &str = r#"{"type":"response.output_text.delta","output_index":0,"delta":"half"}"#;

#[test]
fn a_stream_is_read_without_numbers_and_event_lines() {
    let line = streamed(
        &[
            r#"{"type":"response.created","response":{"id":"r","status":"in_progress","output":[]}}"#,
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message"}}"#,
            DELTA,
            r#"{"type":"response.completed","response":{"id":"r","status":"completed","usage":{"input_tokens":1,"output_tokens":2}}}"#,
            "[DONE]",
        ],
        Capture::ALL,
    );
    assert_eq!(line["outcome"], "completed");
    assert_eq!(line["wire"]["events"], 4);
    assert_eq!(line["wire"]["first_token_event"], 2);
    assert_eq!(line["response_status"], "completed");
    assert_eq!(line["output_item_types"], json!(["message"]));
    assert_eq!(line["output_tokens"], 2);
    let part = json!({"type": "text", "content": "half"});
    assert_eq!(line["content"]["output_messages"][0]["parts"], json!([part]));
}

#[test]
fn the_whole_output_replaces_what_led_to_it() {
    let done = r#"{"type":"response.completed","response":{"status":"completed","output":[
        {"type":"message","content":[{"type":"output_text","text":"half and half"}]},
        {"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}]}}"#
        .replace('\n', " ");
    let arguments =
        r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":"{\"a"}"#;
    let line = streamed(&[DELTA, arguments, &done], Capture::ALL);
    let parts = json!([
        {"type": "text", "content": "half and half"},
        {"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}},
    ]);
    assert_eq!(line["content"]["output_messages"][0]["parts"], parts);
    assert_eq!(line["tool_calls"][0]["arguments"], r#"{"a":1}"#);
    assert_eq!(line["cut"], Value::Null);
}

#[test]
fn a_stream_without_its_end_is_interrupted() {
    let line = streamed(&[DELTA], Capture::ALL);
    assert_eq!(line["outcome"], "interrupted");
    assert_eq!(line["wire"]["end_marker"], false);
}

#[test]
fn an_answer_cut_by_a_limit_is_complete_and_says_why() {
    let end = r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}}"#;
    let line = streamed(&[DELTA, end], Capture::ALL);
    assert_eq!(line["outcome"], "completed");
    assert_eq!(line["finish_reasons"], json!(["max_output_tokens"]));
}

#[test]
fn errors_are_read_wherever_they_stand() {
    for event in [
        r#"{"type":"error","code":"server_error","message":"no","param":null}"#,
        r#"{"type":"error","error":{"code":"server_error","message":"no"}}"#,
        r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"no"}}}"#,
        r#"{"error":{"code":"server_error","message":"no"}}"#,
    ] {
        let line = streamed(&[DELTA, event], Capture::ALL);
        assert_eq!(line["outcome"], "failed", "{event}");
        let kind = "server_error";
        let error = json!({"type": kind, "class": kind, "code": kind, "message": "no"});
        assert_eq!(line["error"], error, "{event}");
    }
}

#[test]
fn a_response_that_failed_without_saying_why_has_failed() {
    let line =
        streamed(&[r#"{"type":"response.failed","response":{"status":"failed"}}"#], Capture::ALL);
    assert_eq!(line["outcome"], "failed");
    assert_eq!(line["error"]["type"], "_OTHER");
}

#[test]
fn without_leave_no_text_and_no_argument_is_kept() {
    let canary = [
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","name":"f","call_id":"c","arguments":"canary"}}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"canary"}"#,
        r#"{"type":"response.output_text.delta","output_index":1,"delta":"canary"}"#,
        r#"{"type":"response.refusal.delta","output_index":1,"delta":"canary"}"#,
        r#"{"type":"response.reasoning_summary_text.delta","output_index":2,"delta":"canary"}"#,
        r#"{"type":"response.completed","response":{"output":[{"type":"message","content":[{"type":"output_text","text":"canary"}]}]}}"#,
        r#"{"type":"error","message":"canary sings"}"#,
    ];
    let line = streamed(&canary, Capture::NONE);
    assert!(!line.to_string().contains("canary"), "{line}");
    assert_eq!(line["wire"]["output_events"], 5);
    assert_eq!(line["safety"]["refusal"], true);
    assert!(streamed(&canary, Capture::ALL).to_string().contains("canary"));
}

#[test]
fn a_fetched_response_is_an_operation_of_its_own() {
    let response = r#"{"id":"r","status":"completed","usage":{"input_tokens":1},"output":[]}"#;
    let exchange = Exchange {
        method: "GET",
        path: "/v1/responses/r",
        request: "",
        response,
        ..Exchange::default()
    };
    let line = exchange.line();
    assert_eq!(line["operation"], "fetch_response");
    assert_eq!(line["input_tokens"], 1);
}

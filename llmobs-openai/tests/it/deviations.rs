//! What servers send that the format does not have, each by itself.

#![expect(clippy::indexing_slicing, reason = "JSON by name, in a test")]

use llmobs_core::{BodyEnd, Capture};
use serde_json::{Value, json};

use crate::exchange::{Exchange, streamed};

const STREAM: &str = r#"{"model":"m","stream":true}"#;
const TWO: &str = r#"{"model":"m","stream":true,"n":2}"#;

#[test]
fn members_of_wrong_types_are_as_if_they_were_not_there() {
    let line = streamed(
        STREAM,
        &[
            r#"{"id":7,"model":["m"],"created":1.5,"service_tier":{},"choices":[
                {"index":"0","delta":{"role":3,"content":"a","tool_calls":"none","refusal":[]},
                 "finish_reason":false,"logprobs":[1]}],"usage":[]}"#
                .replace('\n', " ")
                .as_str(),
            r#"{"id":"x","model":"m-1","choices":[{"index":0,"delta":{"content":"b"}}]}"#,
            r#"{"choices":{},"usage":{"prompt_tokens":"9","completion_tokens":2.0,"total_tokens":-1}}"#,
            r#"{"choices":[null,7,"x",{"index":0,"delta":[],"finish_reason":"stop"}]}"#,
        ],
    );
    assert_eq!(line["response_id"], "x");
    assert_eq!(line["model_version"], "m-1");
    assert_eq!(line["finish_reasons"], json!(["stop"]));
    assert_eq!(line["output_tokens"], 2);
    assert_eq!(line["input_tokens"], Value::Null);
    assert_eq!(text(&line, 0), "ab");
    assert_eq!(line["outcome"], "completed");
    assert_eq!(line["wire"]["malformed"], Value::Null);
}

#[test]
fn a_stream_without_an_end_marker_is_complete_when_every_choice_has_finished() {
    let finish = |index| {
        format!(r#"{{"choices":[{{"index":{index},"delta":{{}},"finish_reason":"stop"}}]}}"#)
    };
    let one = streamed(TWO, &[&finish(0)]);
    assert_eq!(one["outcome"], "interrupted");
    assert_eq!(one["wire"]["end_marker"], false);
    let both = streamed(TWO, &[&finish(1), &finish(0)]);
    assert_eq!(both["outcome"], "completed");
}

#[test]
fn a_finish_reason_that_is_a_sentence_is_an_end_and_not_kept() {
    let line = streamed(
        STREAM,
        &[r#"{"choices":[{"index":0,"delta":{},"finish_reason":"they said they were done"}]}"#],
    );
    assert_eq!(line["outcome"], "completed");
    assert_eq!(line["finish_reason"], "_OTHER");
}

#[test]
fn an_empty_finish_reason_is_no_end() {
    let line = streamed(
        STREAM,
        &[r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":""}]}"#],
    );
    assert_eq!(line["outcome"], "interrupted");
}

#[test]
fn an_empty_answer_to_a_streaming_request_is_an_interrupted_stream() {
    let line = streamed(STREAM, &[]);
    assert_eq!(line["outcome"], "interrupted");
    assert_eq!(line["wire"]["events"], 0);
    assert_eq!(line["wire"]["end_marker"], false);
}

#[test]
fn a_stream_that_nobody_asked_for_is_read_as_one() {
    let response =
        "event: x\ndata: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n";
    let line = Exchange { response, ..Exchange::default() }.line();
    assert_eq!(line["wire"]["events"], 1);
    assert_eq!(line["wire"]["end_marker"], true);
    assert_eq!(line["outcome"], "completed");
}

#[test]
fn choices_are_told_apart_by_index_not_by_position() {
    let line = streamed(
        TWO,
        &[
            r#"{"choices":[{"index":1,"delta":{"content":"b"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"B"}}]}"#,
            r#"{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#,
        ],
    );
    assert_eq!((text(&line, 0).as_str(), text(&line, 1).as_str()), ("a", "bB"));
    assert_eq!(line["finish_reasons"], json!([null, "length"]));
    assert_eq!(line["finish_reason"], Value::Null);
}

#[test]
fn usage_is_the_last_one_that_says_anything() {
    let line = streamed(
        STREAM,
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":3,"completion_tokens":2,"queue_time":0.25}}}"#,
            r#"{"choices":[],"usage":{}}"#,
            r#"{"choices":[],"usage":null}"#,
        ],
    );
    assert_eq!((&line["input_tokens"], &line["output_tokens"]), (&json!(3), &json!(2)));
    assert_eq!(line["usage"]["source"], "reported");
    assert_eq!(line["usage"]["inconsistent"], Value::Null);
    assert_eq!(line["server_timing"]["queue_ms"], 250.0);
}

#[test]
fn one_usage_per_choice_is_inconsistent_and_kept_as_it_was() {
    let text = |index| format!(r#"{{"choices":[{{"index":{index},"delta":{{"content":"a"}}}}]}}"#);
    let line = streamed(
        TWO,
        &[
            &text(0),
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}"#,
            &text(1),
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":7}}"#,
        ],
    );
    assert_eq!(line["output_tokens"], 7);
    assert_eq!(line["usage"]["inconsistent"], true);
    let line = streamed(
        TWO,
        &[
            &text(0),
            &text(1),
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":9}}"#,
        ],
    );
    assert_eq!(line["usage"]["inconsistent"], Value::Null);
}

#[test]
fn counts_that_cannot_be_true_together_are_inconsistent() {
    let flagged = |usage: &str| {
        let response = format!(r#"{{"choices":[],"usage":{usage}}}"#);
        let line = Exchange { response: &response, ..Exchange::default() }.line();
        line["usage"]["inconsistent"] == true
    };
    assert!(flagged(r#"{"prompt_tokens":5,"completion_tokens":1,"cached_tokens":6}"#));
    assert!(flagged(r#"{"prompt_tokens":5,"completion_tokens":1,"reasoning_tokens":2}"#));
    assert!(flagged(r#"{"prompt_tokens":5,"completion_tokens":1,"total_tokens":5}"#));
    // Counted beside the output, as the total says.
    assert!(!flagged(
        r#"{"prompt_tokens":5,"completion_tokens":1,"reasoning_tokens":2,"total_tokens":8}"#
    ));
    assert!(!flagged(r#"{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6}"#));
}

#[test]
fn tool_calls_are_joined_by_index_by_id_and_by_position() {
    let event =
        |calls: &str| format!(r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":{calls}}}}}]}}"#);
    let calls = |line: &Value| -> Vec<String> {
        let calls = line["tool_calls"].as_array().expect("calls").iter();
        calls.map(|it| format!("{} {}", it["name"], it["arguments"])).collect()
    };
    let by_index = streamed(
        STREAM,
        &[
            &event(
                r#"[{"index":1,"id":"b","function":{"name":"g","arguments":""}},{"index":0,"id":"a","function":{"name":"f","arguments":"1"}}]"#,
            ),
            &event(
                r#"[{"index":0,"function":{"arguments":"2"}},{"index":1,"function":{"arguments":"3"}}]"#,
            ),
        ],
    );
    assert_eq!(calls(&by_index), [r#""f" "12""#, r#""g" "3""#]);
    let by_id = streamed(
        STREAM,
        &[
            &event(r#"[{"id":"a","function":{"name":"f","arguments":"1"}}]"#),
            &event(r#"[{"id":"b","function":{"name":"g","arguments":{"x":1}}}]"#),
            &event(r#"[{"id":"a","function":{"arguments":"2"}}]"#),
        ],
    );
    assert_eq!(calls(&by_id), [r#""f" "12""#, r#""g" "{\"x\":1}""#]);
    let by_position = streamed(
        STREAM,
        &[
            &event(r#"[{"id":"a","function":{"name":"f","arguments":"1"}}]"#),
            &event(r#"[{"function":{"arguments":"2"}}]"#),
        ],
    );
    assert_eq!(calls(&by_position), [r#""f" "12""#]);
}

#[test]
fn only_the_delta_counts_beside_a_message_that_grows() {
    let line = streamed(
        STREAM,
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"a"},"message":{"content":"a"},"text":"a"}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"b"},"message":{"content":"ab"},"text":"b"}]}"#,
            r#"{"choices":[{"index":0,"message":{"content":"ab"},"finish_reason":"stop"}]}"#,
        ],
    );
    assert_eq!(text(&line, 0), "ab");
    assert_eq!(line["wire"]["output_events"], 2);
    let whole = streamed(
        STREAM,
        &[r#"{"choices":[{"index":0,"message":{"content":"ab"},"finish_reason":"stop"}]}"#],
    );
    assert_eq!(text(&whole, 0), "ab");
}

#[test]
fn reasoning_is_found_in_each_of_its_places_and_taken_once() {
    let reasoned = |delta: &str| {
        let line =
            streamed(STREAM, &[&format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#)]);
        assert_eq!(line["wire"]["output_events"], 1, "{delta}");
        parts(&line, 0, "reasoning")
    };
    for delta in [
        r#"{"reasoning_content":"why"}"#,
        r#"{"reasoning":"why","reasoning_details":[{"type":"reasoning.text","text":"why"}]}"#,
        r#"{"reasoning":null,"reasoning_details":[{"type":"reasoning.summary","summary":"why"}]}"#,
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"why"}]}]}"#,
        r#"{"content":[{"type":"thinking","thinking":"why"}]}"#,
    ] {
        assert_eq!(reasoned(delta), "why", "{delta}");
    }
    let encrypted = r#"{"choices":[{"index":0,"delta":{"reasoning_details":[{"data":"x"}]}}]}"#;
    assert_eq!(streamed(STREAM, &[encrypted])["wire"]["output_events"], 0);
}

#[test]
fn a_text_cut_inside_a_character_is_still_read() {
    let line = streamed(
        STREAM,
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"a\ud83d"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"\ude00b"}}]}"#,
        ],
    );
    assert_eq!(line["wire"]["malformed"], Value::Null);
    assert!(text(&line, 0).starts_with('a') && text(&line, 0).ends_with('b'));
}

#[test]
fn a_malformed_event_is_counted_and_the_stream_goes_on() {
    let line = streamed(
        STREAM,
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}"#,
            "7",
            r#"{"choices":[{"index":0,"delta":{"content":"b"}}]}"#,
            "[DONE]",
        ],
    );
    assert_eq!(line["wire"]["malformed"], 2);
    assert_eq!(line["wire"]["events"], 3);
    assert_eq!(text(&line, 0), "b");
    assert_eq!(line["outcome"], "completed");
}

#[test]
fn an_error_inside_a_stream_fails_the_call_and_keeps_what_came_before() {
    let line = streamed(
        STREAM,
        &[
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#,
            r#"{"error":{"message":"no","type":null,"code":502}}"#,
        ],
    );
    assert_eq!(line["outcome"], "failed");
    assert_eq!(
        line["error"],
        json!({"type": "502", "class": "server_error", "code": "502", "message": "no"})
    );
    assert_eq!(line["http_status"], 200);
    assert_eq!(text(&line, 0), "a");
}

#[test]
fn errors_are_read_in_all_their_shapes() {
    let error = |status, response| {
        let line = Exchange { status, response, request: STREAM, ..Exchange::default() }.line();
        assert_eq!(line["outcome"], "failed", "{response}");
        let error = &line["error"];
        format!("{} {} {}", error["type"], error["code"], error["message"])
    };
    let check = |status, response, expected: &str| assert_eq!(error(status, response), expected);
    check(
        404,
        r#"{"error":{"message":"no","type":"t","code":"c","param":null}}"#,
        r#""t" "c" "no""#,
    );
    check(
        400,
        r#"{"error":{"code":400,"message":"no","status":"INVALID"}}"#,
        r#""INVALID" "400" "no""#,
    );
    check(400, r#"[{"error":{"code":400,"message":"no"}}]"#, r#""400" "400" "no""#);
    // Azure's, of a prompt that its filter refused.
    check(
        400,
        r#"{"error":{"message":"no","type":null,"code":"content_filter","status":400}}"#,
        r#""content_filter" "content_filter" "no""#,
    );
    check(400, r#"{"code":"bad","error":"no"}"#, r#""bad" "bad" "no""#);
    check(401, r#"{"detail":"no"}"#, r#""401" null "no""#);
    check(422, r#"{"detail":[{"msg":"no"}]}"#, r#""422" null "[{\"msg\":\"no\"}]""#);
    check(400, r#"{"object":"error","message":"no","type":"t","code":3}"#, r#""t" "3" "no""#);
    check(200, r#"{"object":"error","message":"no","type":"t","code":3}"#, r#""t" "3" "no""#);
    check(429, "slow down", r#""429" null "slow down""#);
    check(500, "data: {\"error\":{\"message\":\"no\",\"type\":\"t\"}}\n\n", r#""t" null "no""#);
    check(502, "", r#""502" null null"#);
}

#[test]
fn without_leave_only_identifiers_are_taken_from_errors() {
    let response =
        r#"{"error":{"message":"canary","type":"the canary sang","code":"canary sings"}}"#;
    let exchange = Exchange { status: 400, response, ..Exchange::default() };
    let line = Exchange { capture: Capture::NONE, ..exchange }.line();
    assert_eq!(line["error"], json!({"type": "400", "class": "invalid_request", "status": 400}));
    assert_eq!(exchange.line()["error"]["type"], "the canary sang");
}

#[test]
fn headers_tell_ids_limits_times_and_caches() {
    let headers = &[
        ("x-request-id", "req_1"),
        ("x-ratelimit-remaining-requests", "9"),
        ("x-ratelimit-limit-tokens", "100"),
        ("x-ratelimit-reset-tokens", "6m0s"),
        ("retry-after", "2"),
        ("openai-processing-ms", "404"),
        ("cf-aig-cache-status", "HIT"),
    ];
    let line = Exchange { headers, response: r#"{"choices":[]}"#, ..Exchange::default() }.line();
    assert_eq!(line["provider_request_id"], "req_1");
    let limits = json!({
        "remaining_requests": 9, "limit_tokens": 100, "reset_tokens": "6m0s", "retry_after_ms": 2000.0,
    });
    assert_eq!(line["rate_limit"], limits);
    assert_eq!(line["server_timing"]["processing_ms"], 404.0);
    assert_eq!(line["cache_hit"], true);
    let exact = &[("retry-after", "2"), ("retry-after-ms", "1500"), ("x-cache", "Miss from edge")];
    let line = Exchange { headers: exact, ..Exchange::default() }.line();
    assert_eq!(line["rate_limit"]["retry_after_ms"], 1500.0);
    assert_eq!(line["cache_hit"], false);
}

#[test]
fn log_probabilities_are_summed_up() {
    let response = r#"{"choices":[{"index":0,"message":{"content":"ab"},"logprobs":{"content":[
        {"token":"a","logprob":-0.6931471805599453,"top_logprobs":[{"logprob":-0.6931471805599453},{"logprob":-0.6931471805599453}]},
        {"token":"b","logprob":0.0,"top_logprobs":[{"logprob":0.0}]}]}}]}"#;
    let line = Exchange { response, ..Exchange::default() }.line();
    let close = |value: &Value, to: f64| (value.as_f64().expect("a number") - to).abs() < 1e-9;
    assert_eq!(line["logprobs"]["tokens"], 2);
    assert!(close(&line["logprobs"]["mean"], -std::f64::consts::LN_2 / 2.0));
    assert!(close(&line["logprobs"]["entropy"], std::f64::consts::LN_2 / 2.0));
}

#[test]
fn an_answer_that_breaks_off_keeps_the_partial_text() {
    let response =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"half\"}}]}\n\ndata: {\"cho";
    let line =
        Exchange { request: STREAM, response, end: BodyEnd::Dropped, ..Exchange::default() }.line();
    assert_eq!(line["outcome"], "dropped");
    assert_eq!(text(&line, 0), "half");
    assert_eq!(line["content"]["output_messages"][0]["finish_reason"], Value::Null);
}

fn text(line: &Value, choice: usize) -> String {
    parts(line, choice, "text")
}

fn parts(line: &Value, choice: usize, kind: &str) -> String {
    let parts = line["content"]["output_messages"][choice]["parts"].as_array().expect("parts");
    let parts = parts.iter().filter(|part| part["type"] == kind);
    parts.map(|part| part["content"].as_str().expect("a text")).collect()
}

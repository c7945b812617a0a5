//! What is neither chat, completion, embedding nor response.

use llmobs_core::{BodyEnd, Capture, TransportError};
use serde_json::{Value, json};

use crate::exchange::Exchange;

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const SSE: &[(&str, &str)] = &[("content-type", "text/event-stream")];
const MP3: &[(&str, &str)] = &[("content-type", "audio/mpeg"), ("x-request-id", "req_1")];

fn whole(path: &str, request: &str, response: &str) -> Value {
    Exchange { path, request, response, headers: JSON, ..Exchange::default() }.line()
}

/// A piece of a transcript.
const DELTA: &str = r#"{"type":"transcript.text.delta","delta":"hel"}"#;

fn sse(events: &[&str]) -> String {
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

#[test]
fn an_image_has_its_model_tokens_and_size_but_no_byte_of_it() {
    let request =
        r#"{"model":"gpt-image-1","prompt":"a parrot","n":2,"response_format":"b64_json"}"#;
    let response = r#"{"created":1,"output_format":"png","data":[{"b64_json":"aGVsbG8="},{"url":"https://a.test/?sig=s3cret"}],
        "usage":{"total_tokens":1160,"input_tokens":104,"output_tokens":1056,
        "input_tokens_details":{"text_tokens":4,"image_tokens":100},"output_tokens_details":{"image_tokens":1056}}}"#;
    let line = whole("/v1/images/generations", request, response);
    assert_eq!(line["operation"], "generate_content");
    assert_eq!((&line["api"], &line["outcome"]), (&json!("images"), &json!("completed")));
    assert_eq!(line["model"], "gpt-image-1");
    assert_eq!(line["params"], json!({"n": 2, "response_format": "b64_json"}));
    assert_eq!((&line["input_tokens"], &line["output_tokens"]), (&json!(104), &json!(1056)));
    let usage = &line["usage"];
    assert_eq!(
        (&usage["text_input_tokens"], &usage["image_input_tokens"]),
        (&json!(4), &json!(100))
    );
    assert_eq!(usage["image_output_tokens"], 1056);
    assert_eq!(usage["source"], "reported");
    let said = &line["content"]["output_messages"][0]["parts"];
    let blob = json!({"type": "blob", "modality": "image", "mime_type": "image/png", "bytes": 5, "sha256": said[0]["sha256"]});
    assert_eq!(*said, json!([blob, {"type": "uri", "modality": "image"}]));
    assert_eq!(line["content"]["input_messages"][0]["parts"][0]["content"], "a parrot");
    assert_eq!((line.get("cut"), line.get("ttft_ms")), (None, None));
}

#[test]
fn a_transcript_counts_tokens_or_seconds() {
    let tokens = r#"{"text":"hello","usage":{"type":"tokens","input_tokens":14,"output_tokens":3,
        "total_tokens":17,"input_token_details":{"text_tokens":2,"audio_tokens":12}}}"#;
    let line = whole("/v1/audio/transcriptions", "", tokens);
    assert_eq!((&line["operation"], &line["input_tokens"]), (&json!("transcription"), &json!(14)));
    assert_eq!(line["usage"]["audio_input_tokens"], 12);
    assert_eq!(line["content"]["output_messages"][0]["parts"][0]["content"], "hello");
    assert_eq!(line.get("model"), None, "it was in a form");

    let seconds = r#"{"text":"hello","usage":{"type":"duration","seconds":9}}"#;
    let line = whole("/v1/audio/transcriptions", "", seconds);
    assert_eq!(line["usage"], json!({"audio_seconds": 9.0, "source": "reported"}));
    assert_eq!((line.get("input_tokens"), line.get("output_tokens")), (None, None));

    let verbose = r#"{"text":"hello","duration":"8.47","language":"english"}"#;
    let line = whole("/v1/audio/translations", "", verbose);
    assert_eq!(
        (&line["operation"], &line["usage"]["audio_seconds"]),
        (&json!("translation"), &json!(8.47))
    );
}

#[test]
fn a_transcript_may_be_plain_text() {
    let headers = &[("content-type", "text/plain; charset=utf-8")];
    let path = "/v1/audio/transcriptions";
    let exchange = Exchange { path, headers, response: "hello there\n", ..Exchange::default() };
    let line = exchange.line();
    assert_eq!(line["outcome"], "completed");
    assert_eq!(line["content"]["output_messages"][0]["parts"][0]["content"], "hello there");
    assert_eq!(line["wire"].get("malformed"), None);
    let line = Exchange { capture: Capture::NONE, ..exchange }.line();
    assert!(!line.to_string().contains("hello"), "{line}");
}

#[test]
fn a_stream_of_speech_is_timed_and_ends_with_its_usage() {
    let events = sse(&[
        r#"{"type":"speech.audio.delta","audio":"aGVsbG8="}"#,
        r#"{"type":"speech.audio.delta","audio":"aGVsbG8="}"#,
        r#"{"type":"speech.audio.done","usage":{"input_tokens":4,"output_tokens":40,"total_tokens":44}}"#,
    ]);
    let request = r#"{"model":"gpt-4o-mini-tts","input":"a parrot","stream_format":"sse"}"#;
    let path = "/v1/audio/speech";
    let exchange =
        Exchange { path, request, headers: SSE, response: &events, ..Exchange::default() };
    let line = exchange.line();
    assert_eq!((&line["outcome"], &line["stream"]), (&json!("completed"), &json!(true)));
    assert_eq!((&line["wire"]["events"], &line["wire"]["output_events"]), (&json!(3), &json!(2)));
    assert_eq!(line["wire"]["end_marker"], true);
    assert_eq!(line["ttft_ms"], 10.0);
    assert_eq!(line["output_tokens"], 40);
    assert!(!line.to_string().contains("aGVs"), "{line}");

    let cut = &events[..events.len() / 2];
    let line = Exchange { response: cut, ..exchange }.line();
    assert_eq!(line["outcome"], "interrupted");
    let line = Exchange { response: cut, end: BodyEnd::Dropped, ..exchange }.line();
    assert_eq!(line["outcome"], "dropped");
    let line = Exchange { end: BodyEnd::Dropped, ..exchange }.line();
    assert_eq!(line["outcome"], "completed", "nothing comes after the end");
}

#[test]
fn a_streamed_transcript_is_a_stream_though_its_question_was_not_read() {
    let events = sse(&[
        DELTA,
        r#"{"type":"transcript.text.delta","delta":"lo"}"#,
        r#"{"type":"transcript.text.segment","id":"s","text":"hello","speaker":"A"}"#,
        r#"{"type":"transcript.text.done","text":"hello","usage":{"type":"tokens","input_tokens":14,"output_tokens":2}}"#,
        "[DONE]",
    ]);
    let path = "/v1/audio/transcriptions";
    let exchange =
        Exchange { path, request: "", headers: SSE, response: &events, ..Exchange::default() };
    let line = exchange.line();
    assert_eq!((&line["outcome"], &line["stream"]), (&json!("completed"), &json!(true)));
    assert_eq!((&line["wire"]["events"], &line["output_tokens"]), (&json!(4), &json!(2)));
    assert_eq!(
        line["content"]["output_messages"][0]["parts"],
        json!([{"type": "text", "content": "hello"}])
    );
    let line = Exchange { response: &sse(&[DELTA, DELTA]), ..exchange }.line();
    assert_eq!(line["content"]["output_messages"][0]["parts"][0]["content"], "helhel");
}

#[test]
fn a_streamed_image_is_complete_with_its_last_event_however_large_that_is() {
    let request = r#"{"model":"gpt-image-1","prompt":"a parrot","stream":true}"#;
    for size in [8, 2 << 20] {
        let data = "A".repeat(size);
        let partial = format!(
            "event: image_generation.partial_image\ndata: {{\"type\":\"image_generation.partial_image\",\"b64_json\":\"{data}\"}}\n\n"
        );
        let last = format!(
            "event: image_generation.completed\ndata: {{\"type\":\"image_generation.completed\",\"b64_json\":\"{data}\",\"usage\":{{\"input_tokens\":4,\"output_tokens\":1056}}}}\n\n"
        );
        let response = format!("{partial}{last}");
        let path = "/v1/images/generations";
        let exchange =
            Exchange { path, request, headers: SSE, response: &response, ..Exchange::default() };
        let line = exchange.line();
        assert_eq!(line["outcome"], "completed", "{size}");
        assert_eq!((&line["ttft_ms"], &line["wire"]["output_events"]), (&json!(10.0), &json!(2)));
        assert_eq!(line["output_tokens"], 1056, "{size}");
        assert_eq!(line.get("tpot_ms"), None, "an image is not made token by token");
        let line = Exchange { response: &partial, ..exchange }.line();
        assert_eq!(line["outcome"], "interrupted", "{size}");
    }
}

#[test]
fn a_judgement_is_told_without_what_was_judged() {
    let response = |flagged: bool| {
        format!(
            r#"{{"id":"modr-1","model":"omni-moderation-latest","results":[{{"flagged":false}},{{"flagged":{flagged}}}]}}"#
        )
    };
    let request = r#"{"model":"omni-moderation-latest","input":[{"type":"text","text":"a parrot"},{"type":"image_url","image_url":{"url":"data:image/png;base64,aGVsbG8="}}]}"#;
    let line = whole("/v1/moderations", request, &response(true));
    assert_eq!(
        (&line["operation"], &line["response_id"]),
        (&json!("moderation"), &json!("modr-1"))
    );
    assert_eq!(line["model_version"], "omni-moderation-latest");
    assert_eq!(
        (&line["safety"]["present"], &line["safety"]["detected"]),
        (&json!(true), &json!(true))
    );
    let asked = &line["content"]["input_messages"];
    assert_eq!(
        asked[0],
        json!({"role": "user", "parts": [{"type": "text", "content": "a parrot"}]})
    );
    assert_eq!(asked[1]["parts"][0]["bytes"], 5);
    let line = whole("/v1/moderations", request, &response(false));
    assert_eq!(
        (&line["safety"]["present"], &line["safety"]["detected"]),
        (&json!(true), &json!(false))
    );
}

#[test]
fn sound_is_counted_and_ends_as_its_connection_does() {
    let path = "/v1/audio/speech";
    let request = r#"{"model":"tts-1","input":"a parrot","voice":"alloy","response_format":"mp3"}"#;
    // Nothing of it is looked at: this would be an event, and this JSON.
    let response = "data: {}\n\n{\"model\":\"no\"}";
    let exchange = Exchange { path, request, headers: MP3, response, ..Exchange::default() };
    let line = exchange.line();
    assert_eq!(
        (&line["outcome"], &line["operation"]),
        (&json!("completed"), &json!("generate_content"))
    );
    assert_eq!(line["wire"], json!({"bytes": response.len(), "request_bytes": request.len()}));
    assert_eq!(line["latency"]["time_to_first_byte_ms"], 10.0);
    assert_eq!(line["provider_request_id"], "req_1");
    assert_eq!(
        (line.get("cut"), line.get("stream"), line.get("model_version")),
        (None, None, None)
    );

    let broken = BodyEnd::Failed(TransportError::Broken);
    let line = Exchange { end: broken, ..exchange }.line();
    assert_eq!((&line["outcome"], &line["error"]["type"]), (&json!("failed"), &json!("transport")));
    let line = Exchange { end: BodyEnd::Dropped, ..exchange }.line();
    assert_eq!(
        (&line["outcome"], &line["wire"]["bytes"]),
        (&json!("dropped"), &json!(response.len()))
    );
    // Who does not say what it is sends sound.
    let line = Exchange { headers: &[], ..exchange }.line();
    assert_eq!(line["wire"]["bytes"], response.len());
    assert_eq!(line.get("model_version"), None);
    let compressed = &[("content-type", "audio/wav"), ("content-encoding", "gzip")];
    let line = Exchange { headers: compressed, ..exchange }.line();
    assert_eq!((&line["outcome"], line["wire"].get("malformed")), (&json!("completed"), None));
}

#[test]
fn an_error_is_read_whatever_was_asked_for() {
    let response =
        r#"{"error":{"message":"no such voice","type":"invalid_request_error","code":"voice"}}"#;
    for path in ["/v1/audio/speech", "/v1/images/edits", "/v1/moderations", "/v1/files"] {
        let exchange = Exchange { path, response, headers: JSON, ..Exchange::default() };
        let line = Exchange { status: 400, ..exchange }.line();
        assert_eq!(line["outcome"], "failed", "{path}");
        assert_eq!(line["error"]["type"], "invalid_request_error", "{path}");
        assert_eq!(line["error"]["status"], 400, "{path}");
        let line = exchange.line();
        assert_eq!(line["outcome"], "failed", "{path}");
    }
    let event = sse(&[r#"{"type":"error","error":{"type":"server_error","message":"no"}}"#]);
    let path = "/v1/images/generations";
    let line = Exchange { path, response: &event, headers: SSE, ..Exchange::default() }.line();
    assert_eq!(
        (&line["outcome"], &line["error"]["type"]),
        (&json!("failed"), &json!("server_error"))
    );
}

#[test]
fn a_job_that_failed_is_no_failed_request() {
    let response = r#"{"id":"ftjob-1","object":"fine_tuning.job","model":"gpt-4o","error":{"code":"e","message":"m"}}"#;
    let request = r#"{"model":"gpt-4o","training_file":"file-1","input":"a parrot"}"#;
    let line = whole("/v1/fine_tuning/jobs/ftjob-1/cancel", request, response);
    assert_eq!((&line["operation"], &line["api"]), (&json!("api_call"), &json!("fine_tuning")));
    assert_eq!((&line["outcome"], &line["response_id"]), (&json!("completed"), &json!("ftjob-1")));
    assert_eq!(line.get("model_version"), None, "no model has answered");
    assert_eq!(line.get("content"), None, "nothing is known to be a prompt");
}

#[test]
fn counting_input_is_no_answer_of_a_model() {
    let response = r#"{"object":"response.input_tokens","input_tokens":11}"#;
    let line = whole("/v1/responses/input_tokens", r#"{"model":"m","input":"x"}"#, response);
    assert_eq!((&line["operation"], &line["api"]), (&json!("api_call"), &json!("responses")));
    assert_eq!((&line["outcome"], line.get("input_tokens")), (&json!("completed"), None));
}

#[test]
fn what_is_no_text_is_read_where_only_text_can_be() {
    let headers = &[("content-type", "application/octet-stream")];
    let response = r#"{"id":"c","model":"m-1","choices":[]}"#;
    let line = Exchange { headers, response, ..Exchange::default() }.line();
    assert_eq!(line["model_version"], "m-1");
}

#[test]
fn a_search_in_a_store_tells_which_store_how_much_and_what_for_only_with_leave() {
    let path = "/v1/vector_stores/vs_1/search";
    let request = r#"{"query":["opening hours","rust"],"max_num_results":3}"#;
    let search = Exchange { path, request, response: r#"{"data":[]}"#, ..Exchange::default() };
    let line = search.line();
    assert_eq!(line["operation"], "retrieval");
    assert_eq!(line["retrieval"], json!({"data_source": "vs_1", "top_k": 3}));
    assert_eq!(line["content"], json!({"query": "opening hours\nrust"}));
    let line = Exchange { capture: Capture::NONE, ..search }.line();
    assert_eq!(line.get("content"), None);
}

#[test]
fn an_answer_that_could_not_be_read_is_told_by_its_id() {
    let path = "/v1/responses/resp_1";
    let fetch = Exchange { method: "GET", path, request: "", response: "", ..Exchange::default() };
    let line = fetch.line();
    assert_eq!(
        (&line["operation"], &line["response_id"]),
        (&json!("fetch_response"), &json!("resp_1"))
    );
    // What the server does not know is no answer.
    let line = Exchange { status: 404, ..fetch }.line();
    assert_eq!(line.get("response_id"), None);
}

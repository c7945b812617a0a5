//! What is told of media and of what was cut, and what is left when content is forbidden.

use std::time::Duration;

use bytes::Bytes;
use llmobs_core::testing::Recording;
use llmobs_core::{BodyEnd, CallStart, Capture, Record, Target};
use llmobs_openai::OpenAi;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::exchange::{Exchange, streamed};

fn hash(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parts_of(content: &Value) -> Value {
    let request = json!({"model": "m", "messages": [{"role": "user", "content": content}]});
    let line = Exchange { request: &request.to_string(), ..Exchange::default() }.line();
    line.pointer("/content/input_messages/0/parts").cloned().expect("a message was kept")
}

#[test]
fn media_in_a_message_is_told_by_type_size_and_hash_of_its_bytes() {
    // "parrot" in base64.
    let data = "cGFycm90";
    let parts = parts_of(&json!([
        {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}},
        {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}},
        {"type": "file", "file": {"file_data": format!("data:application/pdf;base64,{data}=="), "filename": "secret.pdf"}},
        {"type": "input_image", "image_url": "data:text/plain,parrot"},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]));
    let blob = |modality: &str, mime: &str| json!({"type": "blob", "modality": modality, "mime_type": mime, "bytes": 6, "sha256": hash("parrot")});
    let expected = json!([
        blob("image", "image/png"),
        blob("audio", "wav"),
        blob("document", "application/pdf"),
        blob("image", "text/plain"),
        {"type": "file", "modality": "document", "file_id": "file-1"},
    ]);
    assert_eq!(parts, expected);
}

#[test]
fn what_is_no_base64_is_hashed_as_it_came() {
    let parts = parts_of(&json!([{"type": "input_audio", "input_audio": {"data": "p@rrot"}}]));
    assert_eq!((&parts[0]["bytes"], &parts[0]["sha256"]), (&json!(6), &json!(hash("p@rrot"))));
    let large = "A".repeat(4 * 5_000);
    let parts = parts_of(&json!([{"type": "input_audio", "input_audio": {"data": large}}]));
    assert_eq!(parts[0]["bytes"], 15_000);
    assert_eq!(parts[0]["sha256"], hash(vec![0; 15_000]));
}

#[test]
fn an_address_keeps_nothing_that_opens_it() {
    let uri = |url: &str| {
        parts_of(&json!([{"type": "image_url", "image_url": {"url": url}}]))[0]["uri"].clone()
    };
    assert_eq!(uri("https://a.test/b/c.png?sig=4711#part"), "https://a.test/b/c.png");
    assert_eq!(uri("https://me:4711@a.test/b@c"), "https://a.test/b@c");
    assert_eq!(uri("http://a.test?4711"), "http://a.test");
}

#[test]
fn images_in_an_answer_are_told_of_without_their_data() {
    let line = streamed(
        r#"{"model":"m","stream":true}"#,
        &[
            r#"{"choices":[{"index":0,"delta":{"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,cGFycm90"}}]}}]}"#,
            "[DONE]",
        ],
    );
    let part = &line["content"]["output_messages"][0]["parts"][0];
    assert_eq!((&part["type"], &part["sha256"]), (&json!("blob"), &json!(hash("parrot"))));
    assert!(!line.to_string().contains("cGFycm90"));
}

#[test]
fn a_text_that_was_cut_says_how_long_it_was_and_its_hash() {
    let piece = "x".repeat(512 * 1024);
    let event = json!({"choices": [{"index": 0, "delta": {"content": piece}}]}).to_string();
    let events = [event.as_str(); 10];
    let line = streamed(r#"{"model":"m","stream":true}"#, &events);
    let (bytes, kept) = (10 * piece.len(), 8 * piece.len());
    let cut = json!({"bytes": bytes, "missing": bytes - kept, "sha256": hash("x".repeat(bytes))});
    assert_eq!(line["cut"]["content"], cut);
    let part = &line["content"]["output_messages"][0]["parts"][0];
    assert_eq!(part["cut"], cut);
    assert_eq!(part["content"].as_str().map(str::len), Some(kept));
}

#[test]
fn a_cut_of_several_texts_is_told_at_each() {
    let piece = "x".repeat(512 * 1024);
    let event = |delta: Value| json!({"choices": [{"index": 0, "delta": delta}]}).to_string();
    let call = |arguments: &str| {
        let function = json!({"name": "f", "arguments": arguments});
        event(json!({"tool_calls": [{"index": 0, "function": function}]}))
    };
    let (first, last, said) = (call("ear"), call("ly"), event(json!({"content": piece})));
    let mut events = vec![said.as_str(); 11];
    (events[0], events[10]) = (&first, &last);
    let line = streamed(r#"{"model":"m","stream":true}"#, &events);
    assert_eq!(line["cut"]["content"]["bytes"], 9 * piece.len() + 5);
    assert_eq!(line["cut"]["content"].get("sha256"), None);
    let parts = &line["content"]["output_messages"][0]["parts"];
    assert_eq!(parts[0]["cut"]["sha256"], hash("x".repeat(9 * piece.len())));
    assert_eq!(parts[1]["cut"], json!({"bytes": 5, "missing": 2, "sha256": hash("early")}));
}

/// A call of which some was said before content was forbidden, and some after it was allowed again.
fn forbidden_within(path: &str, request: &str, before: &str, after: &str) -> Record {
    let recording = Recording::with(|builder| builder.decoder(OpenAi).capture(Capture::ALL));
    let target = Target { method: "POST", host: "host.test", port: Some(443), path };
    let body = Some(Bytes::copy_from_slice(request.as_bytes()));
    let call = recording.recorder().call(CallStart { target, body, body_len: None });
    let call = call.expect("the exchange is observed");
    let headers = [("content-type", "text/event-stream".as_bytes())];
    let mut tap = call.handle().attempt().headers(200, headers.into_iter());
    call.returned();
    tap.data(&Bytes::copy_from_slice(before.as_bytes()));
    // What is in a buffer goes to the worker when the buffer is old.
    recording.clock().advance(Duration::from_secs(1));
    tap.data(&Bytes::from_static(b": ping\n\n"));
    recording.recorder().flush(Duration::from_secs(10)).expect("the sink takes it");
    recording.recorder().forbid_content(true);
    recording.recorder().flush(Duration::from_secs(10)).expect("the sink takes it");
    recording.recorder().forbid_content(false);
    tap.data(&Bytes::copy_from_slice(after.as_bytes()));
    tap.end(BodyEnd::Complete);
    recording.records().to_vec().pop().expect("one record")
}

#[test]
fn content_that_is_forbidden_leaves_open_streams_too() {
    let request = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"secret"}]}"#;
    let chunk =
        |delta: Value| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]}));
    let tools =
        json!({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "secret"}}]});
    let before = [chunk(json!({"content": "secret"})), chunk(tools)].concat();
    let after = [
        chunk(json!({"content": "secret"})),
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n".into(),
        "data: [DONE]\n\n".into(),
    ]
    .concat();
    let record = forbidden_within("/v1/chat/completions", request, &before, &after);
    let line = serde_json::to_string(&record).expect("records are JSON");
    assert!(!line.contains("secret"), "{line}");
    // What is no content is there all the same.
    assert_eq!((record.input_tokens, record.output_tokens), (Some(3), Some(4)));
    assert_eq!(record.tool_calls[0].name.as_deref(), Some("f"));
    assert!(record.cut.and_then(|cut| cut.withheld) >= Some(1));
}

#[test]
fn content_that_is_forbidden_leaves_open_responses_too() {
    let event = |event: Value| format!("data: {event}\n\n");
    let before =
        event(json!({"type": "response.output_text.delta", "output_index": 0, "delta": "secret"}));
    let after = event(
        json!({"type": "response.completed", "response": {"status": "completed", "output": [{"type": "message", "content": [{"type": "output_text", "text": "secret"}]}]}}),
    );
    let request = r#"{"model":"m","stream":true,"input":"secret","instructions":"secret"}"#;
    let record = forbidden_within("/v1/responses", request, &before, &after);
    let line = serde_json::to_string(&record).expect("records are JSON");
    assert!(!line.contains("secret"), "{line}");
    assert_eq!(record.response_status.as_deref(), Some("completed"));
}

#[test]
fn a_scope_may_not_capture_what_is_forbidden() {
    let recording = Recording::with(|builder| builder.decoder(OpenAi));
    let recorder = recording.recorder();
    recorder.forbid_content(true);
    assert!(recorder.is_content_forbidden());
    recorder.set_capture(Capture::ALL);
    assert_eq!(recorder.capture(), Capture::NONE);
    let said = r#"{"model":"m","messages":[{"role":"user","content":"secret"}]}"#;
    recording.scope().capture(Capture::ALL).run_sync(|| {
        let target =
            Target { method: "POST", host: "h.test", port: None, path: "/v1/chat/completions" };
        let start =
            CallStart { target, body: Some(Bytes::from_static(said.as_bytes())), body_len: None };
        drop(recorder.call(start).expect("observed"));
    });
    recorder.forbid_content(false);
    assert_eq!(recorder.capture(), Capture::ALL);
    let records = recording.records();
    assert_eq!((records.len(), &records[0].content), (1, &None));
    assert_eq!(records[0].model.as_deref(), Some("m"));
}

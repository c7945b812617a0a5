//! One wrong member costs that member, whichever it is and whatever came in its place.

use llmobs_core::{Capture, Decoder, Event, Headers, Record, Target};
use llmobs_openai::OpenAi;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::exchange::{Exchange, streamed};

fn others() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(7),
        json!(-1.5e300),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!([1, null, "x", {}, []]),
        json!({"a": {"b": [1]}, "type": 3, "text": [], "index": -4}),
    ]
}

/// Pointers to every member of a value, the value itself left out.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut member = |name: String, inner: &Value| {
        let pointer = format!("{at}/{name}");
        found.push(pointer.clone());
        pointers(inner, &pointer, found);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(k, v)| member(k.clone(), v)),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, v)| member(n.to_string(), v)),
        _ => {}
    }
}

/// Every value that differs from `value` in one member.
fn spoiled(value: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    pointers(value, "", &mut found);
    let mut all = Vec::new();
    for pointer in found {
        for other in others() {
            let mut spoiled = value.clone();
            *spoiled.pointer_mut(&pointer).expect("it was found") = other;
            all.push((pointer.clone(), spoiled));
        }
    }
    all
}

fn chunk() -> Value {
    json!({
        "id": "id", "model": "model", "system_fingerprint": "fp", "service_tier": "tier",
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "delta": {
                "content": [{"type": "text", "text": "t"}, {"type": "thinking", "thinking": [{"text": "t"}]}],
                "reasoning": "r", "reasoning_details": [{"text": "t"}], "refusal": "r",
                "tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}],
                "function_call": {"name": "f", "arguments": "{}"}, "audio": {"data": "AA=="},
            },
            "logprobs": {"content": [{"logprob": -0.5, "top_logprobs": [{"logprob": -0.5}]}]},
            "content_filter_results": {"hate": {"filtered": false, "severity": "safe"}},
        }],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}},
        "timings": {"prompt_ms": 1.5}, "x_groq": {"usage": {"queue_time": 0.1}},
    })
}

#[test]
fn a_spoiled_member_of_an_event_costs_nothing_else() {
    for (pointer, event) in spoiled(&chunk()) {
        let line = streamed(r#"{"stream":true}"#, &[&event.to_string(), "[DONE]"]);
        assert_eq!(line["wire"]["malformed"], Value::Null, "{pointer}");
        assert_eq!(line["wire"]["end_marker"], true, "{pointer}");
        for (name, field, value) in [
            ("/id", "response_id", "id"),
            ("/model", "model_version", "model"),
            ("/service_tier", "service_tier", "tier"),
        ] {
            assert!(pointer == name || line[field] == value, "{pointer} {field}");
        }
        if !pointer.starts_with("/choices") {
            assert_eq!(line["finish_reasons"], json!(["stop"]), "{pointer}");
            assert_eq!(line["wire"]["output_events"], 1, "{pointer}");
        }
    }
}

#[test]
fn a_spoiled_member_of_a_request_costs_nothing_else() {
    let request = json!({
        "model": "model", "stream": false, "temperature": 0.5, "max_tokens": 5, "n": 2, "seed": 1,
        "stop": ["a"], "reasoning": {"effort": "low"}, "response_format": {"type": "text"},
        "stream_options": {"include_usage": true}, "prompt": {"id": "p", "version": "2"},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "t"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "t"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    });
    for (pointer, request) in spoiled(&request) {
        let line = Exchange { request: &request.to_string(), ..Exchange::default() }.line();
        let kept = |name: &str, value: &Value, expected: Value| {
            assert!(pointer == name || *value == expected, "{pointer} {name}: {value}");
        };
        kept("/model", &line["model"], json!("model"));
        kept("/temperature", &line["params"]["temperature"], json!(0.5));
        kept("/n", &line["params"]["n"], json!(2));
    }
}

#[test]
fn a_spoiled_member_of_a_response_event_costs_nothing_else() {
    let event = json!({
        "type": "response.completed", "output_index": 0, "delta": "d",
        "item": {"type": "message", "content": [{"type": "output_text", "text": "t"}]},
        "response": {
            "id": "id", "model": "model", "status": "completed", "error": null,
            "incomplete_details": {"reason": "r"},
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "t", "logprobs": []}]},
                {"type": "reasoning", "summary": [{"text": "t"}]},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}],
            "usage": {"input_tokens": 1, "output_tokens_details": {"reasoning_tokens": 1}},
        },
    });
    for (pointer, event) in spoiled(&event) {
        let response = format!("data: {event}\n\n");
        let path = "/v1/responses";
        let line = Exchange {
            path,
            request: r#"{"stream":true}"#,
            response: &response,
            ..Exchange::default()
        }
        .line();
        assert_eq!(line["wire"]["malformed"], Value::Null, "{pointer}");
        for (name, field, value) in
            [("/response/id", "response_id", "id"), ("/response/model", "model_version", "model")]
        {
            assert!(name.starts_with(&pointer) || line[field] == value, "{pointer} {field}");
        }
    }
}

/// Bytes as JSON and as streams have them, in no order.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "\\ud800",
        "null",
        "true",
        "-1",
        "1e999",
        "0.5",
        "\"choices\":",
        "\"delta\":",
        "\"index\":",
        "\"usage\":",
        "\"error\":",
        "\"output\":",
        "\"type\":",
        "\"message\"",
        "\"content\"",
        "\"tool_calls\":[{",
        "\"logprobs\":",
        "\u{feff}",
        "é",
        "\n",
        "data: ",
    ]);
    prop::collection::vec(
        prop_oneof![9 => token.prop_map(|it| it.as_bytes().to_vec()), 1 => any::<Vec<u8>>()],
        0..60,
    )
    .prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(
        events in prop::collection::vec(noise(), 1..4),
        status in prop::sample::select(vec![200, 400]),
    ) {
        let paths = ["/chat/completions", "/completions", "/responses", "/embeddings"];
        for path in paths {
            let target = Target { method: "POST", host: "host.test", port: None, path };
            let route = OpenAi.route(&target).expect("an API that is read");
            let mut record = Record::default();
            OpenAi.request(&route, &events[0], Capture::ALL, &mut record);
            for whole in [false, true] {
                let mut fold = OpenAi.fold(&route, &record, Capture::ALL);
                fold.headers(status, &Headers::parse("retry-after: x\nx-request-id: é\nx-cache: "));
                for bytes in &events {
                    if whole {
                        fold.body(bytes);
                    } else {
                        fold.event(&Event { name: b"error", data: bytes, missing: 0 });
                    }
                }
                fold.finish(&mut record);
            }
        }
    }
}

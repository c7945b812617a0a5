//! Events that are like the one before are read without reading them whole: nothing may come of it.
//!
//! An event whose data begins with a space more than the format asks for is always read whole. So a
//! stream and the same stream with those spaces must give the same record.

#![expect(clippy::indexing_slicing, reason = "JSON by name, in a test")]

use bytes::Bytes;
use llmobs_core::{BodyEnd, Capture, Exchange, Offline, Target};
use llmobs_openai::OpenAi;
use proptest::prelude::*;
use serde_json::Value;

use crate::recordings_corpus::corpus;

/// The record's line, without the size of the body, which the spaces change.
fn line(
    offline: &mut Offline,
    (method, path): (&str, &str),
    request: &str,
    body: Vec<u8>,
) -> Value {
    let exchange = Exchange {
        target: Target { method, host: "host.test", port: None, path },
        request: Bytes::copy_from_slice(request.as_bytes()),
        status: 200,
        headers: &[("content-type", "text/event-stream")],
        end: BodyEnd::Complete,
    };
    let record = offline.decode(&exchange, [Bytes::from(body)]).expect("the format is known");
    let mut line = serde_json::to_value(&record).expect("a record is JSON");
    line["wire"]["bytes"] = Value::Null;
    line
}

/// Puts a space more before the data of each event.
fn spaced(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() * 2);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(b"data:") {
            Some(data) => out.extend([b"data: ", data].concat()),
            None => out.extend(line),
        }
    }
    out
}

#[test]
fn every_recorded_stream_reads_the_same_event_by_event() {
    let Some(exchanges) = corpus(&["chat_completions", "completions", "responses"]) else { return };
    let mut streams = 0;
    for capture in [Capture::NONE, Capture::ALL] {
        let mut offline = Offline::new(OpenAi, capture);
        for exchange in &exchanges {
            let body = exchange.text("response");
            if !body.starts_with("data:") && !body.starts_with("event:") {
                continue;
            }
            streams += 1;
            let (method, path) = (exchange.text("method"), exchange.text("path"));
            let (to, request) = ((method, path), exchange.text("request"));
            let quick = line(&mut offline, to, request, body.into());
            let whole = line(&mut offline, to, request, spaced(body.as_bytes()));
            assert_eq!(quick, whole, "{}", exchange.name());
        }
    }
    assert!(streams > 1_000, "{streams}");
}

/// Events that are told apart by a text: what stands before it, and after.
const SHAPES: [(&str, &str, &str); 9] = [
    (
        "/chat/completions",
        r#"{"id":"a","created":1,"model":"m","choices":[{"index":0,"delta":{"content":""#,
        r#""},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x"}"#,
    ),
    (
        "/chat/completions",
        r#"{"model":"m","obfuscation":"","choices":[{"index":1,"delta":{"content":"","reasoning_content":""#,
        r#""},"finish_reason":""}],"created":12}"#,
    ),
    (
        "/chat/completions",
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":""#,
        r#""}}]}}]}"#,
    ),
    ("/chat/completions", r#"{"choices":[{"delta":{"refusal":""#, r#""}}]}"#),
    ("/chat/completions", r#"{"choices":[{"delta":{"reasoning":""#, r#"","content":null}}]}"#),
    ("/chat/completions", r#"{"choices":[{"delta":{"content":""#, r#""},"logprobs":{}}]}"#),
    ("/completions", r#"{"id":"a","choices":[{"text":""#, r#"","index":0}],"created":1}"#),
    (
        "/responses",
        r#"{"type":"response.output_text.delta","sequence_number":4,"output_index":0,"delta":""#,
        r#"","logprobs":[],"obfuscation":"abc"}"#,
    ),
    (
        "/responses",
        r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":""#,
        r#"","item_id":"i"}"#,
    ),
];

/// What may stand between the quotes, or should not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let odd: &[&[u8]] = &[
        b"",
        b" token",
        b"\\n",
        b"\\\"",
        b"\\\\",
        b"\\u00e9",
        b"\\ud83d",
        b"\\ud83d\\ude00",
        b"\\x",
        b"\\",
        b"\"",
        b"\"x",
        b"\x01",
        b"\xff",
        b"\xc3\xa9",
        b"\xc3",
        b"\x7f",
        b"\",\"content\":\"b",
        b"\"},\"finish_reason\":\"stop",
        b"\"created\":7",
        b"\",\"obfuscation\":\"",
    ];
    proptest::collection::vec(proptest::sample::select(odd.to_vec()), 0..3)
        .prop_map(|parts| parts.concat())
}

/// Changes that come with some events: numbers and padding that nobody reads, and other damage.
fn changed(event: &[u8], change: u8) -> Vec<u8> {
    let text = event.to_vec();
    let swap = |from: &[u8], to: &[u8]| match memchr_of(&text, from) {
        Some(at) => [&text[..at], to, &text[at + from.len()..]].concat(),
        None => text.clone(),
    };
    match change {
        0 => swap(b"\"created\":1", b"\"created\":1790"),
        1 => swap(b"\"created\":1", b"\"created\":01"),
        2 => swap(b"\"sequence_number\":4", b"\"sequence_number\":5000"),
        3 => swap(b"\"obfuscation\":\"", b"\"obfuscation\":\"pQ7\\u0041"),
        4 => swap(b"\"obfuscation\":\"", b"\"obfuscation\":\"pQ7"),
        5 => swap(b"\"index\":0", b"\"index\":1"),
        6 => swap(b"}", b""),
        7 => swap(b"\"model\":\"m\"", b"\"model\":\"n\""),
        8 => swap(b"\"created\":1", b"\"created\":1.5e3"),
        _ => text,
    }
}

fn memchr_of(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_of_repeated_events_reads_the_same_event_by_event(
        shape in 0..SHAPES.len(),
        events in proptest::collection::vec((piece(), 0u8..24, any::<proptest::sample::Index>()), 1..14),
        all in any::<bool>(),
    ) {
        let path = SHAPES[shape].0;
        let mut body = Vec::new();
        for (piece, change, other) in events {
            // Now and then another shape comes between.
            let others: Vec<_> = SHAPES.iter().filter(|other| other.0 == path).collect();
            let (_, before, after) = match change {
                20.. => *others[other.index(others.len())],
                _ => SHAPES[shape],
            };
            let event = [before.as_bytes(), &piece, after.as_bytes()].concat();
            body.extend([b"data: ", &changed(&event, change)[..], b"\n\n"].concat());
        }
        let mut offline = Offline::new(OpenAi, if all { Capture::ALL } else { Capture::NONE });
        let whole = line(&mut offline, ("POST", path), "{}", spaced(&body));
        let quick = line(&mut offline, ("POST", path), "{}", body);
        prop_assert_eq!(quick, whole);
    }
}

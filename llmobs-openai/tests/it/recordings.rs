//! The decoder against recorded exchanges: every fact that can be read off them, exactly.

#![expect(clippy::indexing_slicing, reason = "JSON by name, in a test")]

use std::time::Duration;

use bytes::Bytes;
use llmobs_core::testing::Recording;
use llmobs_core::{BodyEnd, CallStart, Capture, Record, Redact, Target};
use llmobs_openai::OpenAi;
use serde_json::Value;

use crate::recordings_corpus::{Agreement, Exchange, corpus};

/// How a body is cut into pieces.
#[derive(Clone, Copy)]
enum Cut {
    /// At pseudo-random places.
    Random(u64),
    /// After each byte.
    Bytes,
    /// Not at all.
    Whole,
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn pieces(body: &[u8], cut: Cut) -> Vec<Bytes> {
    let mut rest = Bytes::copy_from_slice(body);
    let mut state = match cut {
        Cut::Random(seed) => seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        Cut::Bytes | Cut::Whole => 0,
    };
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let len = match cut {
            // Mostly small, sometimes large: both ways a client hands pieces on.
            Cut::Random(_) if random(&mut state).is_multiple_of(8) => random(&mut state) % 9000,
            Cut::Random(_) => random(&mut state) % 300,
            Cut::Bytes => 1,
            Cut::Whole => u64::MAX,
        };
        pieces.push(rest.split_to((len as usize).clamp(1, rest.len())));
    }
    pieces
}

fn recording(capture: Capture) -> Recording {
    Recording::with(|builder| builder.decoder(OpenAi).capture(capture).redact(Redact::none()))
}

/// Observes one exchange as a client would make it; `body` may be less than what was recorded.
fn observe(recording: &Recording, exchange: &Exchange, body: &[u8], cut: Cut, end: BodyEnd) {
    let host = format!("{}.test", exchange.text("provider"));
    let call = recording.recorder().call(CallStart {
        target: Target {
            method: exchange.text("method"),
            host: &host,
            port: None,
            path: exchange.text("path"),
        },
        body: Some(Bytes::copy_from_slice(exchange.text("request").as_bytes())),
        body_len: None,
    });
    let call = call.expect("the exchange is observed");
    let attempt = call.handle().attempt();
    recording.clock().advance(Duration::from_millis(5));
    let empty = serde_json::Map::new();
    let headers = exchange.recorded["response_headers"].as_object().unwrap_or(&empty);
    let content_type = exchange.recorded["content_type"].as_str();
    let headers = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?.as_bytes())))
        .chain(content_type.map(|value| ("content-type", value.as_bytes())));
    let status = exchange.recorded["status"].as_u64().expect("a status");
    let mut tap = attempt.headers(status as u16, headers);
    call.returned();
    for piece in pieces(body, cut) {
        recording.clock().advance(Duration::from_millis(1));
        tap.data(&piece);
    }
    tap.end(end);
    // Keeps the worker's backlog within its budget, so that nothing is left out.
    recording.recorder().flush(Duration::from_secs(60)).expect("the worker keeps up");
}

fn observe_all(
    exchanges: &[Exchange],
    capture: Capture,
    cut: impl Fn(usize) -> Cut,
) -> Vec<Record> {
    let recording = recording(capture);
    for (number, exchange) in exchanges.iter().enumerate() {
        let body = exchange.text("response").as_bytes();
        observe(&recording, exchange, body, cut(number), BodyEnd::Complete);
    }
    let records = recording.records();
    assert_eq!(records.len(), exchanges.len(), "one record per exchange");
    records
}

/// Compares all fields of all exchanges, prints the agreement, and fails on any difference.
fn check(api: &str) {
    let Some(exchanges) = corpus(&[api]) else { return };
    let records = observe_all(&exchanges, Capture::ALL, |n| Cut::Random(n as u64));
    let mut agreement = Agreement::default();
    for (exchange, record) in exchanges.iter().zip(records) {
        let line = serde_json::to_value(&record).expect("records are JSON");
        assert_eq!(line["api"], api);
        agreement.add(exchange, &line);
    }
    agreement.assert_whole(exchanges.len());
}

#[test]
fn every_fact_of_recorded_chats_is_read() {
    check("chat_completions");
}

#[test]
fn every_fact_of_recorded_completions_is_read() {
    check("completions");
}

#[test]
fn every_fact_of_recorded_embeddings_is_read() {
    check("embeddings");
}

#[test]
fn every_fact_of_recorded_responses_is_read() {
    check("responses");
}

#[test]
fn no_recorded_exchange_is_of_an_api_that_is_not_read() {
    let Some(exchanges) = corpus(&[]) else { return };
    assert!(exchanges.iter().all(|it| APIS.contains(&it.text("api"))));
}

/// What must not depend on how the bytes came: all but times.
fn without_times(record: &Record) -> Value {
    let mut line = serde_json::to_value(record).expect("records are JSON");
    let fields = line.as_object_mut().expect("an object");
    for name in [
        "request_id",
        "trace_id",
        "span_id",
        "timestamp",
        "ttft_ms",
        "tpot_ms",
        "total_latency_ms",
        "latency",
    ] {
        fields.remove(name);
    }
    line
}

const APIS: &[&str] = &["chat_completions", "completions", "embeddings", "responses"];

#[test]
fn what_is_read_does_not_depend_on_the_cut() {
    let Some(exchanges) = corpus(APIS) else { return };
    let sample: Vec<_> = exchanges
        .into_iter()
        .enumerate()
        .filter(|(n, it)| n % 5 == 0 || it.expected["error"].is_object())
        .map(|(_, it)| it)
        .filter(|it| it.text("response").len() < 60_000)
        .collect();
    let whole = observe_all(&sample, Capture::ALL, |_| Cut::Whole);
    for cut in [Cut::Random(1), Cut::Random(2), Cut::Random(3)] {
        let again = observe_all(&sample, Capture::ALL, |_| cut);
        for ((one, other), exchange) in whole.iter().zip(&again).zip(&sample) {
            assert_eq!(without_times(one), without_times(other), "{}", exchange.name());
        }
    }
    let again =
        observe_all(&sample, Capture::ALL, |n| if n % 8 == 0 { Cut::Bytes } else { Cut::Whole });
    for ((one, other), exchange) in whole.iter().zip(&again).zip(&sample) {
        assert_eq!(without_times(one), without_times(other), "{}", exchange.name());
    }
}

/// Whatever was said in an exchange, if it is long enough not to be found by chance.
fn sayings(exchange: &Exchange) -> Vec<String> {
    let expected = &exchange.expected;
    let mut said = Vec::new();
    let mut say = |value: &Value| {
        let escaped = value.to_string();
        said.extend(value.is_string().then(|| escaped.trim_matches('"').to_owned()));
    };
    for field in ["output_text", "reasoning_text", "reasoning_summary", "refusal"] {
        expected[field].as_array().into_iter().flatten().for_each(&mut say);
    }
    let calls = expected["tool_calls"].as_array().into_iter().flatten();
    let calls = calls.filter_map(Value::as_array).flatten();
    let functions = expected["function_call"].as_array().into_iter().flatten();
    calls.chain(functions).for_each(|call| say(&call["arguments"]));
    say(&expected["error"]["message"]);
    said.retain(|text| text.len() >= 20);
    said
}

#[test]
fn without_leave_nothing_that_was_said_is_in_a_record() {
    let Some(exchanges) = corpus(&[]) else { return };
    let records = observe_all(&exchanges, Capture::NONE, |n| Cut::Random(n as u64));
    let all = observe_all(&exchanges, Capture::ALL, |n| Cut::Random(n as u64));
    let mut looked_for = 0;
    for ((exchange, record), with_content) in exchanges.iter().zip(&records).zip(&all) {
        let line = serde_json::to_string(record).expect("records are JSON");
        for said in sayings(exchange) {
            looked_for += 1;
            assert!(!line.contains(&said), "{}: {said}", exchange.name());
        }
        // What is left is what is known with leave too.
        let mut with_content = with_content.clone();
        with_content.content = None;
        with_content.cut = None;
        with_content.tool_calls.iter_mut().for_each(|call| call.arguments = None);
        if let Some(error) = &mut with_content.error {
            error.message = None;
            if error.kind.contains(' ') {
                error.kind = record.error.as_ref().expect("an error").kind.clone();
            }
        }
        assert_eq!(without_times(record), without_times(&with_content), "{}", exchange.name());
    }
    assert!(looked_for > 1000, "{looked_for}");
}

#[test]
fn an_answer_that_breaks_off_anywhere_gives_one_record() {
    let Some(exchanges) = corpus(APIS) else { return };
    let recording = recording(Capture::ALL);
    let mut state = 42;
    let mut observed = 0;
    for exchange in exchanges.iter().filter(|it| it.text("response").len() > 2) {
        let body = exchange.text("response").as_bytes();
        let at = (random(&mut state) % body.len() as u64) as usize;
        let end = if at.is_multiple_of(2) { BodyEnd::Dropped } else { BodyEnd::Complete };
        observe(&recording, exchange, &body[..at], Cut::Random(state), end);
        observed += 1;
    }
    // A decoder that panics loses its record.
    assert_eq!(recording.records().len(), observed);
}

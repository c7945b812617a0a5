//! Streams told by their reader, against the same streams told by the wire.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_openai::error::OpenAIError;
use async_openai::types::chat::CreateChatCompletionStreamResponse;
use bytes::Bytes;
use futures_core::Stream;
use llmobs_core::testing::Recording;
use llmobs_core::{
    BodyEnd, CallStart, Capture, Outcome, Record, SseParser, Target, observe_stream,
};
use llmobs_openai::{Items, OpenAi};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::recordings_corpus::{Exchange, corpus};

struct Chunks<T>(VecDeque<T>);

impl<T: Unpin> Stream for Chunks<T> {
    type Item = Result<T, OpenAIError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

fn recording() -> Recording {
    Recording::with(|builder| builder.decoder(OpenAi).capture(Capture::ALL))
}

/// The events of a recorded stream, `[DONE]` left out; `None` when it is none.
fn events(exchange: &Exchange) -> Option<Vec<String>> {
    let body = exchange.text("response");
    let is_stream = exchange.recorded.get("content_type").and_then(Value::as_str)?;
    if exchange.text("method") != "POST"
        || !is_stream.starts_with("text/event-stream")
        || exchange.recorded.get("status")? != 200
    {
        return None;
    }
    let mut events = Vec::new();
    let mut take = |data: &[u8]| events.push(String::from_utf8_lossy(data).into_owned());
    let mut parser = SseParser::new(1 << 20);
    parser.feed(body.as_bytes(), |event| take(event.data));
    parser.finish(|event| take(event.data));
    events.retain(|event| event.trim() != "[DONE]");
    (!events.is_empty()).then_some(events)
}

/// The record the wire makes.
fn wired(exchange: &Exchange) -> Record {
    let recording = recording();
    let target = Target { method: "POST", host: "", port: None, path: exchange.text("path") };
    let body = Some(Bytes::copy_from_slice(exchange.text("request").as_bytes()));
    let call = recording.recorder().call(CallStart { target, body, body_len: None });
    let call = call.expect("it is observed");
    let headers = [("content-type", b"text/event-stream".as_slice())];
    let mut tap = call.handle().attempt().headers(200, headers.into_iter());
    call.returned();
    tap.data(&Bytes::copy_from_slice(exchange.text("response").as_bytes()));
    tap.end(BodyEnd::Complete);
    recording.records().pop().expect("a record")
}

/// The record its reader makes of these items.
fn told<T: Serialize + Unpin>(exchange: &Exchange, items: Vec<T>) -> Record {
    let recording = recording();
    let request: Box<RawValue> =
        serde_json::from_str(exchange.text("request")).expect("a request is JSON");
    let format = match exchange.text("api") {
        "responses" => Items::responses(),
        "completions" => Items::completions(),
        _ => Items::chat(),
    };
    let stream = Chunks(items.into());
    let stream = recording.scope().run_sync(|| observe_stream(stream, format.request(&request)));
    let mut stream = std::pin::pin!(stream);
    let mut cx = Context::from_waker(Waker::noop());
    let mut n: u64 = 0;
    while let Poll::Ready(Some(_)) = stream.as_mut().poll_next(&mut cx) {
        n += 1;
        if n.is_multiple_of(1_000) {
            // Keeps the worker's backlog within its budget, so that nothing is left out.
            recording.recorder().flush(Duration::from_secs(60)).expect("the worker keeps up");
        }
    }
    recording.records().pop().expect("a record")
}

/// What the answer said, without what only the wire knows.
fn facts(record: &Record) -> Value {
    let mut line = serde_json::to_value(record).expect("a record is JSON");
    let object = line.as_object_mut().expect("an object");
    for name in [
        "request_id",
        "trace_id",
        "span_id",
        "timestamp",
        "outcome",
        "error",
        "consumer",
        "http_status",
        "attempts",
        "latency",
        "ttft_ms",
        "tpot_ms",
        "total_latency_ms",
        "stream",
        // Of a stream that did not end the cost is unknown, and its end may be the wire's alone.
        "cost",
        // The path is the wire's.
        "deployment",
    ] {
        object.remove(name);
    }
    if let Some(wire) = object.get_mut("wire").and_then(Value::as_object_mut) {
        for name in ["bytes", "request_bytes", "comments", "end_marker"] {
            wire.remove(name);
        }
    }
    line
}

fn streams() -> Option<Vec<(Exchange, Vec<String>)>> {
    let exchanges = corpus(&["chat_completions", "responses", "completions"])?;
    let streams = exchanges.into_iter().filter_map(|exchange| {
        let events = events(&exchange)?;
        Some((exchange, events))
    });
    Some(streams.collect())
}

#[test]
fn what_a_reader_is_given_tells_as_much_as_the_wire() {
    let Some(streams) = streams() else { return };
    let mut compared = 0;
    for (exchange, events) in &streams {
        let items: Result<Vec<Box<RawValue>>, _> =
            events.iter().map(|event| serde_json::from_str(event)).collect();
        // What is not JSON comes to the reader as an error.
        let Ok(items) = items else { continue };
        compared += 1;
        let (told, wired) = (told(exchange, items), wired(exchange));
        assert_eq!(facts(&told), facts(&wired), "{}", exchange.name());
        // `[DONE]` alone ends a stream for the wire, and is nothing its reader sees.
        let by_marker = told.outcome == Some(Outcome::Interrupted)
            && wired.wire.as_ref().and_then(|wire| wire.end_marker) == Some(true);
        assert!(told.outcome == wired.outcome || by_marker, "{}", exchange.name());
        let kind = |record: &Record| record.error.as_ref().map(|error| error.kind.clone());
        assert_eq!(kind(&told), kind(&wired), "{}", exchange.name());
    }
    assert!(compared * 10 >= streams.len() * 9, "{compared} of {}", streams.len());
}

#[test]
fn async_openai_s_own_chunks_tell_what_they_hold() {
    let Some(streams) = streams() else { return };
    let mut compared = 0;
    for (exchange, events) in &streams {
        let items: Result<Vec<CreateChatCompletionStreamResponse>, _> =
            events.iter().map(|event| serde_json::from_str(event)).collect();
        let Ok(items) = items else { continue };
        compared += 1;
        let (told, wired) = (told(exchange, items), wired(exchange));
        let facts = |record: &Record| {
            let calls = record.tool_calls.iter();
            let calls: Vec<_> = calls.map(|call| (call.choice, call.arguments.clone())).collect();
            (
                (record.model.clone(), record.model_version.clone(), record.params.clone()),
                (record.finish_reasons.clone(), calls, record.response_id.clone()),
            )
        };
        assert_eq!(facts(&told), facts(&wired), "{}", exchange.name());
    }
    assert!(compared > 300, "{compared}");
}

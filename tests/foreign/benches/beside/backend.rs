//! The other side: a model, and a receiver of spans. A process of its own, whose CPU time nobody counts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use llmobs_testserver::{Answer, ChatScript, Received, Server, Usage, chat_chunks};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1::{Span, status};
use prost::Message;
use serde_json::{Map, Value, json};

use crate::way;

/// Events of a stream: the role, the tokens, the finish reason, the usage. `[DONE]` comes after them.
pub(crate) const EVENTS: usize = 200;
const PACE: Duration = Duration::from_millis(10);

#[derive(Debug, Default)]
struct Arrived {
    count: u64,
    last: Option<Value>,
}

pub(crate) fn run() {
    let [model, receiver] = [(); 2].map(|()| Server::start_blocking().expect("a port is free"));
    for server in [&model, &receiver] {
        server.recording(false);
    }
    let [paced, at_once] = [PACE, Duration::ZERO].map(answer);
    model.handler(move |request| {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        if asked["model"] == way::AT_ONCE { at_once.clone() } else { paced.clone() }
    });
    let arrived = Arc::new(Mutex::new(Arrived::default()));
    let to = Arc::clone(&arrived);
    receiver.handler(move |request| {
        if request.target == "/v1/traces" {
            take_in(&mut to.lock().unwrap_or_else(PoisonError::into_inner), request);
        }
        Answer::bytes(200, "application/x-protobuf", Vec::new())
    });
    println!("{}", json!({"model": model.base_url(), "receiver": receiver.url()}));
    for line in std::io::stdin().lines() {
        assert_eq!(line.expect("the bench speaks UTF-8"), "take");
        let arrived = std::mem::take(&mut *arrived.lock().unwrap_or_else(PoisonError::into_inner));
        println!("{}", json!({"count": arrived.count, "last": arrived.last}));
    }
}

fn answer(pace: Duration) -> Answer {
    let tokens = EVENTS - 3;
    let usage = Usage { prompt: 12, completion: tokens as u64, ..Usage::default() };
    let script = ChatScript::tokens((0..tokens).map(|n| format!(" t{n}"))).usage(usage);
    let stream = Answer::stream("text/event-stream");
    chat_chunks(&script).into_iter().fold(stream, |answer, chunk| {
        let answer = answer.write(format!("data: {chunk}\n\n"));
        if pace.is_zero() { answer } else { answer.pause(pace) }
    })
}

fn take_in(arrived: &mut Arrived, request: &Received) {
    let request = ExportTraceServiceRequest::decode(request.body.as_ref()).expect("a protobuf");
    let scopes = request.resource_spans.into_iter().flat_map(|spans| spans.scope_spans);
    for span in scopes.flat_map(|spans| spans.spans) {
        arrived.count += 1;
        arrived.last = Some(readable(&span));
    }
}

/// A span's attributes, and its status.
fn readable(span: &Span) -> Value {
    let mut told = Map::new();
    for attribute in &span.attributes {
        let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
        let value = match value {
            Some(any_value::Value::StringValue(text)) => json!(text),
            Some(any_value::Value::IntValue(n)) => json!(n),
            Some(any_value::Value::DoubleValue(n)) => json!(n),
            Some(any_value::Value::BoolValue(yes)) => json!(yes),
            other => json!(format!("{other:?}")),
        };
        told.insert(attribute.key.clone(), value);
    }
    let code = span.status.as_ref().map_or(status::StatusCode::Unset, |status| status.code());
    told.insert("status".to_owned(), json!(code.as_str_name()));
    Value::Object(told)
}

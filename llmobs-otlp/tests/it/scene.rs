//! A recorder whose spans and metrics go to a receiver, and calls to observe with it.

use std::time::Duration;

use bytes::Bytes;
use llmobs_core::testing::Recording;
use llmobs_core::{
    BodyEnd, Builder, Call, CallStart, Capture, Closing, Decoder, Event, EventFacts, Fold, Record,
    Recorder, Route, Scope, Target,
};
use llmobs_otlp::Otlp;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use serde_json::Value;

use crate::provider::provider;
use crate::receiver::Receiver;

/// A recorder, the records it keeps in memory, and the receiver its spans arrive at.
pub(crate) struct Scene {
    // Dropped first: it delivers what is left.
    pub(crate) recording: Recording,
    pub(crate) receiver: Receiver,
}

impl Scene {
    /// Spans go through our own pipeline.
    pub(crate) fn own() -> Self {
        Self::with(|otlp| otlp, |builder| builder)
    }

    /// Spans go through a provider of the application's, which is not the global one.
    pub(crate) fn attached() -> (Self, SdkTracerProvider) {
        Self::attached_by(Sampler::AlwaysOn)
    }

    pub(crate) fn attached_by(sampler: Sampler) -> (Self, SdkTracerProvider) {
        let receiver = Receiver::start();
        let provider = provider(&receiver, sampler);
        let scene = Self::to(receiver, |otlp| otlp.tracer_provider(&provider), |builder| builder);
        (scene, provider)
    }

    /// Metrics go to the receiver, too.
    pub(crate) fn measured() -> Self {
        let receiver = Receiver::start();
        let metrics = format!("{}/v1/metrics", receiver.url());
        let otlp = |otlp: Otlp| otlp.metrics_endpoint(&metrics).expect("the receiver has a URL");
        Self::to(receiver, otlp, |builder| builder)
    }

    /// Events go to the receiver, too.
    pub(crate) fn told(
        otlp: impl FnOnce(Otlp) -> Otlp,
        builder: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let receiver = Receiver::start();
        let logs = format!("{}/v1/logs", receiver.url());
        let here = |base: Otlp| otlp(base.logs_endpoint(&logs).expect("the receiver has a URL"));
        Self::to(receiver, here, builder)
    }

    pub(crate) fn with(
        otlp: impl FnOnce(Otlp) -> Otlp,
        builder: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let receiver = Receiver::start();
        Self::to(receiver, otlp, builder)
    }

    pub(crate) fn to(
        receiver: Receiver,
        otlp: impl FnOnce(Otlp) -> Otlp,
        builder: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        // Metrics leave when a test flushes, and only then.
        let here = Otlp::new()
            .metric_interval(Duration::from_secs(3_600))
            .traces_endpoint(&format!("{}/v1/traces", receiver.url()))
            .expect("the receiver has a URL");
        let otlp = otlp(here);
        let recording = Recording::with(|base| builder(otlp.install(base.decoder(Fields))));
        Self { receiver, recording }
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        self.recording.recorder()
    }

    pub(crate) fn scope(&self) -> Scope {
        self.recording.scope()
    }

    /// Brings out everything observed so far.
    #[track_caller]
    pub(crate) fn flush(&self) {
        self.recorder().flush(Duration::from_secs(20)).expect("everything is delivered");
    }

    pub(crate) fn advance(&self, millis: u64) {
        self.recording.clock().advance(Duration::from_millis(millis));
    }

    /// A call that takes 300 ms and is answered with the fields of `answer`.
    pub(crate) fn call(&self, request: Value, answer: Value) {
        let call = issue(self.recorder(), request);
        self.advance(300);
        complete(call, 200, answer);
    }
}

/// Issues a call whose request has these fields.
pub(crate) fn issue(recorder: &Recorder, request: Value) -> Call {
    issue_to(recorder, "/v1/chat/completions", request)
}

pub(crate) fn issue_to(recorder: &Recorder, path: &str, request: Value) -> Call {
    issue_at(recorder, "api.example.com", path, request)
}

/// Whoever answers at `api.example.com` is known, and nobody else.
pub(crate) fn issue_at(recorder: &Recorder, host: &str, path: &str, request: Value) -> Call {
    let target = Target { method: "POST", host, port: Some(443), path };
    let body = Some(Bytes::from(request.to_string()));
    recorder.call(CallStart { target, body, body_len: None }).expect("the decoder knows the path")
}

/// Answers a call with a body that has these fields.
pub(crate) fn complete(call: Call, status: u16, answer: Value) {
    let headers = [("content-type", &b"application/json"[..])];
    let mut tap = call.handle().attempt().headers(status, headers.into_iter());
    call.returned();
    tap.data(&Bytes::from(answer.to_string()));
    tap.end(BodyEnd::Complete);
}

/// A call named `model` that is issued here and answered at once.
pub(crate) fn quick_call(recorder: &Recorder, model: &str) {
    complete(issue(recorder, serde_json::json!({ "model": model })), 200, serde_json::json!({}));
}

/// A wire format whose bodies are fields of the record, as JSON.
#[derive(Debug)]
pub(crate) struct Fields;

impl Decoder for Fields {
    fn route(&self, target: &Target<'_>) -> Option<Route> {
        let (operation, api) = match target.path {
            "/v1/chat/completions" => ("chat", "chat_completions"),
            "/v1/embeddings" => ("embeddings", "embeddings"),
            "/v1/responses/r-1" => ("fetch_response", "responses"),
            _ => return None,
        };
        let provider = target.host.ends_with(".example.com").then_some("openai");
        Some(Route { operation, api, provider })
    }

    fn request(&self, _: &Route, body: &[u8], _: Capture, record: &mut Record) {
        let fields = serde_json::from_slice(body).expect("the request is JSON");
        merge(record, fields);
    }

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(FieldsFold::default())
    }
}

/// A stream's events are output, but for `[DONE]` and those that are fields, too.
#[derive(Debug, Default)]
struct FieldsFold {
    fields: Option<Value>,
    done: bool,
}

impl Fold for FieldsFold {
    fn event(&mut self, event: &Event<'_>) -> EventFacts {
        if event.data == b"[DONE]" {
            self.done = true;
            return EventFacts { marker: true, ..EventFacts::default() };
        }
        if let Ok(fields @ Value::Object(_)) = serde_json::from_slice(event.data) {
            self.fields = Some(fields);
            return EventFacts::default();
        }
        EventFacts { output: true, ..EventFacts::default() }
    }

    fn body(&mut self, body: &[u8]) -> bool {
        self.fields = serde_json::from_slice(body).ok();
        self.fields.is_some()
    }

    fn finish(self: Box<Self>, record: &mut Record) -> Closing {
        if let Some(fields) = self.fields {
            merge(record, fields);
        }
        Closing {
            complete: self.done,
            end_marker: Some(self.done),
            choices: 1,
            output_events_per_choice: 0,
            ..Closing::default()
        }
    }
}

fn merge(record: &mut Record, fields: Value) {
    let unsampled = record.unsampled;
    let mut whole = serde_json::to_value(&*record).expect("a record is JSON");
    for (name, value) in fields.as_object().expect("fields are an object") {
        whole[name] = value.clone();
    }
    *record = serde_json::from_value(whole).expect("fields of the record");
    record.unsampled = unsampled;
}

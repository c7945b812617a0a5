//! The attempts of a call, one by one.

use std::time::Duration;

use bytes::Bytes;
use llmobs_core::testing::Recording;
use llmobs_core::{
    AttemptDetail, BodyEnd, Call, CallStart, Capture, Closing, Decoder, Event, EventFacts, Failure,
    Fold, Headers, Outcome, RateLimit, Record, Route, Target, TransportError,
};

/// Errors are bodies that begin with `error `, with a type behind it.
#[derive(Debug, Default)]
struct Words {
    id: Option<String>,
    wait: Option<f64>,
    status: u16,
    body: String,
}

impl Decoder for Words {
    fn route(&self, _: &Target<'_>) -> Option<Route> {
        Some(Route { operation: "chat", api: "words", provider: None })
    }

    fn request(&self, _: &Route, _: &[u8], _: Capture, _: &mut Record) {}

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(Self::default())
    }
}

impl Fold for Words {
    fn headers(&mut self, status: u16, headers: &Headers<'_>) {
        self.status = status;
        self.id = headers.get("x-id").map(str::to_owned);
        self.wait = headers.get("retry-after").and_then(|wait| wait.parse().ok());
    }

    fn event(&mut self, _: &Event<'_>) -> EventFacts {
        EventFacts::default()
    }

    fn body(&mut self, body: &[u8]) -> bool {
        self.body = String::from_utf8_lossy(body).into_owned();
        assert_ne!(self.body, "panic", "as the test says");
        true
    }

    fn finish(self: Box<Self>, record: &mut Record) -> Closing {
        let error = self.body.strip_prefix("error ").map(str::to_owned);
        let failed = error.is_some();
        record.error = error.map(|kind| {
            Box::new(Failure { code: Some("c".into()), kind: kind.into(), ..Failure::default() })
        });
        record.provider_request_id = self.id;
        record.response_id = Some(self.body);
        record.rate_limit = self
            .wait
            .map(|wait| Box::new(RateLimit { retry_after_ms: Some(wait), ..RateLimit::default() }));
        record.server_timing.insert("status".into(), f64::from(self.status));
        Closing { failed, ..Closing::default() }
    }
}

struct Scene {
    recording: Recording,
    call: Option<Call>,
}

impl Scene {
    /// A call that waits 7 ms before anything is sent.
    fn new() -> Self {
        let recording = Recording::with(|builder| builder.decoder(Words::default()));
        let target = Target { method: "POST", host: "localhost", port: Some(80), path: "/" };
        let start = CallStart { target, body: Some(Bytes::new()), body_len: None };
        let call = recording.recorder().call(start);
        assert!(call.is_some(), "the call is observed");
        let scene = Self { recording, call };
        scene.wait(7);
        scene
    }

    fn wait(&self, millis: u64) {
        self.recording.clock().advance(Duration::from_millis(millis));
    }

    fn call(&self) -> &Call {
        self.call.as_ref().expect("it has not ended")
    }

    /// Sends the request, which nobody answers for 10 ms.
    fn unanswered(&self) {
        let attempt = self.call().handle().attempt();
        self.wait(10);
        drop(attempt);
    }

    /// Sends the request, which is answered after 10 ms.
    fn answered(&self, status: u16, headers: &[(&str, &str)], body: &'static str) {
        let attempt = self.call().handle().attempt();
        self.wait(10);
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let mut tap = attempt.headers(status, headers);
        tap.data(&Bytes::from_static(body.as_bytes()));
        tap.end(BodyEnd::Complete);
    }

    fn record(&mut self, end: impl FnOnce(Call)) -> Record {
        end(self.call.take().expect("it has not ended"));
        let mut records = self.recording.records().into_iter();
        records.next().expect("one record")
    }
}

fn error(record: &AttemptDetail) -> Option<(&str, Option<u16>)> {
    record.error.as_ref().map(|error| (error.kind.as_ref(), error.status))
}

#[test]
fn a_call_that_was_sent_once_has_no_list_of_attempts() {
    let mut scene = Scene::new();
    scene.answered(200, &[], "fine");
    let record = scene.record(Call::returned);
    assert_eq!((record.attempts, record.attempt_details.len()), (Some(1), 0));
    let latency = record.latency.expect("times are known");
    assert_eq!(
        (latency.queue_ms, latency.limiter_ms, latency.retry_ms),
        (Some(7.0), Some(7.0), Some(0.0))
    );
}

#[test]
fn every_attempt_of_a_retried_call_is_told() {
    let mut scene = Scene::new();
    scene.answered(429, &[("x-id", "a"), ("retry-after", "40")], "error rate_limit");
    scene.wait(40);
    scene.answered(503, &[("x-id", "b")], "busy");
    scene.wait(80);
    scene.answered(200, &[("x-id", "c")], "fine");
    let record = scene.record(Call::returned);
    assert_eq!((record.outcome, record.attempts), (Some(Outcome::Completed), Some(3)));
    assert_eq!((record.provider_request_id.as_deref(), record.error), (Some("c"), None));
    let latency = record.latency.expect("times are known");
    assert_eq!(
        (latency.queue_ms, latency.limiter_ms, latency.retry_ms),
        (Some(147.0), Some(7.0), Some(140.0))
    );

    let told = &record.attempt_details;
    let times: Vec<_> = told.iter().map(|it| (it.sent_ms, it.headers_ms)).collect();
    let headers = Some(10.0);
    assert_eq!(times, [(Some(7.0), headers), (Some(57.0), headers), (Some(147.0), headers)]);
    let status: Vec<_> = told.iter().map(|it| it.status).collect();
    assert_eq!(status, [Some(429), Some(503), Some(200)]);
    let errors: Vec<_> = told.iter().map(error).collect();
    assert_eq!(errors, [Some(("rate_limit", Some(429))), Some(("503", Some(503))), None]);
    let ids: Vec<_> = told.iter().map(|it| it.provider_request_id.as_deref()).collect();
    assert_eq!(ids, [Some("a"), Some("b"), Some("c")]);
    let waits: Vec<_> =
        told.iter().map(|it| it.rate_limit.as_ref().and_then(|l| l.retry_after_ms)).collect();
    assert_eq!(waits, [Some(40.0), None, None]);
    let timing: Vec<_> = told.iter().map(|it| it.server_timing.get("status").copied()).collect();
    assert_eq!(timing, [Some(429.0), Some(503.0), Some(200.0)]);
}

#[test]
fn an_attempt_without_an_answer_says_when_it_was_sent_and_no_more() {
    let mut scene = Scene::new();
    scene.unanswered();
    scene.answered(500, &[("x-id", "b")], "oops");
    scene.unanswered();
    let record = scene.record(|call| call.failed(TransportError::Connect));
    let sent = |sent_ms| AttemptDetail { sent_ms: Some(sent_ms), ..AttemptDetail::default() };
    let told = &record.attempt_details;
    assert_eq!(told.first(), Some(&sent(7.0)));
    assert_eq!(told.get(1).and_then(|it| it.status), Some(500));
    let last = told.last().expect("there are three");
    assert_eq!((last.sent_ms, last.headers_ms, last.status), (Some(27.0), None, None));
    // What the call failed of is the last attempt's.
    assert_eq!(error(last), Some(("connect", None)));
    assert_eq!(record.http_status, None);
    assert_eq!(record.provider_request_id, None, "the second attempt's is not the call's");
}

#[test]
fn attempts_after_the_sixteenth_are_counted_only() {
    let mut scene = Scene::new();
    for _ in 0..20 {
        scene.answered(503, &[], "busy");
    }
    let record = scene.record(|call| call.failed(TransportError::Other));
    assert_eq!((record.attempts, record.attempt_details.len()), (Some(20), 16));
    assert_eq!(record.attempt_details.last().and_then(|it| it.sent_ms), Some(157.0));
    assert_eq!(record.latency.and_then(|it| it.retry_ms), Some(190.0));
}

#[test]
fn attempts_nobody_saw_are_not_told() {
    let mut scene = Scene::new();
    scene.call().attempts_unseen();
    scene.unanswered();
    scene.answered(200, &[], "fine");
    let record = scene.record(Call::returned);
    assert_eq!((record.attempts, record.attempt_details.len()), (None, 0));
    let latency = record.latency.unwrap_or_default();
    assert_eq!((latency.queue_ms, latency.limiter_ms, latency.retry_ms), (None, None, None));
}

#[test]
fn the_answer_that_counts_is_the_first_of_attempts_side_by_side() {
    let mut scene = Scene::new();
    let first = scene.call().handle().attempt();
    scene.wait(5);
    let second = scene.call().handle().attempt();
    scene.wait(5);
    let mut tap = first.headers(200, [("x-id", b"a".as_slice())].into_iter());
    tap.data(&Bytes::from_static(b"fine"));
    tap.end(BodyEnd::Complete);
    drop(second);
    let record = scene.record(Call::returned);
    let told: Vec<_> = record.attempt_details.iter().map(|it| (it.sent_ms, it.status)).collect();
    assert_eq!(told, [(Some(7.0), Some(200)), (Some(12.0), None)]);
    assert_eq!(record.latency.and_then(|it| it.retry_ms), Some(0.0));
}

#[test]
fn a_decoder_that_panics_over_an_attempt_loses_its_call_only() {
    let mut scene = Scene::new();
    scene.answered(503, &[], "panic");
    scene.answered(200, &[], "fine");
    scene.call.take().expect("it has not ended").returned();
    assert_eq!(scene.recording.records().len(), 0);
    let losses = scene.recording.recorder().losses();
    assert_eq!((losses.total(), losses.open), (1, 0));
}

//! What runs on the caller's task, and what it leaves behind.

use std::sync::mpsc::channel;
use std::time::Duration;

use bytes::Bytes;
use llmobs_core::testing::Recording;
use llmobs_core::{
    Attempt, BodyEnd, Call, CallStart, Capture, Closing, Decoder, Event, EventFacts, Fold, Headers,
    Limits, Outcome, Record, Recorder, Route, StepKind, Tap, Target, TransportError, Verdict,
    is_binary,
};

const TARGET: Target<'_> =
    Target { method: "POST", host: "localhost", port: Some(80), path: "/chat" };
/// A few buffers, and no more.
const LITTLE: usize = 64 * 1024;

/// Reads any exchange; a whole body is taken for the id of the answer, or else the headers' names.
#[derive(Debug, Default)]
struct Plain {
    id: Option<String>,
    events: u64,
}

impl Decoder for Plain {
    fn route(&self, _: &Target<'_>) -> Option<Route> {
        Some(Route { operation: "chat", api: "plain", provider: None })
    }

    fn route_other(&self, _: &Target<'_>) -> Option<Route> {
        unreachable!("it knows every exchange")
    }

    fn counts(&self, _: &Route, content_type: Option<&str>) -> bool {
        content_type.is_some_and(is_binary)
    }

    fn request(&self, _: &Route, body: &[u8], _: Capture, record: &mut Record) {
        record.model = std::str::from_utf8(body).ok().map(str::to_owned);
    }

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(Self::default())
    }
}

impl Fold for Plain {
    fn headers(&mut self, _: u16, headers: &Headers<'_>) {
        self.id = Some(headers.iter().map(|(name, _)| name).collect::<Vec<_>>().join(" "));
    }

    fn event(&mut self, event: &Event<'_>) -> EventFacts {
        self.events += 1;
        let malformed = event.data.iter().any(|byte| !byte.is_ascii_lowercase());
        EventFacts { malformed, output: true, ..EventFacts::default() }
    }

    fn body(&mut self, body: &[u8]) -> bool {
        self.id = std::str::from_utf8(body).ok().map(str::to_owned);
        assert_ne!(body, b"panic", "as the test says");
        true
    }

    fn finish(self: Box<Self>, record: &mut Record) -> Closing {
        record.response_id = self.id;
        Closing { output_events_per_choice: self.events, ..Closing::default() }
    }
}

fn recording(payload_bytes: usize) -> Recording {
    let mut limits = Limits::default();
    limits.payload_bytes = payload_bytes;
    Recording::with(|builder| builder.decoder(Plain::default()).limits(limits))
}

fn call(recorder: &Recorder, body: &'static [u8]) -> Option<Call> {
    recorder.call(CallStart { target: TARGET, body: Some(body.into()), body_len: None })
}

fn open(recording: &Recording) -> Call {
    call(recording.recorder(), b"m").expect("there is room")
}

fn answered(attempt: Attempt, status: u16) -> Tap {
    attempt.headers(status, std::iter::empty())
}

fn says(attempt: Attempt, status: u16, body: &'static [u8]) -> Tap {
    let mut tap = answered(attempt, status);
    tap.data(&Bytes::from_static(body));
    tap
}

/// A call that is read whole, so that it can be told whether there was room for it.
#[track_caller]
fn finds_room(recording: &Recording) {
    recording.records();
    let call = open(recording);
    says(call.handle().attempt(), 200, b"fine").end(BodyEnd::Complete);
    call.returned();
    let record = recording.records().pop().expect("a record");
    assert_eq!(record.cut, None, "room for payload has been lost");
    assert_eq!((record.model.as_deref(), record.response_id.as_deref()), (Some("m"), Some("fine")));
}

#[test]
fn headers_that_may_hold_a_secret_are_not_kept() {
    let recording = recording(LITTLE);
    let call = open(&recording);
    let secret = ["x-set-cookie", "x-oauth", "x-api-key-id", "x-client-secret", "x-session"];
    let plain = ["x-request-id", "x-sessio", "x-aut", "x-cooki", "x-cache"];
    let names = secret.into_iter().chain(plain);
    let mut tap = call.handle().attempt().headers(200, names.map(|name| (name, b"v".as_slice())));
    call.returned();
    tap.end(BodyEnd::Complete);
    let record = recording.records().pop().expect("a record");
    assert_eq!(record.response_id, Some(plain.join(" ")));
}

#[test]
fn a_header_is_found_by_its_whole_name() {
    let headers = Headers::parse("x-request-id: a\nx-request: b: c\nx-request: d");
    assert_eq!(headers.get("x-request"), Some("b: c"));
    assert_eq!(headers.get("x-req"), None);
    let all: Vec<_> = headers.iter().collect();
    assert_eq!(all, [("x-request-id", "a"), ("x-request", "b: c"), ("x-request", "d")]);
    let odd: Vec<_> = Headers::parse("\n\na:\r\nno colon\nb: \u{e9} \n").iter().collect();
    assert_eq!(odd, [("a", ""), ("b", "\u{e9}")]);
}

#[test]
fn answers_that_were_retried_leave_no_room_taken() {
    let recording = recording(LITTLE);
    for _ in 0..100 {
        let call = open(&recording);
        says(call.handle().attempt(), 429, b"slow down").end(BodyEnd::Complete);
        says(call.handle().attempt(), 429, b"slow down").end(BodyEnd::Complete);
        drop(call.handle().attempt());
        call.failed(TransportError::Connect);
        recording.records();
    }
    finds_room(&recording);
}

#[test]
fn answers_over_which_a_decoder_panicked_leave_no_room_taken() {
    let recording = recording(LITTLE);
    for _ in 0..100 {
        let call = open(&recording);
        says(call.handle().attempt(), 200, b"panic").end(BodyEnd::Complete);
        call.returned();
        recording.records();
    }
    assert_eq!(recording.recorder().losses().total(), 100);
    finds_room(&recording);
}

#[test]
fn bytes_after_the_end_of_a_body_are_nobodys() {
    let recording = recording(LITTLE);
    for _ in 0..100 {
        let call = open(&recording);
        let mut tap = says(call.handle().attempt(), 200, b"fine");
        tap.end(BodyEnd::Failed(TransportError::Broken));
        tap.data(&Bytes::from_static(b"more"));
        call.returned();
        drop(tap);
        let record = recording.records().pop().expect("a record");
        assert_eq!(record.outcome, Some(Outcome::Failed));
        assert_eq!(record.wire.and_then(|wire| wire.bytes), Some(4));
    }
    finds_room(&recording);
}

#[test]
fn a_large_read_after_a_gap_is_not_taken_for_its_continuation() {
    let (go_on, blocked) = channel::<()>();
    let mut limits = Limits::default();
    // A request of one byte, a buffer, a read of 9,000 bytes, and less than a buffer.
    limits.payload_bytes = 1 + 8 * 1024 + 9_000 + 5_000;
    let rule = move |_: &mut Record| {
        let _ = blocked.recv();
        Verdict::Keep
    };
    let recording =
        Recording::with(|builder| builder.decoder(Plain::default()).processor(rule).limits(limits));
    let call = open(&recording);
    let mut tap = says(call.handle().attempt(), 200, b"data: one");
    // The worker is held up, so nothing makes room.
    recording.recorder().step(StepKind::Tool, "holds the worker up").end();
    let letters = |head: &str, tail: &str| {
        let fill = "a".repeat(4_500 - head.len() - tail.len());
        format!("{head}{fill}{tail}")
    };
    tap.data(&Bytes::from(letters("\n\ndata: ", "") + &letters("", "")));
    tap.data(&Bytes::from(letters("\n\ndata: ", "") + &letters("", "")));
    tap.data(&Bytes::from(letters("", "\n\ndata: last\n\n")));
    drop(go_on);
    tap.end(BodyEnd::Complete);
    call.returned();
    let record = recording.records().pop().expect("a record");
    assert_eq!(record.wire.and_then(|wire| wire.output_events), Some(1), "only the first is whole");
    let cut = record.cut.and_then(|cut| cut.response_body).expect("it was cut");
    assert_eq!(recording.recorder().losses().payload_bytes, 9_000 + 4_500);
    assert_eq!((cut.bytes, cut.missing), (9 + 9_000 + 9_000 + 4_500, 9_000 + 4_500));
}

#[test]
fn what_an_answer_was_is_told_without_room_for_any_of_it() {
    let recording = recording(0);
    let call = open(&recording);
    says(call.handle().attempt(), 503, b"busy").end(BodyEnd::Complete);
    call.returned();
    let record = recording.records().pop().expect("a record");
    assert_eq!((record.outcome, record.http_status), (Some(Outcome::Failed), Some(503)));
    assert_eq!(record.error.expect("it failed").kind, "503");
    let cut = record.cut.expect("nothing was kept");
    assert_eq!(cut.request_body.map(|cut| cut.missing), Some(1));
    assert_eq!(cut.response_body.map(|cut| (cut.bytes, cut.missing)), Some((4, 4)));
}

#[test]
fn of_attempts_side_by_side_the_one_that_answers_counts() {
    let recording = recording(LITTLE);
    let call = open(&recording);
    let (first, second) = (call.handle().attempt(), {
        recording.clock().advance(Duration::from_millis(100));
        call.handle().attempt()
    });
    let mut tap = says(first, 200, b"fi");
    call.returned();
    drop(says(second, 500, b"too late"));
    recording.clock().advance(Duration::from_millis(10));
    tap.data(&Bytes::from_static(b"rst"));
    tap.end(BodyEnd::Complete);
    let record = recording.records().pop().expect("a record");
    assert_eq!(record.outcome, Some(Outcome::Completed));
    assert_eq!(record.response_id.as_deref(), Some("first"));
    assert_eq!((record.attempts, record.http_status), (Some(2), Some(200)));
    assert_eq!(record.total_latency_ms, Some(110.0));
    assert_eq!(record.latency.and_then(|latency| latency.headers_ms), Some(100.0));
}

fn sound(attempt: Attempt) -> Tap {
    attempt.headers(200, [("content-type", b"audio/mpeg".as_slice())].into_iter())
}

fn issue(recording: &Recording) -> Call {
    let start = CallStart { target: TARGET, body: None, body_len: None };
    recording.recorder().call(start).expect("there is room")
}

#[test]
fn a_body_that_is_counted_needs_no_room() {
    for room in [0, LITTLE] {
        let recording = recording(room);
        let call = issue(&recording);
        call.handle().request_len(70_000);
        let mut tap = sound(call.handle().attempt());
        call.returned();
        let piece = Bytes::from(vec![1; 100_000]);
        for _ in 0..10 {
            recording.clock().advance(Duration::from_millis(5));
            tap.data(&piece);
        }
        tap.end(BodyEnd::Complete);
        let record = recording.records().pop().expect("a record");
        assert_eq!((record.outcome, &record.cut), (Some(Outcome::Completed), &None), "{room}");
        let wire = record.wire.expect("something came");
        assert_eq!((wire.bytes, wire.request_bytes), (Some(1_000_000), Some(70_000)), "{room}");
        let latency = record.latency.expect("it took some time");
        assert_eq!(latency.time_to_first_byte_ms, Some(5.0), "{room}");
        assert_eq!(record.total_latency_ms, Some(50.0), "{room}");
        assert_eq!(recording.recorder().losses().payload_bytes, 0, "{room}");
        // What the kept headers said is told where there was room for them.
        assert_eq!(record.response_id.is_some(), room > 0);
    }
}

#[test]
fn what_was_counted_of_one_answer_is_not_told_of_the_next() {
    let recording = recording(LITTLE);
    let call = open(&recording);
    let mut tap = sound(call.handle().attempt());
    tap.data(&Bytes::from_static(b"much sound"));
    tap.end(BodyEnd::Failed(TransportError::Broken));
    says(call.handle().attempt(), 200, b"fine").end(BodyEnd::Complete);
    call.returned();
    let record = recording.records().pop().expect("a record");
    assert_eq!(
        (record.outcome, record.response_id.as_deref()),
        (Some(Outcome::Completed), Some("fine"))
    );
    assert_eq!(record.wire.and_then(|wire| wire.bytes), Some(4));
    assert_eq!(record.latency.and_then(|latency| latency.time_to_first_byte_ms), None);
    finds_room(&recording);
}

#[test]
fn a_request_that_is_counted_is_not_kept_and_its_first_length_counts() {
    let recording = recording(LITTLE);
    let call = issue(&recording);
    let mut tap = call.handle().request_counted();
    tap.data(&Bytes::from(vec![1; 2 * LITTLE]));
    tap.end();
    call.handle().request_len(5);
    says(call.handle().attempt(), 200, b"fine").end(BodyEnd::Complete);
    call.returned();
    let record = recording.records().pop().expect("a record");
    assert_eq!((record.model, record.cut), (None, None));
    assert_eq!(record.wire.and_then(|wire| wire.request_bytes), Some(2 * LITTLE as u64));
    finds_room(&recording);
}

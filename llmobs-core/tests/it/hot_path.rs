//! What runs on the caller's task, and what it leaves behind.

use bytes::Bytes;
use llmobs_core::testing::Recording;
use llmobs_core::{
    Attempt, BodyEnd, Call, CallStart, Capture, Closing, Decoder, Event, EventFacts, Fold, Limits,
    Record, Recorder, Route, Tap, Target,
};

const TARGET: Target<'_> =
    Target { method: "POST", host: "localhost", port: Some(80), path: "/chat" };
/// A few buffers, and no more.
const LITTLE: usize = 64 * 1024;

/// Reads any exchange; a whole body is taken for the id of the answer.
#[derive(Debug, Default)]
struct Plain {
    id: Option<String>,
    events: u64,
}

impl Decoder for Plain {
    fn route(&self, _: &Target<'_>) -> Option<Route> {
        Some(Route { operation: "chat", api: "plain", provider: None })
    }

    fn request(&self, _: &Route, body: &[u8], _: Capture, record: &mut Record) {
        record.model = std::str::from_utf8(body).ok().map(str::to_owned);
    }

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(Self::default())
    }
}

impl Fold for Plain {
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
fn answers_that_were_retried_leave_no_room_taken() {
    let recording = recording(LITTLE);
    for _ in 0..100 {
        let call = open(&recording);
        says(call.handle().attempt(), 429, b"slow down").end(BodyEnd::Complete);
        says(call.handle().attempt(), 429, b"slow down").end(BodyEnd::Complete);
        drop(call.handle().attempt());
        call.failed(llmobs_core::TransportError::Connect);
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

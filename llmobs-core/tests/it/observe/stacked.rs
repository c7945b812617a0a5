//! A reader above a call that is observed.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use llmobs_core::testing::{FakeClock, Memory};
use llmobs_core::{
    BodyEnd, Builder, CallStart, Consumer, ConsumerEnd, Outcome, Recorder, TransportError,
    observe_opening, observe_stream,
};

use super::{
    ANSWER, InWords, Script, Turn, WAIT, Words, answered, call, consumer, item, ms, observed, poll,
    ready, recording, script, sends, stacked, target,
};

#[test]
fn an_observed_call_and_its_reader_make_one_record_with_the_wire_s_times() {
    let recording = recording();
    let clock: &FakeClock = recording.clock();
    let (mut stream, mut tap) = stacked(recording.recorder(), [item("a"), item("b")]);
    clock.advance(ms(40));
    sends(&mut tap, ANSWER);
    clock.advance(ms(5));
    tap.end(BodyEnd::Complete);
    assert!(recording.records().is_empty(), "the reader is still there");
    for _ in 0..2 {
        clock.advance(ms(100));
        assert!(matches!(poll(&mut stream), Poll::Ready(Some(_))));
    }
    clock.advance(ms(7));
    assert_eq!(poll(&mut stream), Poll::Ready(None));
    drop(stream);
    let records = recording.observed();
    let record = records.only();
    assert_eq!(record.outcome, Some(Outcome::Completed));
    assert_eq!((record.ttft_ms, record.total_latency_ms), (Some(40.0), Some(40.0)));
    assert_eq!(record.server.as_ref().map(|server| &*server.address), Some("llm.example"));
    assert_eq!(record.latency.as_deref().and_then(|latency| latency.clock), None);
    assert_eq!((record.attempts, record.http_status), (Some(1), Some(200)));
    let expected = Consumer {
        items: Some(2),
        first_item_ms: Some(145.0),
        stall_ms: Some(245.0),
        total_ms: Some(252.0),
        ended: Some(ConsumerEnd::Completed),
        ..Consumer::default()
    };
    assert_eq!(consumer(record), &expected);
}

#[test]
fn a_reader_who_leaves_after_the_wire_s_end_has_left_a_completed_call() {
    let recording = recording();
    let (mut stream, mut tap) = stacked(recording.recorder(), [item("a"), item("b")]);
    sends(&mut tap, ANSWER);
    tap.end(BodyEnd::Complete);
    assert_eq!(poll(&mut stream), item("a"));
    drop(stream);
    let records = recording.observed();
    assert_eq!(records.only().outcome, Some(Outcome::Completed));
    assert_eq!(consumer(records.only()).ended, Some(ConsumerEnd::Left));
    assert_eq!(consumer(records.only()).items, Some(1));
}

#[test]
fn a_reader_who_leaves_before_waits_for_the_wire() {
    let recording = recording();
    let (stream, mut tap) = stacked(recording.recorder(), [WAIT]);
    sends(&mut tap, b"data: \"a\"\n\n");
    drop(stream);
    assert!(recording.records().is_empty(), "the body is still open");
    drop(tap);
    let records = recording.observed();
    assert_eq!(records.only().outcome, Some(Outcome::Dropped));
    assert_eq!(consumer(records.only()).ended, Some(ConsumerEnd::Left));
}

#[test]
fn an_error_the_typed_stream_made_is_the_reader_s_and_not_the_wire_s() {
    let recording = recording();
    let (mut stream, mut tap) = stacked(recording.recorder(), [item("a"), item("error")]);
    sends(&mut tap, ANSWER);
    tap.end(BodyEnd::Complete);
    while let Poll::Ready(Some(_)) = poll(&mut stream) {}
    let records = recording.observed();
    let record = records.only();
    assert_eq!((record.outcome, record.error.as_deref()), (Some(Outcome::Completed), None));
    assert_eq!(consumer(record).ended, Some(ConsumerEnd::Failed));
    assert_eq!(consumer(record).error.as_deref(), Some("bad word"));
}

#[test]
fn an_opening_that_fails_is_told_once() {
    let recording = recording();
    recording.scope().run_sync(|| {
        // The call below has told why.
        let below = async {
            call(recording.recorder(), "/words").failed(TransportError::Connect);
            Err::<Script, _>("gone")
        };
        assert_eq!(ready(observe_opening(below, InWords)).err(), Some("gone"));
        // Nobody else saw this one.
        let unseen = async { Err::<Script, _>("gone") };
        assert_eq!(ready(observe_opening(unseen, InWords)).err(), Some("gone"));
    });
    let records = recording.records();
    let kinds: Vec<_> =
        records.iter().map(|record| record.error.as_ref().map(|error| &*error.kind)).collect();
    assert_eq!(kinds, [Some("connect"), Some("&str")]);
    assert!(records.iter().all(|record| record.outcome == Some(Outcome::Failed)));
}

#[test]
fn an_opening_that_is_dropped_is_told_once() {
    let recording = recording();
    recording.scope().run_sync(|| {
        let seen = async {
            let _call = call(recording.recorder(), "/words");
            std::future::pending::<Result<Script, ()>>().await
        };
        let unseen = std::future::pending::<Result<Script, ()>>();
        let never_polled = observe_opening(std::future::pending::<Result<Script, ()>>(), InWords);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(pin!(observe_opening(seen, InWords)).poll(&mut cx).is_pending());
        assert!(pin!(observe_opening(unseen, InWords)).poll(&mut cx).is_pending());
        drop(never_polled);
    });
    let records = recording.records();
    let outcomes: Vec<_> = records.iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Dropped); 2]);
    let servers: Vec<_> = records.iter().map(|record| record.server.is_some()).collect();
    assert_eq!(servers, [true, false], "the first is the wire's");
}

#[test]
fn of_several_calls_the_last_in_the_stream_s_format_is_the_one_that_is_read() {
    let recording = recording();
    recording.scope().run_sync(|| {
        let opening = async {
            call(recording.recorder(), "/words").failed(TransportError::Timeout);
            let mut tap = answered(call(recording.recorder(), "/words"));
            answered(call(recording.recorder(), "/other")).end(BodyEnd::Complete);
            sends(&mut tap, ANSWER);
            tap.end(BodyEnd::Complete);
            Ok::<_, ()>(script([item("a")]))
        };
        let mut stream = ready(observe_opening(opening, InWords)).expect("it opens");
        while let Poll::Ready(Some(_)) = poll(&mut stream) {}
    });
    let records = recording.records();
    let told: Vec<_> = records
        .iter()
        .map(|record| (record.api.as_deref(), record.outcome, record.consumer.is_some()))
        .collect();
    let expected = [
        (Some("words"), Some(Outcome::Failed), false),
        (Some("other"), Some(Outcome::Interrupted), false),
        (Some("words"), Some(Outcome::Completed), true),
    ];
    assert_eq!(told, expected);
}

/// A stream that makes its call when it is first polled.
struct Lazy(Recorder, bool);

impl Stream for Lazy {
    type Item = &'static str;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Turn {
        let start = CallStart { target: target("/words"), body: None, body_len: None };
        let observed = self.0.call(start).is_some();
        if std::mem::replace(&mut self.1, true) {
            assert!(observed, "what is called later is no part of it");
            return Poll::Ready(None);
        }
        assert!(!observed, "the reader has opened this call");
        Poll::Ready(Some("."))
    }
}

#[test]
fn a_lazy_stream_s_own_call_is_the_reader_s() {
    let recording = recording();
    let lazy = Lazy(recording.recorder().clone(), false);
    let mut stream = recording.scope().run_sync(|| observe_stream(lazy, InWords));
    while let Poll::Ready(Some(_)) = poll(&mut stream) {}
    let outcomes: Vec<_> = recording.records().iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Dropped), Some(Outcome::Completed)]);
}

#[test]
fn what_is_open_at_the_shutdown_is_told_as_it_is() {
    let memory = Memory::default();
    let builder = Builder::new().decoder(Words).sink(memory.clone()).process_wide(false);
    let llmobs = builder.start().expect("threads can be started");
    let mut own = observed(&llmobs, [item("a"), WAIT]);
    assert_eq!(poll(&mut own), item("a"));
    let (stream, mut tap) = stacked(&llmobs, []);
    sends(&mut tap, ANSWER);
    tap.end(BodyEnd::Complete);
    llmobs.shutdown(Duration::from_secs(10)).expect("sinks take all");
    drop((own, stream, tap));
    let records = memory.take();
    let told: Vec<_> =
        records.iter().map(|record| (record.outcome, record.consumer.is_some())).collect();
    let expected = [(Some(Outcome::Unfinished), false), (Some(Outcome::Completed), false)];
    assert_eq!(told, expected);
    assert_eq!(llmobs.losses().total(), 0);
}

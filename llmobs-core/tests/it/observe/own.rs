//! A reader who is the only one to see the call.

use std::task::Poll;

use futures_core::Stream;
use llmobs_core::{
    BodyEnd, ConsumerEnd, LatencyClock, Notes, Outcome, StreamObserver, StreamStart,
    observe_opening, observe_stream,
};

use super::{
    ANSWER, InWords, WAIT, consumer, item, ms, observed, poll, ready, recording, script, sends,
    stacked,
};

#[test]
fn a_stream_nobody_else_sees_is_a_call_of_its_own_by_the_reader_s_clock() {
    let recording = recording();
    let mut stream = observed(recording.recorder(), [WAIT, item("a"), item("b"), item(".")]);
    recording.clock().advance(ms(20));
    assert_eq!(poll(&mut stream), WAIT);
    recording.clock().advance(ms(30));
    while let Poll::Ready(Some(_)) = poll(&mut stream) {
        recording.clock().advance(ms(10));
    }
    let records = recording.observed();
    let record = records.only();
    assert_eq!(record.outcome, Some(Outcome::Completed));
    assert_eq!(record.api.as_deref(), Some("words"));
    assert_eq!((record.model.as_deref(), record.output_tokens), (Some("model"), Some(2)));
    assert_eq!((record.ttft_ms, record.total_latency_ms), (Some(50.0), Some(70.0)));
    let latency = record.latency.as_deref().expect("it has times");
    assert_eq!(latency.clock, Some(LatencyClock::Reader));
    // The reader's pace is not the tokens', and nothing below was seen.
    assert_eq!((record.tpot_ms, latency.gaps, latency.decode_ms), (None, None, None));
    assert_eq!((latency.queue_ms, latency.headers_ms, latency.prefill_ms), (None, None, None));
    assert_eq!((record.http_status, record.attempts), (None, None));
    assert_eq!((&record.provider, &record.server), (&None, &None));
    let wire = record.wire.as_deref().expect("items were counted");
    assert_eq!((wire.events, wire.bytes, wire.end_marker), (Some(2), None, None));
    let consumer = consumer(record);
    assert_eq!((consumer.items, consumer.ended), (Some(3), Some(ConsumerEnd::Completed)));
    assert_eq!((consumer.first_item_ms, consumer.total_ms), (Some(50.0), Some(80.0)));
}

#[test]
fn the_time_an_item_waits_for_the_reader_is_stall_and_the_other_way_round_is_not() {
    let recording = recording();
    // After the second item the reader comes back before there is a third.
    let turns = [item("a"), item("b"), WAIT, WAIT, item("c"), item(".")];
    let mut stream = observed(recording.recorder(), turns);
    let steps = [(1, "a"), (10, "b"), (100, ""), (1_000, ""), (10_000, "c"), (100_000, ".")];
    for (away, expected) in steps {
        recording.clock().advance(ms(away));
        let polled = poll(&mut stream);
        assert_eq!(polled, if expected.is_empty() { WAIT } else { item(expected) });
    }
    recording.clock().advance(ms(1_000_000));
    assert_eq!(poll(&mut stream), Poll::Ready(None));
    let records = recording.observed();
    // At its end a stream gives nothing that could have waited.
    assert_eq!(consumer(records.only()).stall_ms, Some(100_011.0));
}

#[test]
fn without_a_call_below_an_error_is_the_call_s() {
    let recording = recording();
    let mut stream = observed(recording.recorder(), [item("a"), item("error")]);
    while let Poll::Ready(Some(_)) = poll(&mut stream) {}
    let records = recording.observed();
    let record = records.only();
    assert_eq!(record.outcome, Some(Outcome::Failed));
    assert_eq!(record.error.as_ref().map(|error| &*error.kind), Some("bad word"));
    assert_eq!(record.output_tokens, Some(1), "what came before is kept");
}

#[test]
fn a_stream_that_stops_or_is_left_is_told_by_the_ladder() {
    let recording = recording();
    let mut stops = observed(recording.recorder(), [item("a")]);
    while let Poll::Ready(Some(_)) = poll(&mut stops) {}
    let mut left = observed(recording.recorder(), [item("a"), item("b")]);
    assert_eq!(poll(&mut left), item("a"));
    drop(left);
    drop(observed(recording.recorder(), []));
    let outcomes: Vec<_> = recording.records().iter().map(|record| record.outcome).collect();
    let expected = [Outcome::Interrupted, Outcome::Dropped, Outcome::Dropped];
    assert_eq!(outcomes, expected.map(Some));
}

#[test]
fn a_stream_without_a_format_is_told_by_its_observer() {
    let recording = recording();
    let tell = |item: &&'static str, notes: &mut Notes<'_>| {
        notes.event(item);
        if *item != "role" {
            notes.output();
        }
        if let Some(record) = notes.record() {
            record.model_version = Some("small-1".into());
            record.output_tokens = Some(record.output_tokens.unwrap_or(0) + 1);
            record.finish_reason = Some("stop".into());
            // What is the recorder's stays so.
            (record.trace_id, record.outcome) = (None, Some(Outcome::Failed));
            record.total_latency_ms = Some(1.0);
        }
    };
    let stream = script([item("role"), item("a"), item("b")]);
    let mut stream = recording.scope().session("s-1").run_sync(|| observe_stream(stream, tell));
    loop {
        recording.clock().advance(ms(10));
        if poll(&mut stream) == Poll::Ready(None) {
            break;
        }
    }
    let records = recording.observed();
    let record = records.only();
    assert_eq!(record.outcome, Some(Outcome::Completed));
    assert_eq!((record.operation.as_deref(), record.api.as_deref()), (Some("chat"), None));
    assert_eq!(record.model_version.as_deref(), Some("small-1"));
    assert_eq!(record.finish_reason.as_deref(), Some("stop"));
    assert_eq!((record.output_tokens, record.ttft_ms), (Some(3), Some(20.0)));
    assert_eq!(record.session_id.as_deref(), Some("s-1"));
    assert!(record.trace_id.is_some());
    assert_eq!(record.total_latency_ms, Some(40.0));
    let wire = record.wire.as_deref().expect("items were counted");
    assert_eq!((wire.events, wire.first_token_event), (Some(3), Some(1)));
}

#[test]
fn an_observer_that_panics_is_not_asked_again_and_hurts_nobody() {
    let recording = recording();
    let turns = || [item("a"), item("panic"), item("b"), item(".")];
    let (mut on_wire, mut tap) = stacked(recording.recorder(), turns());
    sends(&mut tap, ANSWER);
    tap.end(BodyEnd::Complete);
    let mut own = observed(recording.recorder(), turns());
    for stream in [&mut on_wire, &mut own] {
        for expected in ["a", "panic", "b", "."] {
            assert_eq!(poll(stream), item(expected));
        }
        assert_eq!(poll(stream), Poll::Ready(None));
    }
    let records = recording.records();
    assert_eq!(records.len(), 2);
    for record in &records {
        assert!(consumer(record).observer_panicked);
        assert_eq!(consumer(record).items, Some(4));
        assert_eq!(record.outcome, Some(Outcome::Completed));
    }
    assert_eq!(recording.recorder().losses().total(), 0);
}

/// An observer that cannot even say what it is for.
struct Rude;

impl StreamObserver<&'static str> for Rude {
    fn start(&self) -> StreamStart {
        std::panic::resume_unwind(Box::new("as the test says"))
    }

    fn item(&mut self, _: &&'static str, _: &mut Notes<'_>) {}
}

#[test]
fn an_observer_that_panics_at_the_start_hurts_nobody() {
    let recording = recording();
    let mut stream = recording.scope().run_sync(|| observe_stream(script([item("a")]), Rude));
    assert_eq!(poll(&mut stream), item("a"));
    assert_eq!(poll(&mut stream), Poll::Ready(None));
    assert_eq!(recording.observed().only().outcome, Some(Outcome::Completed));
}

/// An item that cannot be written down.
struct Unwritable;

impl serde::Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut seq = serializer.serialize_seq(None)?;
        seq.serialize_element("half")?;
        Err(serde::ser::Error::custom("no more"))
    }
}

struct Unwriting;

impl StreamObserver<&'static str> for Unwriting {
    fn start(&self) -> StreamStart {
        StreamStart::in_format("POST", "/words")
    }

    fn item(&mut self, item: &&'static str, notes: &mut Notes<'_>) {
        match *item {
            "bad" => notes.event(&Unwritable),
            item => notes.event(item),
        }
    }
}

#[test]
fn an_item_that_cannot_be_written_down_is_malformed() {
    let recording = recording();
    let stream = script([item("bad"), item("a"), item(".")]);
    let mut stream = recording.scope().run_sync(|| observe_stream(stream, Unwriting));
    while let Poll::Ready(Some(_)) = poll(&mut stream) {}
    let records = recording.observed();
    let wire = records.only().wire.as_deref().expect("items were counted");
    assert_eq!((wire.events, wire.malformed), (Some(2), Some(1)));
    assert_eq!(records.only().outcome, Some(Outcome::Completed));
}

#[test]
fn without_a_recorder_nothing_is_observed_and_nothing_changes() {
    let recording = recording();
    recording.recorder().set_enabled(false);
    let mut stream = observed(recording.recorder(), [item("a"), item("error")]);
    assert_eq!(stream.size_hint(), (3, Some(7)));
    assert_eq!(poll(&mut stream), item("a"));
    assert_eq!(poll(&mut stream), item("error"));
    assert_eq!(poll(&mut stream), Poll::Ready(None));
    let opening = async { Ok::<_, ()>(script([item("a")])) };
    let opening = recording.scope().run_sync(|| ready(observe_opening(opening, InWords)));
    assert_eq!(poll(&mut opening.expect("it opens")), item("a"));
    assert!(recording.records().is_empty());
}

#[test]
fn a_stream_that_panics_ends_its_record() {
    let recording = recording();
    let panics = std::panic::AssertUnwindSafe(|| {
        let _stream = observed(recording.recorder(), [item("a")]);
        std::panic::resume_unwind(Box::new("as the test says"));
    });
    assert!(std::panic::catch_unwind(panics).is_err());
    assert_eq!(recording.observed().only().outcome, Some(Outcome::Dropped));
}

#[test]
fn an_item_costs_no_allocation() {
    const ITEMS: usize = 1_000;
    let recording = recording();
    let of = |n: usize| {
        let turns = || std::iter::repeat_n(item("a"), n);
        let (mut on_wire, tap) = stacked(recording.recorder(), turns());
        let mut own = observed(recording.recorder(), turns());
        let each = [&mut on_wire, &mut own].map(|stream| {
            allocation_counter::measure(|| while let Poll::Ready(Some(_)) = poll(stream) {})
                .count_total
        });
        drop(tap);
        recording.records();
        each
    };
    of(ITEMS);
    let (few, many) = (of(10), of(ITEMS));
    let ([few_on_wire, few], [many_on_wire, many]) = (few, many);
    assert_eq!(many_on_wire, few_on_wire, "where the wire tells");
    // The buffers that are under way to the worker are not in the pool.
    let more = many - few;
    assert!(more <= 8, "{more} allocations for {ITEMS} items");
}

//! The end of a call, of which several threads may be the one that brings it.
//!
//! Small enough to be run by Miri, under many orders; `CONTRIBUTING.md` has the command.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use llmobs_core::testing::Memory;
use llmobs_core::{
    BodyEnd, Builder, Call, CallStart, Capture, Closing, Decoder, Event, EventFacts, Fold, Kind,
    Llmobs, LossCause, Outcome, PriceTable, Record, Route, Tap, Target, TransportError,
};

/// Miri is slow, and is run with many seeds.
const ROUNDS: usize = if cfg!(miri) { 1 } else { 50 };
const LONG: Duration = Duration::from_secs(600);

#[derive(Debug)]
struct Plain;

impl Decoder for Plain {
    fn route(&self, _: &Target<'_>) -> Option<Route> {
        Some(Route { operation: "chat", api: "plain", provider: None })
    }

    fn request(&self, _: &Route, _: &[u8], _: Capture, _: &mut Record) {}

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(Self)
    }
}

impl Fold for Plain {
    fn event(&mut self, _: &Event<'_>) -> EventFacts {
        EventFacts { output: true, ..EventFacts::default() }
    }

    fn body(&mut self, _: &[u8]) -> bool {
        true
    }

    fn finish(self: Box<Self>, _: &mut Record) -> Closing {
        Closing::default()
    }
}

fn start() -> (Llmobs, Memory) {
    let memory = Memory::default();
    let builder = Builder::new().process_wide(false).prices(PriceTable::empty()).decoder(Plain);
    (builder.sink(memory.clone()).start().expect("threads can be started"), memory)
}

fn call(llmobs: &Llmobs) -> Option<Call> {
    let target = Target { method: "POST", host: "localhost", port: Some(80), path: "/chat" };
    llmobs.call(CallStart { target, body: Some(Bytes::from_static(b"m")), body_len: None })
}

/// Runs both sides of a call at once, beside a shutdown where there is one.
fn race(
    wire: impl Fn(Tap) + Send + Copy + 'static,
    caller: impl Fn(Call) + Send + Copy + 'static,
    shutdown: bool,
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for _ in 0..ROUNDS {
        let (llmobs, memory) = start();
        let open = call(&llmobs).expect("there is room");
        let attempt = open.handle().attempt();
        let begin = Arc::new(Barrier::new(3));
        let (begin_wire, begin_caller) = (Arc::clone(&begin), Arc::clone(&begin));
        let wire = thread::spawn(move || {
            let headers = [("content-type", &b"text/event-stream"[..])];
            let mut tap = attempt.headers(200, headers.into_iter());
            begin_wire.wait();
            tap.data(&Bytes::from_static(b"data: a\n\n"));
            wire(tap);
        });
        let caller = thread::spawn(move || {
            begin_caller.wait();
            caller(open);
        });
        begin.wait();
        if shutdown {
            llmobs.shutdown(LONG).expect("all is delivered");
        }
        wire.join().expect("no panic");
        caller.join().expect("no panic");
        llmobs.shutdown(LONG).expect("all is delivered");
        let records = memory.take();
        assert_eq!(records.len(), 1, "{records:?}");
        let losses = llmobs.losses();
        assert_eq!((losses.accepted, losses.recorded, losses.open), (1, 1, 0), "{losses:?}");
        assert!(losses.sinks.iter().all(|sink| sink.delivered == 1), "{losses:?}");
        outcomes.extend(records.into_iter().filter_map(|record| record.outcome));
    }
    assert_eq!(outcomes.len(), ROUNDS);
    outcomes
}

fn ends(mut tap: Tap) {
    tap.end(BodyEnd::Complete);
}

#[test]
fn a_call_ends_once_whichever_of_its_two_sides_is_last() {
    for outcome in race(ends, Call::returned, false) {
        assert_eq!(outcome, Outcome::Interrupted, "there was no end marker");
    }
    for outcome in race(drop, Call::returned, false) {
        assert_eq!(outcome, Outcome::Dropped);
    }
}

#[test]
fn a_call_that_fails_or_is_dropped_while_it_is_answered_ends_once() {
    race(ends, |call| call.failed(TransportError::Timeout), false);
    race(drop, drop, false);
    race(ends, drop, false);
}

#[test]
fn a_shutdown_in_the_middle_of_a_call_makes_one_record_of_it() {
    race(ends, Call::returned, true);
    race(drop, drop, true);
}

#[test]
fn calls_that_begin_beside_a_shutdown_are_recorded_or_counted() {
    for _ in 0..ROUNDS {
        let (llmobs, memory) = start();
        let begin = Barrier::new(2);
        let begun = thread::scope(|scope| {
            let callers = scope.spawn(|| {
                begin.wait();
                (0..3).filter_map(|_| call(&llmobs).map(drop)).count()
            });
            begin.wait();
            llmobs.shutdown(LONG).expect("all is delivered");
            callers.join().expect("no panic")
        });
        let losses = llmobs.losses();
        let lost = losses.lost.get(&LossCause::ShutDown).copied().unwrap_or_default();
        // A report of what was lost is a record, too.
        let (reports, calls): (Vec<_>, Vec<_>) =
            memory.take().into_iter().partition(|record| record.kind == Kind::Meta);
        assert_eq!(losses.accepted, 3 + reports.len() as u64, "{losses:?}");
        assert_eq!((calls.len() as u64 + lost, losses.open), (3, 0), "{losses:?}");
        assert!(calls.len() <= begun);
    }
}

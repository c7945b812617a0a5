//! Clocks that jump, stand still, were never set, or panic.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use llmobs_core::testing::{FakePauses, Memory};
use llmobs_core::{
    Backoff, Builder, Clock, Kind, Llmobs, Record, SpanId, StepKind, TailSampling, Timestamp,
    TraceId,
};

use super::{Backend, LONG, exact, numbers, step, until};

const HOUR: u64 = 3_600 * 1_000_000_000;
/// 2026-01-01.
const TODAY: u64 = 1_767_225_600 * 1_000_000_000;

/// Where the test has put it: time elapsed and time of day; nothing where it panics.
#[derive(Clone, Debug)]
struct Put(Arc<Mutex<Option<(u64, u64)>>>);

impl Put {
    fn at(elapsed: u64, now: u64) -> Self {
        Self(Arc::new(Mutex::new(Some((elapsed, now)))))
    }

    fn put(&self, at: Option<(u64, u64)>) {
        *self.0.lock().expect("no panic") = at;
    }

    fn get(&self) -> (u64, u64) {
        let at = *self.0.lock().expect("no panic");
        at.unwrap_or_else(|| std::panic::resume_unwind(Box::new("a clock gone wrong")))
    }
}

impl Clock for Put {
    fn elapsed(&self) -> u64 {
        self.get().0
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.get().1)
    }
}

fn start(clock: &Put) -> (Llmobs, Memory) {
    let memory = Memory::default();
    let builder = Builder::new().process_wide(false).clock(clock.clone()).sink(memory.clone());
    (builder.start().expect("threads"), memory)
}

/// A step that begins at one time and ends at another.
fn stepped(from: Option<(u64, u64)>, to: Option<(u64, u64)>) -> Record {
    let clock = Put::at(0, TODAY);
    let (llmobs, memory) = start(&clock);
    clock.put(from);
    let open = llmobs.step(StepKind::Tool, "a");
    clock.put(to);
    open.end();
    llmobs.flush(LONG).expect("it is taken");
    exact(&llmobs);
    memory.records().pop().expect("a record")
}

#[test]
fn what_a_clock_cannot_know_is_absent_and_never_negative() {
    let took = |from, to| stepped(Some((from, TODAY)), Some((to, TODAY))).total_latency_ms;
    assert_eq!(took(HOUR, HOUR), Some(0.0), "it stood still");
    assert_eq!(took(HOUR, 3 * HOUR), Some(7_200_000.0));
    assert_eq!(took(3 * HOUR, HOUR), None, "it ran backwards");
    assert_eq!(took(u64::MAX, 0), None);

    let at = |now| stepped(Some((0, now)), Some((0, TODAY))).timestamp.map(|at| at.to_string());
    assert_eq!(at(TODAY).as_deref(), Some("2026-01-01T00:00:00.000000Z"));
    assert_eq!(at(0), None, "a clock that was never set");
    assert_eq!(at(HOUR), None, "and has run for an hour since");
    assert!(at(u64::MAX).is_some_and(|at| at.starts_with("2554-")));

    // One that panics: time stands still, and the day is the machine's.
    let record = stepped(None, None);
    assert_eq!(record.total_latency_ms, Some(0.0));
    assert!(record.timestamp.is_some_and(|at| at > Timestamp::from_unix_nanos(TODAY)));
    let record = stepped(Some((HOUR, TODAY)), None);
    assert_eq!(record.total_latency_ms, Some(0.0), "no more than is known");
}

#[test]
fn times_of_day_that_cannot_be_expressed_are_no_time_at_all() {
    use std::time::SystemTime;

    let none = Timestamp::from_unix_nanos(0);
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    assert_eq!(Timestamp::from(SystemTime::UNIX_EPOCH - year), none);
    // The year 10000, where the system has it.
    if let Some(far) = SystemTime::UNIX_EPOCH.checked_add(8_031 * year) {
        assert_eq!(Timestamp::from(far), none);
    }
}

#[test]
fn delivery_and_spool_go_on_whatever_the_clock_does() {
    let directory = tempfile::tempdir().expect("a directory");
    let (clock, backend, pauses) = (Put::at(0, TODAY), Backend::away(), FakePauses::default());
    let builder = Builder::new().process_wide(false).pauses(&pauses).clock(clock.clone());
    let builder = builder.backoff(Backoff::new().offers(1)).spool(directory.path());
    let llmobs = builder.sink(backend.clone()).start().expect("threads");
    let jumps = [
        Some((5 * HOUR, TODAY + 5 * HOUR)),
        Some((0, 0)),
        Some((0, u64::MAX)),
        None,
        Some((u64::MAX, TODAY)),
        Some((0, TODAY)),
    ];
    for (n, jump) in jumps.into_iter().enumerate() {
        clock.put(jump);
        for name in numbers(n as u64 * 10..(n as u64 + 1) * 10) {
            step(&llmobs, name);
        }
        let _ = llmobs.flush(LONG);
        exact(&llmobs);
    }
    backend.get().away = false;
    until(|| {
        pauses.advance(Duration::from_secs(31));
        let losses = exact(&llmobs);
        losses.open == 0 && losses.sinks[0].waiting == 0
    });
    assert_eq!((backend.names(), exact(&llmobs).total()), (numbers(0..60), 0));
}

/// A call of a trace that began elsewhere: only time tells when it is over.
fn distant(n: u64) -> Record {
    Record {
        kind: Kind::Interaction,
        name: Some(n.to_string()),
        trace_id: TraceId::new(u128::from(n) + 1),
        span_id: SpanId::new(n + 1),
        parent_span_id: SpanId::new(1_000),
        ..Record::default()
    }
}

#[test]
fn traces_wait_for_their_time_and_not_for_a_clock_that_ran_backwards() {
    let clock = Put::at(100 * HOUR, TODAY);
    let memory = Memory::default();
    let sampling = TailSampling::new(1.0).quiet(Duration::from_secs(10));
    let builder = Builder::new().process_wide(false).clock(clock.clone()).sink(memory.clone());
    let llmobs = builder.tail_sampling(sampling).start().expect("threads");
    llmobs.record(distant(0));
    let seen = |n: usize| {
        // Whenever something is done, and when that is over, the sampler looks at the time.
        for _ in 0..2 {
            let before = llmobs.losses().recorded;
            llmobs.record(Record::default());
            until(|| llmobs.losses().recorded > before);
        }
        memory.records().iter().filter(|record| record.name.is_some()).count() == n
    };
    assert!(seen(0));
    // Back by hours: it need not come as far again.
    clock.put(Some((HOUR, TODAY)));
    assert!(seen(0));
    clock.put(Some((HOUR + 11 * 1_000_000_000, TODAY)));
    until(|| seen(1));
    // Forward by hours: it is over at once.
    llmobs.record(distant(1));
    assert!(seen(1));
    clock.put(Some((50 * HOUR, TODAY)));
    until(|| seen(2));
    llmobs.shutdown(LONG).expect("all is taken");
    let losses = exact(&llmobs);
    assert_eq!((losses.open, losses.total()), (0, 0));
}

#[test]
fn a_clock_that_stands_still_holds_back_no_more_traces_than_may_wait() {
    let (clock, memory) = (Put::at(HOUR, TODAY), Memory::default());
    let sampling = TailSampling::new(1.0).records(10);
    let builder = Builder::new().process_wide(false).clock(clock).sink(memory.clone());
    let llmobs = builder.tail_sampling(sampling).start().expect("threads");
    (0..50).for_each(|n| llmobs.record(distant(n)));
    until(|| memory.records().len() == 40);
    assert_eq!(exact(&llmobs).open, 10);
    llmobs.flush(LONG).expect("a flush waits for none of them");
    assert_eq!(memory.records().len(), 50);
}

//! Losses as the application hears of them, and sinks, rules and clocks that misbehave.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use llmobs_core::testing::{CountingIds, FakePauses, Memory};
use llmobs_core::{
    Backoff, Batch, Builder, Clock, JsonLines, Kind, Llmobs, LossCause, Losses, Record, Sink,
    SinkError, StepKind, Timestamp,
};

use super::{Backend, LONG, builder, exact, name, numbers, only_sink, step, until};

const MINUTE: Duration = Duration::from_secs(60);

/// A sink that gives a batch the answer the test has for its first record.
#[derive(Debug)]
struct Judge(fn(&str) -> Result<(), SinkError>);

impl Sink for Judge {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        self.0(&name(batch.records.first().expect("no batch is empty")))
    }

    fn name(&self) -> &str {
        "judge"
    }
}

fn refuses(_: &str) -> Result<(), SinkError> {
    Err(SinkError::permanent("never"))
}

fn told(on: Builder, pauses: &FakePauses) -> (Llmobs, Receiver<Losses>) {
    let (tell, told) = channel();
    let on_loss = move |losses: &Losses| {
        let _ = tell.send(losses.clone());
        std::panic::resume_unwind(Box::new("a hook gone wrong"));
    };
    (on.pauses(pauses).on_loss(on_loss).start().expect("threads"), told)
}

#[test]
fn the_application_hears_of_the_first_loss_at_once_and_then_once_a_minute() {
    let pauses = FakePauses::default();
    let (llmobs, told) = told(builder().sink(Judge(refuses)), &pauses);
    let lose = |name: &str| {
        step(&llmobs, name);
        llmobs.flush(LONG).expect_err("it is refused");
        // The worker looks at the losses each time it has done something; what it reports is refused
        // as well.
        let _ = llmobs.flush(LONG);
    };
    lose("a");
    let first = told.recv_timeout(LONG).expect("it is told at once");
    assert_eq!(first.by_cause().get(&LossCause::SinkRefused), Some(&1));
    lose("b");
    lose("c");
    assert!(told.try_recv().is_err(), "not more than once a minute");
    pauses.advance(MINUTE);
    lose("d");
    let second =
        told.recv_timeout(LONG).expect("a minute is over, and the hook survives its panics");
    assert!((3..=5).contains(&second.total()), "{second:?}");
    let _ = llmobs.shutdown(LONG);
    drop(llmobs);
    assert!(told.iter().count() <= 1, "the end is told of once");
}

#[test]
fn an_application_that_takes_its_time_over_a_loss_is_no_reason_for_a_shutdown_to_fail() {
    let (tell, told) = channel();
    let (leave, left) = channel::<()>();
    let on_loss = move |_: &Losses| {
        let _ = tell.send(());
        let _ = left.recv();
    };
    let refuses_first = Judge(|name| if name == "a" { refuses(name) } else { Ok(()) });
    let llmobs = builder().sink(refuses_first).on_loss(on_loss).start().expect("threads");
    step(&llmobs, "a");
    llmobs.flush(LONG).expect_err("it is refused");
    let _ = llmobs.flush(LONG);
    told.recv_timeout(LONG).expect("it is told");
    step(&llmobs, "b");
    llmobs.shutdown(Duration::from_millis(100)).expect("all the rest is delivered");
    drop(leave);
}

#[test]
fn without_losses_the_application_hears_nothing() {
    let pauses = FakePauses::default();
    let (llmobs, told) = told(builder().sink(Memory::default()), &pauses);
    for name in numbers(0..100) {
        step(&llmobs, name);
    }
    pauses.advance(MINUTE);
    llmobs.shutdown(LONG).expect("all is taken");
    drop(llmobs);
    assert_eq!(told.iter().count(), 0);
}

#[test]
fn once_a_minute_a_report_is_written_while_something_is_lost_or_waits_on_disk() {
    let directory = tempfile::tempdir().expect("a directory");
    let (memory, pauses) = (Memory::default(), FakePauses::default());
    let builder = Builder::new().ids(CountingIds::default()).process_wide(false).pauses(&pauses);
    let builder = builder.spool(directory.path()).backoff(Backoff::new().offers(1));
    let llmobs = builder.sink(memory.clone()).sink(Backend::away()).start().expect("threads");
    for n in 0..3 {
        step(&llmobs, n.to_string());
        until(|| exact(&llmobs).sinks[1].spooled > n);
        pauses.advance(MINUTE);
        llmobs.flush(LONG).expect_err("one sink is away");
    }
    llmobs.flush(LONG).expect_err("one sink is away");
    let reports = memory.take().into_iter().filter(|record| record.kind == Kind::Meta);
    let reports: Vec<_> = reports.filter_map(|report| report.meta?.losses).collect();
    assert!((2..=4).contains(&reports.len()), "{reports:?}");
    for report in reports {
        assert!(report.lost.is_empty(), "{report:?}");
        assert!(report.waiting.get("backend").is_some_and(|n| *n > 0), "{report:?}");
    }
}

#[test]
fn a_sink_that_panics_each_time_loses_each_batch_and_nothing_else() {
    let (memory, sink) = (Memory::default(), Judge(|_| panic!("each time")));
    let llmobs = builder().sink(sink).sink(memory.clone()).start().expect("threads");
    for name in numbers(0..20) {
        step(&llmobs, name);
        let _ = llmobs.flush(LONG);
    }
    let losses = exact(&llmobs);
    assert_eq!(losses.sinks[0].lost.get(&LossCause::SinkPanicked), Some(&20));
    assert_eq!(memory.records().len(), 20);
}

#[test]
fn nonsense_from_a_sink_is_kept_within_what_it_was_offered() {
    let sink = Judge(|_| Err(SinkError::partial(u64::MAX, "all of them, and more")));
    let llmobs = builder().sink(sink).start().expect("threads");
    step(&llmobs, "a");
    llmobs.flush(LONG).expect_err("it was refused");
    let (delivered, waiting, lost) = only_sink(&exact(&llmobs));
    assert_eq!((delivered, waiting, lost.get(&LossCause::SinkRefused)), (0, 0, Some(&1)));

    let pauses = FakePauses::default();
    let away = Backend::away();
    away.get().retry_after = Some(Duration::MAX);
    let llmobs = builder().pauses(&pauses).sink(away.clone()).start().expect("threads");
    step(&llmobs, "a");
    assert_eq!(pauses.pause(), 5 * MINUTE, "no sink is waited for longer");
    away.get().away = false;
    pauses.advance(5 * MINUTE);
    llmobs.flush(LONG).expect("it is taken");
}

/// A clock that goes where it likes.
#[derive(Clone, Debug, Default)]
struct Jumping(Arc<Mutex<(u64, u64)>>);

impl Clock for Jumping {
    fn elapsed(&self) -> u64 {
        self.0.lock().expect("no test panics with it").0
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.0.lock().expect("no test panics with it").1)
    }
}

#[test]
fn clocks_that_jump_lose_nothing_and_hold_nobody_up() {
    let (memory, clock) = (Memory::default(), Jumping::default());
    let llmobs = builder().clock(clock.clone()).sink(memory.clone()).start().expect("threads");
    let year = 365 * 24 * 60 * 60 * 1_000_000_000_u64;
    let jumps = [(0, 50 * year), (5, 0), (u64::MAX, u64::MAX), (0, 40 * year), (year, 50 * year)];
    for (n, jump) in jumps.into_iter().enumerate() {
        let open = llmobs.step(StepKind::Tool, n.to_string());
        *clock.0.lock().expect("no test panics with it") = jump;
        open.end();
        llmobs.flush(LONG).expect("memory takes all");
        exact(&llmobs);
    }
    let latencies: Vec<_> = memory.records().iter().map(|record| record.total_latency_ms).collect();
    assert_eq!(latencies.len(), jumps.len());
    assert!(latencies.iter().flatten().all(|ms| *ms >= 0.0), "{latencies:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_makes_json_lines_wait_and_not_give_up() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("it is there");
    let pauses = FakePauses::default();
    let builder = builder().backoff(Backoff::new().offers(1)).pauses(&pauses);
    let llmobs = builder.sink(JsonLines::writer(full)).start().expect("threads");
    step(&llmobs, "a");
    pauses.pause();
    let err = llmobs.flush(LONG).unwrap_err();
    assert_eq!(err.failed_sinks(), ["json_lines"]);
    let (delivered, waiting, lost) = only_sink(&exact(&llmobs));
    assert_eq!((delivered, waiting, lost.len()), (0, 1, 0));
    let err = llmobs.shutdown(Duration::from_millis(50)).unwrap_err();
    assert_eq!(err.waiting(), 1);
    until(|| exact(&llmobs).sinks[0].lost.get(&LossCause::SinkTooSlow) >= Some(&1));
}

#[test]
fn fifty_thousand_a_second_find_their_way_to_a_sink_that_takes_a_fiftieth_for_a_batch() {
    /// Takes a batch whenever the test says that another twenty milliseconds are over.
    #[derive(Debug)]
    struct Slow(Receiver<()>);
    impl Sink for Slow {
        fn deliver(&mut self, _: &Batch<'_>) -> Result<(), SinkError> {
            let _ = self.0.recv();
            Ok(())
        }
        fn name(&self) -> &str {
            "slow"
        }
    }
    let (over, slow) = channel();
    let llmobs = builder().sink(Slow(slow)).start().expect("threads");
    for _ in 0..500 {
        for _ in 0..1_000 {
            llmobs.record(Record::default());
        }
        until(|| llmobs.losses().open == 0);
        over.send(()).expect("the sink is there");
    }
    drop(over);
    llmobs.shutdown(LONG).expect("nothing is lost");
    let losses = exact(&llmobs);
    assert_eq!((losses.recorded, losses.total()), (500_000, 0));
    assert_eq!(losses.sinks[0].delivered, 500_000);
}

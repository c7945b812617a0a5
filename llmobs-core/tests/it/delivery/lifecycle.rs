//! Starting, stopping, and more than one recorder.

use std::collections::BTreeMap;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use llmobs_core::testing::{FakePauses, Memory};
use llmobs_core::{
    Backoff, Batch, LossCause, Record, Recorder, Sink, SinkError, Step, StepKind, Verdict,
};

use super::{Answer, LONG, Scripted, builder, exact, name, only_sink, scripted, step};

/// Says when its sink is gone, which is the last thing a sink's thread does.
#[derive(Debug)]
struct Farewell(Scripted, #[expect(dead_code, reason = "it is there to be dropped")] Sender<()>);

impl Sink for Farewell {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        self.0.deliver(batch)
    }

    fn name(&self) -> &str {
        self.0.name()
    }
}

fn names(memory: &Memory) -> Vec<String> {
    memory.records().iter().map(name).collect()
}

#[test]
fn a_flush_that_runs_out_of_time_says_what_waits() {
    let (sink, script) = scripted();
    let llmobs = builder().sink(sink).start().expect("threads");
    step(&llmobs, "a");
    assert_eq!(script.offered(), ["a"]);
    let err = llmobs.flush(Duration::ZERO).unwrap_err();
    assert_eq!(err.waiting(), 1);
    assert_eq!(err.to_string(), "not everything was delivered in time: 1 record is left");
    assert!(err.is_late());
    script.answer(Answer::Take);
    llmobs.flush(LONG).expect("it has been taken");
    llmobs.flush(Duration::MAX).expect("a long time is no error");
}

#[test]
fn dropping_the_recorder_delivers_what_waits() {
    let memory = Memory::default();
    let llmobs = builder().sink(memory.clone()).start().expect("threads");
    let recorder = llmobs.recorder().clone();
    for n in 0..2_000 {
        step(&llmobs, n.to_string());
    }
    drop(llmobs);
    assert_eq!(memory.records().len(), 2_000);
    step(&recorder, "too late");
    let losses = exact(&recorder);
    assert_eq!((losses.open, losses.recorded, losses.total()), (0, 2_000, 0));
    assert_eq!(losses.accepted, 2_000, "a recorder that is off takes nothing on");
}

#[test]
fn what_ends_after_the_shutdown_is_counted() {
    let llmobs = builder().sink(Memory::default()).start().expect("threads");
    let open = llmobs.step(StepKind::Tool, "open");
    llmobs.shutdown(Duration::MAX).expect("there is nothing to deliver");
    assert_eq!(exact(&llmobs).open, 1);
    open.end();
    step(&llmobs, "too late");
    let losses = exact(&llmobs);
    assert_eq!((losses.accepted, losses.open, losses.recorded), (2, 0, 0));
    assert_eq!(losses.lost, BTreeMap::from([(LossCause::ShutDown, 2)]));
    llmobs.shutdown(LONG).expect("once more changes nothing");
    llmobs.flush(LONG).expect("nothing waits");
}

#[test]
fn a_shutdown_that_runs_out_of_time_counts_what_is_left() {
    let ((sink, script), (farewell, gone)) = (scripted(), channel());
    // The rules go with the worker.
    let (alive, worker_gone) = channel::<()>();
    let rule = move |_: &mut Record| {
        let _ = &alive;
        Verdict::Keep
    };
    let builder = builder().processor(rule).sink(Farewell(sink, farewell));
    let llmobs = builder.start().expect("threads");
    step(&llmobs, "in hand");
    assert_eq!(script.offered(), ["in hand"]);
    step(&llmobs, "waiting");
    llmobs.flush(Duration::ZERO).unwrap_err();
    let err = llmobs.shutdown(Duration::ZERO).unwrap_err();
    assert_eq!(err.waiting(), 2);
    exact(&llmobs);
    llmobs.shutdown(LONG).expect_err("the sink is still busy with the first");

    script.answer(Answer::Retry);
    gone.recv().expect_err("the sink's thread has ended");
    worker_gone.recv().expect_err("the worker has ended");
    let (delivered, waiting, lost) = only_sink(&exact(&llmobs));
    assert_eq!((delivered, waiting), (0, 0));
    // The worker may have had something to report at its end.
    assert!(matches!(lost[&LossCause::SinkTooSlow], 2 | 3), "{lost:?}");
    assert_eq!(lost.len(), 1);
    assert_eq!(exact(&llmobs).open, 0);
}

#[test]
fn a_record_that_is_searched_for_when_the_time_is_over_is_counted() {
    let ((sink, script), (farewell, gone)) = (scripted(), channel());
    let pauses = FakePauses::default();
    let builder = builder().backoff(Backoff::new().offers(1)).pauses(&pauses);
    let llmobs = builder.sink(Farewell(sink, farewell)).start().expect("threads");
    step(&llmobs, "a");
    // Until it is offered alone, to see whether the one after it would be taken.
    for _ in 0..20 {
        assert_eq!(script.offered(), ["a"]);
        script.answer(Answer::Retry);
        pauses.advance(pauses.pause());
    }
    assert_eq!(script.offered(), ["a"]);
    assert_eq!(llmobs.shutdown(Duration::ZERO).unwrap_err().waiting(), 1);
    script.answer(Answer::Retry);
    drop(script.answers);
    gone.recv().expect_err("the sink's thread has ended");
    let (delivered, waiting, lost) = only_sink(&exact(&llmobs));
    assert_eq!((delivered, waiting), (0, 0));
    // The worker may have come to report it, and to report once more at its end.
    assert!(matches!(lost[&LossCause::SinkTooSlow], 1..=3), "{lost:?}");
    assert_eq!(lost.len(), 1);
}

#[test]
fn recorders_side_by_side_keep_to_themselves() {
    let (a, b) = (Memory::default(), Memory::default());
    let first = builder().sink(a.clone()).start().expect("threads");
    let second = builder().sink(b.clone()).start().expect("threads");
    let scope = llmobs_core::scope();
    scope.clone().recorder(&first).run_sync(|| {
        Step::start(StepKind::Tool, "a").end();
        llmobs_core::scope().recorder(&second).run_sync(|| {
            Step::start(StepKind::Tool, "b").end();
        });
    });
    drop(first);
    scope.recorder(&second).run_sync(|| Step::start(StepKind::Tool, "c").end());
    drop(second);
    assert_eq!(names(&a), ["a"]);
    assert_eq!(names(&b), ["b", "c"]);
}

#[test]
fn the_process_wide_recorder_is_the_last_one_started() {
    let (a, b) = (Memory::default(), Memory::default());
    assert!(!Step::start(StepKind::Tool, "nobody listens").is_recording());
    let first = builder().process_wide(true).sink(a.clone()).start().expect("threads");
    Step::start(StepKind::Tool, "a").end();
    let second = builder().process_wide(true).sink(b.clone()).start().expect("threads");
    Step::start(StepKind::Tool, "b").end();
    // The first is not process-wide any more: its end changes nothing.
    drop(first);
    Step::start(StepKind::Tool, "c").end();
    drop(second);
    assert!(Recorder::process_wide().is_none());
    assert!(!Step::start(StepKind::Tool, "nobody listens").is_recording());
    assert_eq!(names(&a), ["a"]);
    assert_eq!(names(&b), ["b", "c"]);
}

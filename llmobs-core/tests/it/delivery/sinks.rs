//! Sinks that fail.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use llmobs_core::testing::Memory;
use llmobs_core::{
    Backoff, Batch, Limits, Llmobs, LossCause, Processor, Record, Recorder, Sink, SinkError,
    Verdict,
};

use super::{Answer, LONG, Script, builder, exact, name, only_sink, scripted, step};

fn start() -> (Llmobs, Script) {
    let (sink, script) = scripted();
    (builder().sink(sink).start().expect("threads"), script)
}

#[test]
fn a_sink_that_panics_loses_that_batch_and_no_other() {
    let (llmobs, script) = start();
    script.answer(Answer::Panic);
    step(&llmobs, "a");
    assert_eq!(script.offered(), ["a"]);
    let err = llmobs.flush(LONG).unwrap_err();
    assert_eq!((err.waiting(), err.failed_sinks()), (0, &["scripted".to_owned()][..]));
    assert_eq!(
        err.to_string(),
        "not everything was delivered; these lost or could not keep some: scripted"
    );

    script.answer(Answer::Take);
    step(&llmobs, "b");
    llmobs.flush(LONG).expect("what was lost before has been told");
    let losses = exact(&llmobs);
    assert_eq!(only_sink(&losses), (1, 0, BTreeMap::from([(LossCause::SinkPanicked, 1)])));
    assert_eq!((losses.accepted, losses.open), (2, 0));

    // The report of the loss is a record like others.
    drop(script.answers);
    llmobs.shutdown(LONG).expect("nothing is lost from here on");
    assert_eq!(script.offered.iter().last().unwrap(), ["report"]);
    let losses = exact(&llmobs);
    assert_eq!(only_sink(&losses), (2, 0, BTreeMap::from([(LossCause::SinkPanicked, 1)])));
    assert_eq!((losses.accepted, losses.recorded, losses.open), (3, 3, 0));
}

#[test]
fn a_batch_asked_for_later_is_offered_again_and_counted_once() {
    let (llmobs, script) = start();
    step(&llmobs, "a");
    for answer in [Answer::Retry, Answer::Retry, Answer::Take] {
        assert_eq!(script.offered(), ["a"]);
        let (delivered, waiting, lost) = only_sink(&exact(&llmobs));
        assert_eq!((delivered, waiting, lost.len()), (0, 1, 0));
        script.answer(answer);
    }
    llmobs.flush(LONG).expect("it was taken in the end");
    assert_eq!(only_sink(&exact(&llmobs)), (1, 0, BTreeMap::new()));
}

#[test]
fn a_batch_is_given_up_after_as_many_offers_as_were_set_where_that_is_asked_for() {
    let (sink, script) = scripted();
    let at_once = Backoff::new().offers(3).first_pause(Duration::ZERO).give_up(true);
    let llmobs = builder().backoff(at_once).sink(sink).start().expect("threads");
    step(&llmobs, "a");
    for _ in 0..3 {
        assert_eq!(script.offered(), ["a"]);
        script.answer(Answer::Retry);
    }
    llmobs.flush(LONG).unwrap_err();
    let lost = BTreeMap::from([(LossCause::SinkFailed, 1)]);
    assert_eq!(only_sink(&exact(&llmobs)), (0, 0, lost));
    assert!(script.offered.try_recv().is_err(), "no fourth offer");
}

#[test]
fn a_batch_refused_for_good_is_not_offered_again() {
    let (llmobs, script) = start();
    script.answer(Answer::Refuse);
    step(&llmobs, "a");
    llmobs.flush(LONG).unwrap_err();
    script.answer(Answer::Take);
    step(&llmobs, "b");
    llmobs.flush(LONG).expect("the second is taken");
    let lost = BTreeMap::from([(LossCause::SinkRefused, 1)]);
    assert_eq!(only_sink(&exact(&llmobs)), (1, 0, lost));
    assert_eq!(script.offered.try_iter().flatten().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn a_slow_sink_loses_what_finds_no_room_and_holds_up_nobody() {
    let ((slow, script), (quick, Script { offered: seen, .. })) = (scripted(), scripted());
    let mut limits = Limits::default();
    limits.sink_records = 2;
    let llmobs = builder().limits(limits).sink(slow).sink(quick).start().expect("threads");
    step(&llmobs, "0");
    assert_eq!(script.offered(), ["0"]);
    for n in 1..=5 {
        step(&llmobs, n.to_string());
        // The second sink has it, so the first was given it before.
        while !seen.recv_timeout(LONG).expect("it comes").contains(&n.to_string()) {}
    }
    let losses = exact(&llmobs);
    let slow = &losses.sinks[0];
    assert_eq!((slow.delivered, slow.waiting), (0, 3));
    assert_eq!(slow.lost, BTreeMap::from([(LossCause::SinkQueueFull, 3)]));
    drop(script.answers);
    llmobs.flush(LONG).unwrap_err();
    assert_eq!(script.offered.try_iter().flatten().collect::<Vec<_>>(), ["1", "2"]);
    let losses = exact(&llmobs);
    assert_eq!((losses.sinks[0].delivered, losses.sinks[0].waiting), (3, 0));
    assert_eq!((losses.sinks[1].delivered, losses.sinks[1].waiting), (6, 0));
}

/// A sink whose queue is never empty: each batch it takes brings forth another.
#[derive(Debug)]
struct Spring {
    recorder: Arc<OnceLock<Recorder>>,
    pushed: Receiver<Vec<String>>,
    dry: Arc<AtomicBool>,
}

impl Sink for Spring {
    fn deliver(&mut self, _: &Batch<'_>) -> Result<(), SinkError> {
        if !self.dry.load(Ordering::SeqCst) {
            step(self.recorder.get().expect("it has started"), "next");
            // The sink after this one has it: so it waits here.
            while !self.pushed.recv_timeout(LONG).expect("it comes").contains(&"next".into()) {}
        }
        Ok(())
    }

    fn name(&self) -> &str {
        "spring"
    }
}

#[test]
fn a_flush_returns_under_traffic_that_never_stops() {
    let (last, script) = scripted();
    drop(script.answers);
    let (recorder, dry) = (Arc::new(OnceLock::new()), Arc::new(AtomicBool::new(false)));
    let spring =
        Spring { recorder: Arc::clone(&recorder), pushed: script.offered, dry: Arc::clone(&dry) };
    let llmobs = builder().sink(spring).sink(last).start().expect("threads");
    recorder.set(llmobs.recorder().clone()).expect("set once");
    step(&llmobs, "first");
    for _ in 0..10 {
        llmobs.flush(LONG).expect("the flush is for what came before it");
        exact(&llmobs);
    }
    dry.store(true, Ordering::SeqCst);
    // It may have asked before.
    llmobs.flush(LONG).expect("what it was about is done");
    llmobs.shutdown(LONG).expect("the spring has run dry");
    let losses = exact(&llmobs);
    assert_eq!((losses.open, losses.total()), (0, 0));
    assert!(losses.sinks.iter().all(|sink| sink.waiting == 0), "{losses:?}");
}

#[test]
fn rules_refuse_on_purpose_and_panic_at_their_own_cost() {
    let memory = Memory::default();
    let rule = |record: &mut Record| match name(record).as_str() {
        "refuse" => Verdict::Refuse,
        "panic" => panic!("a rule gone wrong"),
        _ => Verdict::Keep,
    };
    assert!(!rule.name().is_empty());
    let llmobs = builder().processor(rule).sink(memory.clone()).start().expect("threads");
    for name in ["a", "refuse", "panic", "b"] {
        step(&llmobs, name);
    }
    llmobs.flush(LONG).expect("memory takes all");
    let losses = exact(&llmobs);
    assert_eq!((losses.accepted, losses.recorded, losses.refused_by_rule), (4, 2, 1));
    assert_eq!(losses.lost, BTreeMap::from([(LossCause::Panicked, 1)]));
    assert_eq!(losses.open, 0);
    assert_eq!(memory.records().iter().map(name).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn a_flush_that_fails_names_the_sink() {
    #[derive(Debug)]
    struct Unflushable(bool);
    impl Sink for Unflushable {
        fn deliver(&mut self, _: &Batch<'_>) -> Result<(), SinkError> {
            Ok(())
        }
        fn flush(&mut self) -> Result<(), SinkError> {
            assert!(!self.0, "a flush that panics");
            Err(SinkError::retryable("no"))
        }
        fn name(&self) -> &str {
            "unflushable"
        }
    }
    for panics in [false, true] {
        let sink = Unflushable(panics);
        let llmobs = builder().sink(sink).sink(Memory::default()).start().expect("threads");
        let err = llmobs.flush(LONG).unwrap_err();
        assert_eq!(err.failed_sinks(), ["unflushable"]);
        assert_eq!(llmobs.shutdown(LONG).unwrap_err().failed_sinks(), ["unflushable"]);
    }
}

#[test]
fn the_accounts_add_up_while_everything_moves() {
    let (sink, script) = scripted();
    let mut limits = Limits::default();
    (limits.sink_records, limits.operations) = (64, 64);
    let rule = |record: &mut Record| match name(record).ends_with('7') {
        true => Verdict::Refuse,
        false => Verdict::Keep,
    };
    let builder = builder().limits(limits).processor(rule).sink(sink).sink(Memory::default());
    let llmobs = builder.start().expect("threads");
    let (done, finished) = channel::<()>();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (recorder, done) = (llmobs.recorder().clone(), done.clone());
            scope.spawn(move || {
                for n in 0..2_000 {
                    step(&recorder, n.to_string());
                }
                drop(done);
            });
        }
        drop(done);
        // Answers of all kinds, while there is anything to answer.
        scope.spawn(move || {
            let kinds = [Answer::Take, Answer::Retry, Answer::Refuse, Answer::Panic];
            let mut kinds = kinds.into_iter().cycle().take(40);
            while script.offered.recv().is_ok() {
                let Some(answer) = kinds.next() else { break };
                script.answer(answer);
            }
            script.leave().for_each(drop);
        });
        while finished.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            exact(&llmobs);
        }
        let _ = llmobs.shutdown(LONG);
    });
    let losses = exact(&llmobs);
    assert_eq!(losses.open, 0, "{losses:?}");
    assert!(losses.sinks.iter().all(|sink| sink.waiting == 0), "{losses:?}");
    assert!(losses.accepted >= 8_000, "{losses:?}");
}

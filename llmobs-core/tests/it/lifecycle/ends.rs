//! Odd places to flush and to stop in.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Waker};
use std::time::Duration;

use llmobs_core::testing::{FakeClock, FakePauses, Memory};
use llmobs_core::{
    Batch, FlushError, JsonLines, Llmobs, LossCause, Losses, Outcome, Record, Recorder, Sink,
    SinkError, Step, StepKind, Verdict,
};

use super::{LONG, UNFINISHED, builder, call, child, step, text, told, told_in, until, whole};

type Own = Arc<OnceLock<Llmobs>>;

/// A sink that asks its own recorder to flush, and to stop.
#[derive(Debug)]
struct Impatient(Own, Arc<Mutex<Vec<FlushError>>>);

impl Sink for Impatient {
    fn deliver(&mut self, _: &Batch<'_>) -> Result<(), SinkError> {
        let llmobs = self.0.get().expect("it was put there before the first record");
        let mut said = self.1.lock().expect("no test panics with it");
        said.extend(llmobs.flush(Duration::MAX).err());
        said.extend(llmobs.idle(Duration::MAX).err());
        let mut flush = pin!(llmobs.flush_async(Duration::MAX));
        if let std::task::Poll::Ready(Err(err)) =
            flush.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            said.push(err);
        }
        said.extend(llmobs.shutdown(Duration::MAX).err());
        Ok(())
    }

    fn name(&self) -> &str {
        "impatient"
    }
}

#[test]
fn a_sink_that_waits_for_its_own_recorder_is_told_so() {
    let (own, said) = (Own::default(), Arc::default());
    let started = builder().sink(Impatient(Arc::clone(&own), Arc::clone(&said))).start();
    let llmobs = own.get_or_init(|| started.expect("threads"));
    step(llmobs, "a");
    llmobs.shutdown(LONG).expect("what the sink began comes to its end");
    let said = said.lock().expect("no test panics with it");
    assert_eq!(said.len(), 4);
    for err in said.iter() {
        assert!(err.is_own_thread() && !err.is_forked());
        let message = "a thread of the recorder's cannot wait for the recorder: ";
        assert!(err.to_string().starts_with(message), "{err}");
    }
    whole(llmobs);
}

#[test]
fn a_rule_that_waits_for_its_own_recorder_is_told_so() {
    let (own, (say, said)) = (Own::default(), channel());
    let of = Arc::clone(&own);
    let rule = move |_: &mut Record| {
        let llmobs = of.get().expect("it was put there before the first record");
        let _ = say.send(llmobs.flush(Duration::MAX));
        let _ = say.send(llmobs.shutdown(Duration::MAX));
        Verdict::Keep
    };
    let memory = Memory::default();
    let started = builder().processor(rule).sink(memory.clone()).start();
    let llmobs = own.get_or_init(|| started.expect("threads"));
    step(llmobs, "a");
    for _ in 0..2 {
        let err = said.recv_timeout(LONG).expect("it returns").unwrap_err();
        assert!(err.is_own_thread());
    }
    llmobs.shutdown(LONG).expect("what the rule began comes to its end");
    assert_eq!(memory.records().len(), 1);
    whole(llmobs);
}

#[test]
fn a_recorder_may_be_flushed_by_the_sink_of_another() {
    /// Flushes the recorder that it passes records on to.
    #[derive(Debug)]
    struct Through(Llmobs);
    impl Sink for Through {
        fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
            batch.records.iter().for_each(|record| self.0.record((**record).clone()));
            self.0.flush(LONG).map_err(|err| SinkError::permanent("behind").caused_by(err))
        }

        fn name(&self) -> &str {
            "through"
        }
    }
    let memory = Memory::default();
    let behind = builder().sink(memory.clone()).start().expect("threads");
    let account = behind.recorder().clone();
    let llmobs = builder().sink(Through(behind)).start().expect("threads");
    step(&llmobs, "a");
    llmobs.shutdown(LONG).expect("both deliver");
    assert_eq!(memory.records().len(), 1);
    whole(&llmobs);
    whole(&account);
}

#[test]
fn dropped_on_a_thread_of_its_own_a_recorder_still_delivers() {
    let (give, given) = channel::<Llmobs>();
    let given = Mutex::new(given);
    let rule = move |_: &mut Record| {
        drop(
            given
                .lock()
                .ok()
                .and_then(|given: std::sync::MutexGuard<'_, Receiver<Llmobs>>| given.recv().ok()),
        );
        Verdict::Keep
    };
    let (memory, (alive, gone)) = (Memory::default(), channel::<()>());
    let last = move |_: &mut Record| {
        let _ = &alive;
        Verdict::Keep
    };
    let builder = builder().processor(rule).processor(last).sink(memory.clone());
    let llmobs = builder.start().expect("threads");
    let recorder = llmobs.recorder().clone();
    step(&recorder, "a");
    give.send(llmobs).expect("the rule waits for it");
    gone.recv_timeout(LONG).expect_err("the worker has ended");
    until(|| memory.records().len() == 1);
    assert_eq!(recorder.losses().total(), 0);
}

#[test]
fn shutting_down_from_many_threads_is_one_shutdown() {
    let memory = Memory::default();
    let llmobs = builder().sink(memory.clone()).start().expect("threads");
    for n in 0..500 {
        step(&llmobs, n.to_string());
    }
    let _open = call(&llmobs);
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| llmobs.shutdown(LONG).expect("everything is delivered"));
        }
    });
    assert_eq!(memory.records().len(), 501);
    assert_eq!(memory.records().pop().and_then(|last| last.outcome), Some(Outcome::Unfinished));
    step(&llmobs, "too late");
    let Losses { accepted, lost, recorded, .. } = llmobs.losses();
    assert_eq!((accepted, recorded, lost[&LossCause::ShutDown]), (502, 501, 1));
}

#[test]
fn a_shutdown_that_is_given_up_goes_on_and_the_drop_waits_for_it() {
    let memory = Memory::default();
    let llmobs = builder().sink(memory.clone()).start().expect("threads");
    let _open = call(&llmobs);
    let mut shutdown = Box::pin(llmobs.shutdown_async(LONG));
    let _ = shutdown.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    drop(shutdown);
    let recorder = llmobs.recorder().clone();
    drop(llmobs);
    assert_eq!(memory.records().iter().map(told).collect::<Vec<_>>(), [UNFINISHED]);
    whole(&recorder);
}

thread_local! {
    static LAST: RefCell<Option<(Llmobs, Step)>> = const { RefCell::new(None) };
}

/// Uses the recorder while the thread's locals are destroyed.
struct Late(Recorder);

impl Drop for Late {
    fn drop(&mut self) {
        step(&self.0, "from a destructor");
        llmobs_core::scope().recorder(&self.0).session("s").run_sync(|| {
            Step::start(StepKind::Tool, "in a scope").end();
        });
        if self.0.is_enabled() {
            drop(call(&self.0));
        }
        self.0.flush(LONG).expect("nothing of it waits");
    }
}

thread_local! {
    static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
}

#[test]
fn destructors_of_a_thread_may_record_and_stop() {
    let memory = Memory::default();
    let llmobs = builder().sink(memory.clone()).start().expect("threads");
    let recorder = llmobs.recorder().clone();
    let thread = std::thread::spawn(move || {
        let late = Late(llmobs.recorder().clone());
        LATE.with(|cell| *cell.borrow_mut() = Some(late));
        // Ours are made after that, so they are gone before it is.
        step(&llmobs, "as usual");
        llmobs_core::scope().run_sync(|| ());
        let open = llmobs.step(StepKind::Tool, "held by the thread");
        LAST.with(|cell| *cell.borrow_mut() = Some((llmobs, open)));
    });
    thread.join().expect("no destructor panics");
    let losses = recorder.losses();
    let settled = losses.recorded + losses.lost.values().sum::<u64>();
    assert_eq!((losses.accepted, losses.open), (settled, 0), "{losses:?}");
    assert!(memory.records().iter().any(|record| told(record) == "as usual"));
    assert!(losses.lost.keys().all(|cause| *cause == LossCause::ShutDown), "{losses:?}");
}

#[test]
fn destructors_of_a_thread_may_record_while_the_recorder_runs() {
    let memory = Memory::default();
    let llmobs = builder().sink(memory.clone()).start().expect("threads");
    let late = Late(llmobs.recorder().clone());
    let thread = std::thread::spawn(move || {
        let recorder = late.0.clone();
        LATE.with(|cell| *cell.borrow_mut() = Some(late));
        llmobs_core::scope().recorder(&recorder).run_sync(|| step(&recorder, "as usual"));
    });
    thread.join().expect("no destructor panics");
    llmobs.idle(LONG).expect("nothing is left");
    let mut names: Vec<_> = memory.records().iter().map(told).collect();
    names.sort_unstable();
    // Where scopes are gone already, a step in one is nobody's.
    names.retain(|name| name != "in a scope");
    assert_eq!(names, ["as usual", "dropped", "from a destructor"]);
    whole(&llmobs);
}

const EXITS: &str = "LLMOBS_TEST_EXITS";

/// The process that ends with the recorder in a thread-local, as `main` may.
#[test]
fn exits_with_a_recorder_in_a_thread_local() {
    let Some(file) = std::env::var_os(EXITS).map(PathBuf::from) else { return };
    let lines = JsonLines::open(&file).expect("a file");
    let llmobs = builder().sink(lines).start().expect("threads");
    std::mem::forget(call(&llmobs));
    step(&llmobs, "before the exit");
    let open = llmobs.step(StepKind::Tool, "held by the thread");
    LAST.with(|cell| *cell.borrow_mut() = Some((llmobs, open)));
    std::process::exit(0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_recorder_in_a_thread_local_is_shut_down_by_an_exit() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("llmobs.jsonl");
    let test = "lifecycle::ends::exits_with_a_recorder_in_a_thread_local";
    let output = child(test, EXITS, Path::new(&file));
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(told_in(&file), ["before the exit", UNFINISHED]);
}

#[test]
fn a_clock_that_jumps_hurts_nobody() {
    let (memory, pauses, clock) = (Memory::default(), FakePauses::default(), FakeClock::default());
    let builder = builder().sink(memory.clone()).pauses(&pauses).clock(clock.clone());
    let llmobs = builder.start().expect("threads");
    let asleep = call(&llmobs);
    for n in 0..20 {
        step(&llmobs, n.to_string());
        // Frozen for a month, in the middle of whatever goes on.
        clock.advance(Duration::from_secs(30 * 24 * 60 * 60));
        pauses.advance(Duration::from_secs(30 * 24 * 60 * 60));
        llmobs.flush(LONG).expect("it is taken");
        assert_eq!(memory.records().len(), n + 1);
    }
    drop(asleep);
    llmobs.idle(LONG).expect("nothing is left");
    llmobs.shutdown(LONG).expect("nothing is left");
    let last = memory.records().pop().expect("the call");
    let months = 20.0 * 30.0 * 24.0 * 60.0 * 60.0 * 1_000.0;
    assert_eq!(last.total_latency_ms, Some(months), "as long as it was");
    whole(&llmobs);
}

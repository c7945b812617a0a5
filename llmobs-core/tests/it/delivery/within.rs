//! Code of the application's that calls back into the recorder from within it: nothing waits for
//! itself.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use llmobs_core::testing::Memory;
use llmobs_core::{
    Batch, Llmobs, Losses, Processor, Record, Recorder, Sink, SinkError, StepKind, Verdict,
};

use super::{LONG, builder, exact, step};

/// What is called from within: it records, asks, and flushes for as long as it takes.
#[derive(Clone, Debug, Default)]
struct Within {
    recorder: Arc<OnceLock<Recorder>>,
    llmobs: Arc<Mutex<Option<Arc<Llmobs>>>>,
}

impl Within {
    fn call(&self) {
        let recorder = self.recorder.get().expect("it has started");
        step(recorder, "from within");
        let _ = (recorder.losses(), recorder.open_calls());
        let err = recorder.flush(Duration::MAX).expect_err("it would wait for itself");
        assert!(err.waiting() > 0);
        recorder.forbid_content(true);
        recorder.forbid_content(false);
        let llmobs = self.llmobs.lock().expect("no panic").take();
        if let Some(llmobs) = llmobs {
            llmobs.shutdown(Duration::MAX).expect_err("it would wait for itself");
        }
    }
}

#[derive(Debug)]
struct Calls {
    within: Within,
    /// Where it calls from.
    from: &'static str,
    /// It has called.
    called: Sender<()>,
}

impl Calls {
    fn from<'r>(&self, place: &str, mut records: impl Iterator<Item = &'r Record>) {
        let others = records.any(|record| record.name.as_deref() != Some("from within"));
        if self.from == place && others {
            self.within.call();
            let _ = self.called.send(());
        }
    }
}

impl Sink for Calls {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        self.from("deliver", batch.records.iter().map(|record| &**record));
        Ok(())
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
    fn name(&self) -> &str {
        "calls"
    }
}

impl Processor for Calls {
    fn process(&mut self, record: &mut Record) -> Verdict {
        self.from("process", std::iter::once(&*record));
        Verdict::Keep
    }
}

fn started(within: &Within, from: &'static str) -> (Arc<Llmobs>, std::sync::mpsc::Receiver<()>) {
    let (called, calls) = channel();
    let part = || Calls { within: within.clone(), from, called: called.clone() };
    let builder = builder().sink(part()).sink(Memory::default()).processor(part());
    let llmobs = Arc::new(builder.start().expect("threads"));
    within.recorder.set(llmobs.recorder().clone()).expect("set once");
    (llmobs, calls)
}

#[test]
fn a_sink_or_a_rule_that_records_and_flushes_waits_for_nothing() {
    for from in ["deliver", "process"] {
        let within = Within::default();
        let (llmobs, calls) = started(&within, from);
        for name in ["a", "b", "c"] {
            step(&llmobs, name);
            calls.recv_timeout(LONG).expect("it comes back");
        }
        llmobs.flush(LONG).expect("all of it is taken");
        let losses = exact(&llmobs);
        assert_eq!((losses.open, losses.total()), (0, 0), "{from}: {losses:?}");
        assert!(losses.recorded >= 4, "{from}: {losses:?}");
        llmobs.shutdown(LONG).expect("all has been taken");
    }
}

#[test]
fn a_shutdown_from_within_a_sink_or_a_rule_announces_the_end() {
    for from in ["deliver", "process"] {
        let within = Within::default();
        let (llmobs, calls) = started(&within, from);
        *within.llmobs.lock().expect("no panic") = Some(Arc::clone(&llmobs));
        step(&llmobs, "a");
        calls.recv_timeout(LONG).expect("it comes back");
        step(&llmobs, "too late");
        llmobs.shutdown(LONG).expect("what was taken on before is delivered");
        let losses = exact(&llmobs);
        assert_eq!(losses.open, 0, "{from}: {losses:?}");
        assert_eq!(losses.accepted, losses.recorded + losses.total(), "{from}: {losses:?}");
    }
}

#[test]
fn the_last_handle_may_be_dropped_by_a_sink() {
    /// Holds what it delivers for.
    #[derive(Debug)]
    struct Holds(Arc<Mutex<Option<Llmobs>>>, Sender<()>);
    impl Sink for Holds {
        fn deliver(&mut self, _: &Batch<'_>) -> Result<(), SinkError> {
            let held = self.0.lock().expect("no panic").take();
            drop(held);
            let _ = self.1.send(());
            Ok(())
        }
        fn name(&self) -> &str {
            "holds"
        }
    }
    let (dropped, seen) = channel();
    let held = Arc::default();
    let sink = Holds(Arc::clone(&held), dropped);
    let builder = builder().shutdown_timeout(Duration::MAX).sink(sink);
    let llmobs = builder.start().expect("threads");
    let recorder = llmobs.recorder().clone();
    *held.lock().expect("no panic") = Some(llmobs);
    step(&recorder, "a");
    seen.recv_timeout(LONG).expect("the drop waits for nothing");
    super::until(|| exact(&recorder).sinks[0].delivered == 1);
}

#[test]
fn a_hook_for_losses_may_do_all_of_it() {
    #[derive(Debug)]
    struct Refuses;
    impl Sink for Refuses {
        fn deliver(&mut self, _: &Batch<'_>) -> Result<(), SinkError> {
            Err(SinkError::permanent("never"))
        }
        fn name(&self) -> &str {
            "refuses"
        }
    }
    let recorder: Arc<OnceLock<Recorder>> = Arc::default();
    let llmobs: Arc<OnceLock<Arc<Llmobs>>> = Arc::default();
    let ((told, seen), of, all) = (channel(), Arc::clone(&recorder), Arc::clone(&llmobs));
    let hook = move |_: &Losses| {
        let recorder = of.get().expect("it has started");
        step(recorder, "from within");
        // It is a thread of the recorder's own: neither waits.
        let flushed = recorder.flush(LONG);
        let _ = all.get().expect("it has started").shutdown(Duration::MAX);
        let _ = told.send(flushed);
    };
    let memory = Memory::default();
    let builder = builder().sink(Refuses).sink(memory.clone()).on_loss(hook);
    let started = Arc::new(builder.start().expect("threads"));
    recorder.set(started.recorder().clone()).expect("set once");
    assert!(llmobs.set(Arc::clone(&started)).is_ok(), "set once");
    step(&started, "a");
    let _ = started.flush(LONG);
    let flushed = seen.recv_timeout(LONG).expect("the hook comes to its end");
    assert!(flushed.is_err_and(|err| err.is_own_thread()));
    // Whether anything was lost since the shutdown began is for the one that began it to tell.
    let _ = started.shutdown(LONG);
    let losses = exact(&started);
    assert_eq!(losses.sinks[1].delivered, losses.recorded);
    assert!(memory.records().iter().any(|record| record.step == Some(StepKind::Tool)));
}

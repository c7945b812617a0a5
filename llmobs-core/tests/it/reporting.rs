//! Rules that report elsewhere: how they flush, and what they can ask the recorder.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use llmobs_core::testing::{Recording, samples};
use llmobs_core::{Flushing, Processor, Record, Recorder, Verdict, WeakRecorder};

const LONG: Duration = Duration::from_secs(20);

/// Hands its flushes to whoever is to end them, and the recorder to whoever asks.
struct Elsewhere {
    flushes: Sender<Flushing>,
    started: Sender<WeakRecorder>,
}

impl Processor for Elsewhere {
    fn started(&mut self, recorder: &Recorder) {
        let _ = self.started.send(recorder.downgrade());
    }

    fn process(&mut self, _: &mut Record) -> Verdict {
        Verdict::Keep
    }

    fn flush_with(&mut self, flushing: Flushing) {
        let _ = self.flushes.send(flushing);
    }

    fn name(&self) -> &str {
        "elsewhere"
    }
}

fn recording() -> (Recording, Receiver<Flushing>, Receiver<WeakRecorder>) {
    let (flushes, asked) = channel();
    let (started, recorder) = channel();
    let rule = Elsewhere { flushes, started };
    (Recording::with(|builder| builder.processor(rule)), asked, recorder)
}

/// Ends the next flush on another thread while `run` waits for it.
fn meanwhile<R>(asked: &Receiver<Flushing>, end: fn(Flushing), run: impl FnOnce() -> R + Send) -> R
where
    R: Send,
{
    std::thread::scope(|scope| {
        let running = scope.spawn(run);
        end(asked.recv_timeout(LONG).expect("it is asked to flush"));
        running.join().expect("it does not panic")
    })
}

#[test]
fn a_flush_waits_for_a_rule_that_flushes_elsewhere_and_records_do_not() {
    let (recording, asked, _) = recording();
    let recorder = recording.recorder();
    recorder.record(samples::failed());
    recorder.flush(Duration::from_millis(1)).expect_err("it is still flushing");
    let under_way = asked.recv_timeout(LONG).expect("it was asked to flush");
    recorder.record(samples::failed());
    let flush = || recorder.flush(LONG);
    meanwhile(&asked, drop, flush).expect("both are done");
    assert_eq!(recorder.losses().recorded, 2);
    drop(under_way);
    meanwhile(&asked, drop, || drop(recording));
}

#[test]
fn a_flush_that_a_rule_does_not_end_invents_no_records() {
    let (recording, asked, _) = recording();
    let err = recording.recorder().flush(Duration::from_millis(1)).expect_err("nobody ends it");
    assert!(err.is_late() && err.waiting() == 0, "{err:?}");
    assert_eq!(
        err.to_string(),
        "not everything was delivered in time: a sink or a rule has not answered"
    );
    drop(asked.recv_timeout(LONG).expect("it was asked to flush"));
    meanwhile(&asked, drop, || drop(recording));
}

#[test]
fn a_rule_that_could_not_flush_is_named_by_flush_and_shutdown() {
    let (flushes, asked) = channel();
    let rule = Elsewhere { flushes, started: channel().0 };
    let builder = llmobs_core::Builder::new().process_wide(false).processor(rule);
    let llmobs = builder.start().expect("threads can be started");
    let err = meanwhile(&asked, Flushing::fail, || llmobs.flush(LONG)).expect_err("it failed");
    assert_eq!(err.failed_sinks(), ["elsewhere"]);
    meanwhile(&asked, drop, || llmobs.flush(LONG)).expect("this time it did not");
    let err = meanwhile(&asked, Flushing::fail, || llmobs.shutdown(LONG)).expect_err("it failed");
    assert_eq!(err.failed_sinks(), ["elsewhere"]);
}

#[test]
fn a_rule_is_given_a_recorder_it_does_not_keep_alive() {
    let (recording, asked, started) = recording();
    let weak = started.recv_timeout(LONG).expect("it has been started");
    let recorder = weak.upgrade().expect("the recorder runs");
    assert!(recorder.is(recording.recorder()));
    drop(recorder);
    meanwhile(&asked, drop, || drop(recording));
    assert!(weak.upgrade().is_none());
}

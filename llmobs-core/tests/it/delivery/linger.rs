//! Sinks that let records wait for others.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use llmobs_core::testing::{FakePauses, Memory};
use llmobs_core::{Batch, Llmobs, Sink, SinkError};

use super::{LONG, builder, exact, name, numbers, step, until};

const SECOND: Duration = Duration::from_secs(1);

/// Says what it takes, so long after it could have.
#[derive(Debug)]
struct Lingering(Sender<Vec<String>>, Duration);

impl Sink for Lingering {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        let _ = self.0.send(batch.records.iter().map(|record| name(record)).collect());
        Ok(())
    }

    fn linger(&self) -> Duration {
        self.1
    }

    fn name(&self) -> &str {
        "lingering"
    }
}

fn start() -> (Llmobs, FakePauses, Receiver<Vec<String>>) {
    start_with(SECOND)
}

fn start_with(linger: Duration) -> (Llmobs, FakePauses, Receiver<Vec<String>>) {
    let pauses = FakePauses::default();
    let (sink, taken) = channel();
    let builder = builder().sink(Lingering(sink, linger)).sink(Memory::default()).pauses(&pauses);
    (builder.start().expect("threads"), pauses, taken)
}

/// Until this many records wait at the sink: what the other one has taken is there, too.
fn waiting(llmobs: &Llmobs, n: u64) {
    until(|| llmobs.losses().sinks.iter().map(|sink| sink.waiting).eq([n, 0]));
}

#[test]
fn records_wait_for_others_and_go_out_together() {
    let (llmobs, pauses, taken) = start();
    step(&llmobs, "a");
    waiting(&llmobs, 1);
    assert_eq!(pauses.pause(), SECOND);
    step(&llmobs, "b");
    waiting(&llmobs, 2);
    pauses.advance(SECOND / 2);
    // The time is that of the oldest.
    assert_eq!(pauses.pause(), SECOND / 2);
    assert!(taken.try_recv().is_err());
    pauses.advance(SECOND / 2);
    assert_eq!(taken.recv_timeout(LONG), Ok(vec!["a".to_owned(), "b".to_owned()]));

    step(&llmobs, "c");
    waiting(&llmobs, 1);
    assert_eq!(pauses.pause(), SECOND, "a pause of its own");
    exact(&llmobs);
}

#[test]
fn a_flush_waits_for_nothing() {
    let (llmobs, pauses, taken) = start();
    step(&llmobs, "a");
    assert_eq!(pauses.pause(), SECOND);
    llmobs.flush(LONG).expect("it is taken");
    assert_eq!(taken.try_recv(), Ok(vec!["a".to_owned()]));
}

#[test]
fn a_shutdown_waits_for_nothing() {
    let (llmobs, pauses, taken) = start();
    step(&llmobs, "a");
    assert_eq!(pauses.pause(), SECOND);
    llmobs.shutdown(LONG).expect("it is taken");
    assert_eq!(taken.try_recv(), Ok(vec!["a".to_owned()]));
    exact(&llmobs);
}

#[test]
fn a_batch_waits_for_nothing() {
    let (llmobs, _pauses, taken) = start();
    for name in numbers(0..600) {
        step(&llmobs, name);
    }
    let batch = taken.recv_timeout(LONG).expect("it is enough for a batch");
    assert!(batch.len() >= 512, "{}", batch.len());
}

#[test]
fn a_sink_that_would_wait_for_ever_is_given_all_at_a_flush() {
    let (llmobs, pauses, taken) = start_with(Duration::MAX);
    pauses.advance(SECOND);
    step(&llmobs, "a");
    waiting(&llmobs, 1);
    assert!(pauses.pause() > SECOND);
    llmobs.flush(LONG).expect("it is taken");
    assert_eq!(taken.try_recv(), Ok(vec!["a".to_owned()]));
    assert_eq!(exact(&llmobs).sinks[0].delivered, 1);
}

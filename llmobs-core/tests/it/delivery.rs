//! From the recorder to its sinks: nothing is lost without a number.

mod lifecycle;
mod sinks;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use llmobs_core::testing::CountingIds;
use llmobs_core::{
    Backoff, Batch, Builder, LossCause, Losses, Record, Recorder, Sink, SinkError, SinkLosses,
    StepKind,
};

/// Longer than any test takes, so that one that hangs fails instead.
const LONG: Duration = Duration::from_secs(20);

/// What a [`Scripted`] sink does with a batch.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Take,
    Retry,
    Refuse,
    Panic,
}

/// A sink that says what it is offered and does what it is told; left alone, it takes everything.
#[derive(Debug)]
struct Scripted {
    offered: Sender<Vec<String>>,
    answers: Receiver<Answer>,
}

/// The test's end of a [`Scripted`] sink.
struct Script {
    offered: Receiver<Vec<String>>,
    answers: Sender<Answer>,
}

fn scripted() -> (Scripted, Script) {
    let ((offered, seen), (say, answers)) = (channel(), channel());
    (Scripted { offered, answers }, Script { offered: seen, answers: say })
}

impl Script {
    /// Waits until a batch is offered; it stays in the sink's hands until the answer.
    #[track_caller]
    fn offered(&self) -> Vec<String> {
        self.offered.recv_timeout(LONG).expect("a batch is offered")
    }

    #[track_caller]
    fn answer(&self, answer: Answer) {
        self.answers.send(answer).expect("the sink is there");
    }

    /// Leaves the sink alone, and gives what it is offered to the end.
    fn leave(self) -> impl Iterator<Item = String> {
        drop(self.answers);
        self.offered.into_iter().flatten()
    }
}

impl Sink for Scripted {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        let _ = self.offered.send(batch.records.iter().map(|record| name(record)).collect());
        match self.answers.recv().unwrap_or(Answer::Take) {
            Answer::Take => Ok(()),
            Answer::Retry => Err(SinkError::retryable("later")),
            Answer::Refuse => Err(SinkError::permanent("never")),
            Answer::Panic => std::panic::resume_unwind(Box::new("as the script says")),
        }
    }

    fn name(&self) -> &str {
        "scripted"
    }
}

fn name(record: &Record) -> String {
    record.name.clone().unwrap_or_else(|| "report".to_owned())
}

fn builder() -> Builder {
    let at_once = Backoff::new().offers(3).first_pause(Duration::ZERO);
    Builder::new().ids(CountingIds::default()).process_wide(false).backoff(at_once)
}

fn step(recorder: &Recorder, name: impl Into<String>) {
    recorder.step(StepKind::Tool, name.into()).end();
}

/// The two sums hold; gives the counts for a look at them.
#[track_caller]
fn exact(recorder: &Recorder) -> Losses {
    let losses = recorder.losses();
    let Losses { accepted, open, refused_by_rule, recorded, ref lost, ref sinks, .. } = losses;
    let lost: u64 = lost.values().sum();
    assert_eq!(accepted, open + refused_by_rule + lost + recorded, "{losses:?}");
    for SinkLosses { delivered, waiting, lost, .. } in sinks {
        let lost: u64 = lost.values().sum();
        assert_eq!(recorded, delivered + lost + waiting, "{losses:?}");
    }
    losses
}

/// The only sink's account: delivered, waiting, lost.
#[track_caller]
fn only_sink(losses: &Losses) -> (u64, u64, BTreeMap<LossCause, u64>) {
    assert_eq!(losses.sinks.len(), 1);
    let sink = losses.sinks.first().expect("one sink");
    (sink.delivered, sink.waiting, sink.lost.clone())
}

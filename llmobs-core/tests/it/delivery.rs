//! From the recorder to its sinks: nothing is lost without a number.

mod adopted;
mod bounds;
mod clocks;
mod crash;
mod faults;
mod files;
mod forbidden;
mod lifecycle;
mod linger;
mod outage;
mod owners;
mod parts;
mod rogue;
mod sinks;
mod spool;
mod warnings;
mod within;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
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

/// A sink that can be away; it keeps the names of what it takes, in order. Clones share it.
#[derive(Clone, Debug, Default)]
struct Backend(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    away: bool,
    offers: u64,
    batches: Vec<usize>,
    names: Vec<String>,
    /// A batch with a record of this name is refused for now, each time.
    poison: Option<String>,
    retry_after: Option<Duration>,
}

impl Backend {
    fn away() -> Self {
        let backend = Self::default();
        backend.get().away = true;
        backend
    }

    fn get(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().expect("no test panics with it")
    }

    /// What it has taken, without the recorder's own reports.
    fn names(&self) -> Vec<String> {
        let names = self.get().names.clone();
        names.into_iter().filter(|name| name != "report").collect()
    }
}

impl Sink for Backend {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        let mut taken = self.get();
        taken.offers += 1;
        let names: Vec<_> = batch.records.iter().map(|record| name(record)).collect();
        if taken.away || taken.poison.as_ref().is_some_and(|poison| names.contains(poison)) {
            let err = SinkError::retryable("nobody is there");
            return Err(taken.retry_after.into_iter().fold(err, SinkError::retry_after));
        }
        taken.batches.push(names.len());
        taken.names.extend(names);
        Ok(())
    }

    fn name(&self) -> &str {
        "backend"
    }
}

/// Waits until something is so, which it must become.
#[track_caller]
fn until(mut so: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !so() {
        assert!(began.elapsed() < 3 * LONG, "it never came to be");
        std::thread::yield_now();
    }
}

/// Numbers as names.
fn numbers(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

/// The two sums hold; gives the counts for a look at them.
#[track_caller]
fn exact(recorder: &Recorder) -> Losses {
    let losses = recorder.losses();
    let Losses { accepted, open, refused_by_rule, recorded, ref lost, ref sinks, .. } = losses;
    let lost: u64 = lost.values().sum();
    assert_eq!(accepted, open + refused_by_rule + lost + recorded, "{losses:?}");
    for SinkLosses { delivered, waiting, spooled, recovered, lost, .. } in sinks {
        let lost: u64 = lost.values().sum();
        assert_eq!(recorded + recovered, delivered + lost + waiting, "{losses:?}");
        assert!(spooled <= waiting, "{losses:?}");
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

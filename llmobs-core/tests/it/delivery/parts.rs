//! Batches of which a part was taken.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use llmobs_core::testing::FakePauses;
use llmobs_core::{Backoff, Batch, Builder, LossCause, Sink, SinkError};

use super::{LONG, exact, name, numbers, only_sink, step, until};

/// What is done with the next batches: how many of each are taken, and whether the rest is refused.
type Plan = VecDeque<Option<u64>>;

/// A sink that takes parts of batches.
#[derive(Clone, Debug, Default)]
struct Parts(Arc<Mutex<(Plan, Vec<String>, u64)>>);

impl Parts {
    fn names(&self) -> Vec<String> {
        self.0.lock().expect("no panic").1.clone()
    }

    fn offers(&self) -> u64 {
        self.0.lock().expect("no panic").2
    }

    fn plan(&self, plan: impl IntoIterator<Item = Option<u64>>) {
        self.0.lock().expect("no panic").0.extend(plan);
    }
}

impl Sink for Parts {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        let mut inner = self.0.lock().expect("no panic");
        let (plan, names, offers) = &mut *inner;
        *offers += 1;
        let all = batch.records.len();
        let Some(part) = plan.pop_front().flatten() else {
            names.extend(batch.records.iter().map(|record| name(record)));
            return Ok(());
        };
        let taken = all.min(usize::try_from(part).unwrap_or(usize::MAX));
        names.extend(batch.records.iter().take(taken).map(|record| name(record)));
        Err(SinkError::retryable("no more for now").taken(part))
    }

    fn name(&self) -> &str {
        "parts"
    }
}

/// The same, and whatever was recorded before a flush is one batch.
#[derive(Debug)]
struct Gathered(Parts);

impl Sink for Gathered {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        self.0.deliver(batch)
    }

    fn linger(&self) -> Duration {
        Duration::MAX
    }

    fn name(&self) -> &str {
        self.0.name()
    }
}

fn start(
    parts: &Parts,
    configure: impl FnOnce(Builder) -> Builder,
) -> (llmobs_core::Llmobs, FakePauses) {
    let pauses = FakePauses::default();
    let builder = Builder::new().process_wide(false).pauses(&pauses).sink(parts.clone());
    (configure(builder).start().expect("threads"), pauses)
}

#[test]
fn what_was_taken_of_a_batch_is_not_offered_again() {
    let directory = tempfile::tempdir().expect("a directory");
    for (spool, offers) in [(false, 5), (true, 1), (true, 5)] {
        let parts = Parts::default();
        // Some, none, all but one, and more than there are.
        parts.plan([3, 0, 1, 0, 0, 40, 0, 7, 1].map(Some));
        let (llmobs, pauses) = start(&parts, |builder| {
            let builder = builder.backoff(Backoff::new().offers(offers));
            if spool { builder.spool(directory.path()) } else { builder }
        });
        for name in numbers(0..100) {
            step(&llmobs, name);
        }
        until(|| {
            pauses.advance(Duration::from_secs(31));
            let losses = exact(&llmobs);
            losses.open == 0 && losses.sinks[0].waiting == 0
        });
        assert_eq!(parts.names(), numbers(0..100), "in order, and each once");
        assert_eq!(only_sink(&exact(&llmobs)), (100, 0, BTreeMap::new()));
        assert!(parts.offers() >= 6, "{}", parts.offers());
        llmobs.shutdown(LONG).expect("nothing waits");
        assert_eq!(exact(&llmobs).sinks[0].spooled, 0);
    }
}

#[test]
fn what_was_taken_of_a_batch_on_disk_is_not_sent_by_the_next_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let parts = Parts::default();
    parts.plan([0, 30, 0].map(Some));
    let pauses = FakePauses::default();
    let builder = Builder::new().process_wide(false).pauses(&pauses).sink(Gathered(parts.clone()));
    let builder = builder.backoff(Backoff::new().offers(1)).spool(directory.path());
    let llmobs = builder.start().expect("threads");
    for name in numbers(0..100) {
        step(&llmobs, name);
    }
    llmobs.flush(LONG).expect_err("it is down");
    pauses.advance(Duration::from_secs(31));
    until(|| parts.names().len() >= 30);
    let taken = parts.names();
    assert_eq!(taken, numbers(0..30));
    // As a crash leaves it.
    let copy = tempfile::tempdir().expect("a directory");
    until(|| exact(&llmobs).sinks[0].delivered == 30);
    super::spool::copy_all(directory.path(), copy.path());
    let next = Parts::default();
    let builder = Builder::new().process_wide(false).spool(copy.path()).sink(next.clone());
    let second = builder.start().expect("threads");
    second.shutdown(LONG).expect("all is taken");
    let rest: Vec<_> = next.names().into_iter().filter(|name| name != "report").collect();
    assert_eq!(rest, numbers(30..100));
}

#[test]
fn of_a_batch_given_up_what_was_taken_is_not_lost() {
    let parts = Parts::default();
    parts.plan([2, 0].map(Some));
    let at_once = Backoff::new().offers(1).first_pause(Duration::ZERO).give_up(true);
    let (llmobs, _) = start(&parts, |builder| builder.backoff(at_once));
    let records = (0..5).map(|n| n.to_string());
    records.for_each(|name| step(&llmobs, name));
    let _ = llmobs.flush(LONG);
    let (delivered, waiting, lost) = only_sink(&exact(&llmobs));
    let failed = lost.get(&LossCause::SinkFailed).copied().unwrap_or_default();
    assert_eq!((delivered + failed, waiting, lost.len()), (5, 0, 1), "{lost:?}");
    assert_eq!(parts.names().len() as u64, delivered);
}

#[test]
fn a_sink_that_has_taken_all_and_fails_has_taken_all() {
    let parts = Parts::default();
    parts.plan([u64::MAX].map(Some));
    let (llmobs, _) = start(&parts, |builder| builder);
    step(&llmobs, "a");
    llmobs.flush(LONG).expect("it was taken");
    assert_eq!((parts.names(), parts.offers()), (vec!["a".to_owned()], 1));
}

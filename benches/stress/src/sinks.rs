//! Sinks that count what they are given, on their own side.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use llmobs_core::{Batch, Kind, Sink, SinkError};

use crate::account::Arrival;

/// What a sink has taken.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// `None` where only numbers are kept.
    ids: Option<HashSet<u64>>,
    records: u64,
    /// Records that had been taken before.
    again: u64,
    reports: u64,
    /// Records that lost a part of their payload for want of room.
    pub(crate) cut: u64,
    pub(crate) batches: u64,
}

/// A sink that keeps the ids of what another takes. Clones share the count.
#[derive(Clone, Debug)]
pub(crate) struct Counted<S> {
    taken: Arc<Mutex<Taken>>,
    inner: S,
}

/// A sink that takes everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anything;

impl Sink for Anything {
    fn deliver(&mut self, _: &Batch<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    fn name(&self) -> &str {
        "counting"
    }
}

/// Looks at a count that a sink keeps.
#[derive(Clone, Debug)]
pub(crate) struct Count(Arc<Mutex<Taken>>);

impl Count {
    pub(crate) fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn arrival(&self) -> Arrival {
        let taken = self.taken();
        let Taken { records, again, reports, .. } = *taken;
        Arrival { records, again, reports, swallows_reports: false }
    }
}

/// A sink, and the count of what it takes.
pub(crate) fn counted<S: Sink>(inner: S) -> (Counted<S>, Count) {
    let taken = Taken { ids: Some(HashSet::new()), ..Taken::default() };
    let taken = Arc::new(Mutex::new(taken));
    (Counted { taken: Arc::clone(&taken), inner }, Count(taken))
}

/// A sink, and the numbers of what it takes, which take no memory.
pub(crate) fn tallied<S: Sink>(inner: S) -> (Counted<S>, Count) {
    let taken = Arc::<Mutex<Taken>>::default();
    (Counted { taken: Arc::clone(&taken), inner }, Count(taken))
}

impl<S: Sink> Sink for Counted<S> {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        self.inner.deliver(batch)?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.batches += 1;
        for record in batch.records {
            taken.cut += u64::from(record.cut.is_some());
            if record.kind == Kind::Meta {
                taken.reports += 1;
                continue;
            }
            taken.records += 1;
            if let (Some(ids), Some(id)) = (&mut taken.ids, record.span_id) {
                let new = ids.insert(id.get());
                taken.again += u64::from(!new);
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.inner.flush()
    }

    fn name(&self) -> &str {
        self.inner.name()
    }
}

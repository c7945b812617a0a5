//! What was lost, by cause.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sync::atomic::{AtomicU64, Ordering};

/// Why something did not reach a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LossCause {
    /// The recorder's queue was full when the operation began; it was not observed at all.
    QueueFull,
    /// The recorder had shut down when the operation began or ended.
    ShutDown,
    /// A decoder or a processor panicked over the record, or the trace backend at the beginning.
    Panicked,
    /// A sink's queue was full.
    SinkQueueFull,
    /// A sink refused the record for good.
    SinkRefused,
    /// A sink kept failing until the record was given up.
    SinkFailed,
    /// A sink panicked.
    SinkPanicked,
    /// A sink had not taken the record when the time for the shutdown was over.
    SinkTooSlow,
    /// The spool was full, and the record the oldest in it.
    SpoolFull,
    /// The record was in the spool, and could not be read from there any more.
    SpoolDamaged,
}

impl LossCause {
    const ALL: [Self; 10] = [
        Self::QueueFull,
        Self::ShutDown,
        Self::Panicked,
        Self::SinkQueueFull,
        Self::SinkRefused,
        Self::SinkFailed,
        Self::SinkPanicked,
        Self::SinkTooSlow,
        Self::SpoolFull,
        Self::SpoolDamaged,
    ];

    /// The name in `meta` records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::ShutDown => "shut_down",
            Self::Panicked => "panicked",
            Self::SinkQueueFull => "sink_queue_full",
            Self::SinkRefused => "sink_refused",
            Self::SinkFailed => "sink_failed",
            Self::SinkPanicked => "sink_panicked",
            Self::SinkTooSlow => "sink_too_slow",
            Self::SpoolFull => "spool_full",
            Self::SpoolDamaged => "spool_damaged",
        }
    }
}

impl fmt::Display for LossCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Counts by cause, shared between threads.
#[derive(Debug, Default)]
pub(crate) struct LossCounts([AtomicU64; LossCause::ALL.len()]);

impl LossCounts {
    pub(crate) fn add(&self, cause: LossCause, n: u64) {
        if let Some(count) = self.0.get(cause as usize) {
            count.fetch_add(n, Ordering::Release);
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|count| count.load(Ordering::Acquire)).sum()
    }

    pub(crate) fn snapshot(&self) -> BTreeMap<LossCause, u64> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Acquire));
        LossCause::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}

/// Where everything the recorder took on has gone, so far.
///
/// `accepted` = `open` + `refused_by_rule` + `lost` + `recorded`, and for each sink
/// `recorded` + `recovered` = `delivered` + `lost` + `waiting`: exactly, whenever it is asked for. The recorder's
/// own reports of losses are records like all others and counted with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Losses {
    /// Operations that were begun or offered.
    pub accepted: u64,
    /// Operations under way, or whose end has not been handled yet, or whose trace tail sampling has not
    /// decided on.
    pub open: u64,
    /// Records a processor or tail sampling refused, as it was meant to.
    pub refused_by_rule: u64,
    /// Those of them that tail sampling left out.
    pub sampled_out: u64,
    /// Traces that tail sampling decided on before they were over.
    pub decided_early: DecidedEarly,
    /// Records handed to every sink.
    pub recorded: u64,
    /// Operations lost before they were a record.
    pub lost: BTreeMap<LossCause, u64>,
    /// Bytes of payload that were not kept, for want of room; their calls are recorded as cut.
    pub payload_bytes: u64,
    /// Records whose content was left out, since a detector panicked over it.
    pub withheld: u64,
    /// Each sink's own account, in the order the sinks were added.
    pub sinks: Vec<SinkLosses>,
    /// Accounts of metrics on their way to endpoints of our own export, in exports, not in records: each
    /// is all the points of one interval, and counts as lost when any of them was refused. For each,
    /// what was exported + `recovered` = `delivered` + `lost` + `waiting`.
    pub metrics: Vec<SinkLosses>,
}

impl Losses {
    /// All that was lost, by cause: operations, what a sink did not take of the records, and exports of
    /// metrics. What two sinks did not take counts twice.
    pub fn by_cause(&self) -> BTreeMap<LossCause, u64> {
        let mut all = self.lost.clone();
        for (cause, count) in self.accounts().flat_map(|account| &account.lost) {
            *all.entry(*cause).or_default() += count;
        }
        all
    }

    /// All that was lost: zero as long as everything has come, or may yet come, to where it was to go.
    pub fn total(&self) -> u64 {
        self.by_cause().values().sum()
    }

    /// Those of the sinks, then those of metrics.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &SinkLosses> {
        self.sinks.iter().chain(&self.metrics)
    }
}

/// Traces that tail sampling decided on as far as they had come, by the bound that was reached.
/// Nothing is lost by it: what comes later follows the decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecidedEarly {
    /// Too many records waited.
    pub records: u64,
    /// They took too much memory.
    pub bytes: u64,
    /// The trace had waited for too long.
    pub age: u64,
}

/// One sink's account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkLosses {
    /// The sink's name.
    pub sink: String,
    /// Records it has taken.
    pub delivered: u64,
    /// Records waiting for it, or that it is busy with, wherever they are.
    pub waiting: u64,
    /// Those of the waiting that are in the spool on disk.
    pub spooled: u64,
    /// Records that earlier processes had left in the spool, and that are delivered, lost or waiting
    /// here like this one's own.
    pub recovered: u64,
    /// Records it has not taken, by cause.
    pub lost: BTreeMap<LossCause, u64>,
}

//! Reports of what was lost: as records, and to the application.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::{Worker, meta};
use crate::delivery::Pauses;
use crate::loss::{Losses, SinkLosses};
use crate::record::LossReport;

/// How often losses are reported, when there are new ones.
const REPORT: Duration = Duration::from_secs(60);
/// How often sinks look for what other processes have left on disk.
const LOOK: Duration = Duration::from_secs(60);

/// What has been reported so far, and to whom.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    pauses: Pauses,
    hook: Option<SyncSender<Losses>>,
    /// When the last record was written, and of what.
    written: (Duration, Reported),
    /// When the application was last told, and of how many losses.
    told: Option<(Duration, u64)>,
    /// When sinks last looked for what others have left.
    looked: Duration,
}

/// What a report says, as far as it is worth another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reported {
    lost: u64,
    recovered: u64,
    spooled: u64,
    sampled_out: u64,
}

impl Reported {
    fn is_of_the_same_losses(self, other: Self) -> bool {
        let of = |reported: Self| (reported.lost, reported.recovered, reported.sampled_out);
        of(self) == of(other)
    }
}

impl Reports {
    pub(crate) fn new(pauses: Pauses, hook: Option<SyncSender<Losses>>) -> Self {
        let now = pauses.elapsed();
        Self { pauses, hook, written: (now, Reported::default()), told: None, looked: now }
    }

    /// Tells the application of new losses: of the first at once, then not too often.
    fn tell(&mut self, losses: &Losses, now: Duration, last: bool) {
        let Some(hook) = &self.hook else { return };
        let total = losses.total();
        let due = match self.told {
            None => total > 0,
            Some((at, told)) => total > told && (last || now.saturating_sub(at) >= REPORT),
        };
        // Whoever is still busy with the last report is told more the next time.
        if due && hook.try_send(losses.clone()).is_ok() {
            self.told = Some((now, total));
        }
    }
}

impl Worker {
    /// Lets sinks look for what other processes have left on disk since the last time.
    pub(super) fn look(&mut self) {
        let now = self.reports.pauses.elapsed();
        if now.saturating_sub(self.reports.looked) < LOOK {
            return;
        }
        self.reports.looked = now;
        for delivery in self.recorder.deliveries() {
            delivery.look();
        }
    }

    /// Writes what was lost or came to wait since the last report, and tells the application.
    pub(super) fn report(&mut self, last: bool) {
        let now = self.reports.pauses.elapsed();
        let due = last || now.saturating_sub(self.reports.written.0) >= REPORT;
        if !due && self.reports.hook.is_none() {
            return;
        }
        let losses = self.recorder.losses();
        self.reports.tell(&losses, now, last);
        if !due {
            return;
        }
        self.reports.written.0 = now;
        let sum = |of: fn(&SinkLosses) -> u64| losses.accounts().map(of).sum();
        let reported = Reported {
            lost: losses.total(),
            recovered: sum(|sink| sink.recovered),
            spooled: sum(|sink| sink.spooled),
            sampled_out: losses.sampled_out,
        };
        let before = std::mem::replace(&mut self.reports.written.1, reported);
        // What the last one leaves on disk, the next process tells of.
        if reported == before || last && reported.is_of_the_same_losses(before) {
            return;
        }
        let mut record = meta(&self.recorder);
        if let Some(meta) = &mut record.meta {
            meta.losses = Some(LossReport {
                accepted: losses.accepted,
                lost: losses.by_cause().into_iter().map(|(c, n)| (c.to_string(), n)).collect(),
                sampled_out: losses.sampled_out,
                waiting: by_sink(&losses, |sink| sink.waiting),
                recovered: by_sink(&losses, |sink| sink.recovered),
            });
        }
        let counts = &self.recorder.shared().counts;
        counts.accepted.fetch_add(1, Ordering::Relaxed);
        counts.recorded.fetch_add(1, Ordering::Release);
        self.ready.push(Arc::new(record));
        self.hand_over();
    }
}

fn by_sink(losses: &Losses, of: fn(&SinkLosses) -> u64) -> BTreeMap<String, u64> {
    let mut by_sink = BTreeMap::new();
    for sink in losses.accounts().filter(|sink| of(sink) > 0) {
        *by_sink.entry(sink.sink.clone()).or_default() += of(sink);
    }
    by_sink
}

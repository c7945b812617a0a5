//! How records reach their sinks: what is set for it, and how it begins and ends.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;

use super::{Builder, Cause, StartError};
use crate::contain::{contained, discard};
use crate::delivery::{Backoff, Delivery, Pauses, Settings};
use crate::loss::Losses;
use crate::outlet::{How, Outlets};
use crate::recorder::{Limits, Recorder};
use crate::sink::Sink;
use crate::spool::{self, Owner, Spool};
#[cfg(feature = "testing")]
use crate::testing::FakePauses;
use crate::threads::Threads;
use crate::worker::Reports;

/// What a builder was told of it.
#[derive(Debug)]
pub(super) struct Delivering {
    backoff: Backoff,
    pub(super) pauses: Pauses,
    spool: Option<PathBuf>,
    spool_bytes: u64,
    on_loss: Option<OnLoss>,
}

/// What the application does about losses.
struct OnLoss(Box<dyn FnMut(&Losses) + Send>);

impl fmt::Debug for OnLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnLoss")
    }
}

impl Default for Delivering {
    fn default() -> Self {
        Self {
            backoff: Backoff::new(),
            pauses: Pauses::default(),
            spool: None,
            spool_bytes: spool::DEFAULT_BYTES,
            on_loss: None,
        }
    }
}

impl Builder {
    /// Sets how often a failing sink is tried again. Defaults to [`Backoff::new`].
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.delivering.backoff = backoff;
        self
    }

    /// Sets a directory where records wait for sinks that are down, over restarts of the process. Those
    /// that find no room in memory wait there, too, and those that a flush or a shutdown does not get
    /// delivered in its time. Defaults to none: they wait in memory alone.
    ///
    /// Records go there as the sink would have been given them, with content only where that is
    /// captured, in files that nobody but this user can read; each sink has its own. When the sink is
    /// back they are delivered before all newer ones, in order. What a process leaves there is taken
    /// over by the next that starts with the same directory; processes that run at the same time do
    /// not touch each other's. A crash between a delivery and the note of it makes one batch go out
    /// twice at most. Exports of metrics that cannot be delivered wait there as well.
    ///
    /// A directory that cannot be used as the recorder starts fails the start, unless the disk is full.
    /// Where it cannot be used later, records wait in memory, and a warning says so.
    pub fn spool(mut self, directory: impl Into<PathBuf>) -> Self {
        self.delivering.spool = Some(directory.into());
        self
    }

    /// Sets how many bytes the spool may take on disk for each sink. When it is full, the oldest
    /// records go first, and are counted as [`SpoolFull`](crate::LossCause::SpoolFull). Defaults to
    /// 256 MiB.
    pub fn spool_bytes(mut self, bytes: u64) -> Self {
        self.delivering.spool_bytes = bytes;
        self
    }

    /// Sets what is called when records are lost, with the whole account: to log it, to count it, to
    /// raise an alarm. It is called at the first loss, then at most once a minute while there are
    /// new ones, and once more as the recorder shuts down, on a thread of its own: it may block, and a
    /// panic of its goes no further. What is lost by the shutdown itself, for want of time, is in its
    /// error and in [`Recorder::losses`] afterwards. Defaults to nothing.
    ///
    /// ```
    /// use llmobs_core::Builder;
    ///
    /// let builder = Builder::new().on_loss(|losses| {
    ///     for (cause, count) in losses.by_cause() {
    ///         eprintln!("{count} records lost: {cause}");
    ///     }
    /// });
    /// # drop(builder);
    /// ```
    pub fn on_loss(mut self, on_loss: impl FnMut(&Losses) + Send + 'static) -> Self {
        self.delivering.on_loss = Some(OnLoss(Box::new(on_loss)));
        self
    }

    /// Sets the time that pauses between offers to sinks, and between reports of losses, are measured
    /// in. Defaults to the machine's.
    #[cfg(feature = "testing")]
    pub fn pauses(mut self, pauses: &FakePauses) -> Self {
        self.delivering.pauses = Pauses::Fake(pauses.clone());
        self
    }
}

impl Delivering {
    /// How losses are reported, and the thread that tells the application.
    pub(super) fn reports(self, threads: &Threads) -> std::io::Result<Reports> {
        let Some(OnLoss(mut on_loss)) = self.on_loss else {
            return Ok(Reports::new(self.pauses, None));
        };
        let (hook, reports) = sync_channel::<Losses>(1);
        // Not the worker's thread, which has no `tracing` subscriber: what is logged here is to be seen.
        threads.spawn_to_tell("llmobs-losses", move || {
            for losses in reports {
                let _ = contained(|| on_loss(&losses));
            }
            discard(on_loss);
        })?;
        Ok(Reports::new(self.pauses, Some(hook)))
    }

    fn settings(&self, limits: Limits) -> Settings {
        Settings {
            records: limits.sink_records,
            bytes: limits.sink_bytes,
            backoff: self.backoff,
            pauses: self.pauses.clone(),
        }
    }

    /// How exporters' own ways out are started.
    pub(super) fn outlets(&self, limits: Limits) -> Outlets {
        let spool = self.spool.clone().map(|directory| (directory, self.spool_bytes));
        Outlets::new(How { settings: self.settings(limits), spool })
    }

    /// Starts the thread of one sink; `names` are those of the sinks before it.
    pub(super) fn start(
        &self,
        sink: Box<dyn Sink>,
        limits: Limits,
        names: &mut BTreeMap<String, u32>,
        recorder: Recorder,
        threads: &Threads,
    ) -> Result<Arc<Delivery>, StartError> {
        let settings = self.settings(limits);
        let name = contained(|| sink.name().to_owned()).unwrap_or_else(|| "sink".to_owned());
        let same = names.entry(name.clone()).and_modify(|n| *n += 1).or_insert(1);
        let owner = Owner::Sink(&name, *same);
        let spool = self.spool.as_ref();
        let mut spool = spool.map(|directory| Spool::new(directory, owner, self.spool_bytes));
        let prepared = spool.as_mut().map_or(Ok(()), Spool::prepare);
        prepared.map_err(|(place, err)| StartError(Cause::Spool(place, err)))?;
        let started = Delivery::start(sink, name, settings, spool, recorder, threads);
        started.map_err(|err| StartError(Cause::Thread(err)))
    }
}

impl Recorder {
    /// Brings what waits to disk, where there is a spool: for when a sink does not answer. On a thread of
    /// its own, since a disk may not answer either, and on one at a time, so that they do not pile up.
    pub(crate) fn save(&self) {
        let mut deliveries = self.all_deliveries();
        deliveries.retain(|delivery| delivery.spools());
        if deliveries.is_empty() {
            return;
        }
        let saving = &self.shared().saving;
        // What the one under way has passed by already, it goes through once more.
        let more = |asked| (asked < 2).then_some(asked + 1);
        let asked = saving.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        if asked != Ok(0) {
            return;
        }
        let recorder = self.clone();
        let thread = std::thread::Builder::new().name("llmobs-spool".into());
        let spawned = thread.spawn(move || {
            loop {
                for delivery in &deliveries {
                    delivery.save();
                }
                if recorder.shared().saving.fetch_sub(1, Ordering::AcqRel) == 1 {
                    return;
                }
            }
        });
        if spawned.is_err() {
            saving.store(0, Ordering::Release);
        }
    }
}

//! The end of a recorder.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::delivering::save;
use super::later;
use crate::delivery::Delivery;
use crate::recorder::{FlushError, Recorder};

/// A shutdown under way.
pub(super) struct Stopping {
    recorder: Recorder,
    lost_before: Vec<u64>,
    /// When what waits is brought to disk, in case a sink does not come to an end.
    save: Option<Instant>,
    until: Option<Instant>,
}

impl Stopping {
    /// Lets nothing more in; the other side says how it is where there is nothing to wait for.
    pub(super) fn begin(
        recorder: &Recorder,
        timeout: Duration,
    ) -> Result<Self, Result<(), FlushError>> {
        let began = Instant::now();
        let threads = &recorder.shared().threads;
        let reachable = recorder.reachable();
        if reachable.as_ref().is_err_and(FlushError::is_forked) {
            return Err(reachable);
        }
        recorder.leave_process_wide();
        let lost_before = recorder.deliveries().iter().map(|delivery| delivery.lost()).collect();
        recorder.queue().close();
        reachable.map_err(Err)?;
        if threads.are_stopped() {
            let waits = recorder.sinks_wait();
            let whole = !waits && !threads.are_broken_off();
            return Err(if whole { Ok(()) } else { Err(recorder.left(Vec::new())) });
        }
        let (save, until) = (later(began, timeout / 4 * 3), later(began, timeout));
        Ok(Self { recorder: recorder.clone(), lost_before, save, until })
    }

    /// Waits on this thread.
    pub(super) fn wait(self) -> Result<(), FlushError> {
        let ended = self.recorder.shared().threads.ended();
        let mut in_time = ended.wait(self.save).is_some();
        if !in_time {
            save(&self.recorder.all_deliveries());
            in_time = ended.wait(self.until).is_some();
        }
        // What it is told of has happened: how long it takes over that is no failure.
        let _ = self.recorder.shared().threads.told().wait(self.until);
        self.end(in_time)
    }

    /// Waits in a task.
    pub(super) async fn wait_async(self) -> Result<(), FlushError> {
        let Self { recorder, .. } = &self;
        let ended = recorder.shared().threads.ended();
        let mut in_time = recorder.waiting(ended, self.save).await.is_some();
        if !in_time {
            save(&recorder.all_deliveries());
            in_time = recorder.waiting(ended, self.until).await.is_some();
        }
        let _ = recorder.waiting(recorder.shared().threads.told(), self.until).await;
        self.end(in_time)
    }

    fn end(self, in_time: bool) -> Result<(), FlushError> {
        let Self { recorder, lost_before, .. } = self;
        let deliveries = recorder.deliveries();
        let left = recorder.left(Vec::new());
        if !in_time {
            recorder.all_deliveries().iter().for_each(|delivery| delivery.abandon());
        }
        recorder.shared().threads.stop();
        let lost = |(delivery, before): (&Arc<Delivery>, u64)| {
            let whole = delivery.lost() == before && delivery.ended_well();
            (!whole).then(|| delivery.name().to_owned())
        };
        let mut sinks: Vec<_> = deliveries.iter().zip(lost_before).filter_map(lost).collect();
        let rules = recorder.shared().unflushed.get();
        sinks.extend(rules.into_iter().flatten().cloned());
        let broken_off = recorder.shared().threads.are_broken_off();
        let whole = in_time && sinks.is_empty() && !recorder.sinks_wait() && !broken_off;
        let left = if in_time { left } else { left.late() };
        if whole { Ok(()) } else { Err(left.with(sinks)) }
    }
}

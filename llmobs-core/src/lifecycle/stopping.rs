//! The end of a recorder.

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::Delivery;
use crate::recorder::{FlushError, Patience, Recorder};

/// A shutdown under way.
pub(super) struct Stopping {
    recorder: Recorder,
    lost_before: Vec<u64>,
    patience: Patience,
}

impl Stopping {
    /// Lets nothing more in; the other side says how it is where there is nothing to wait for.
    pub(super) fn begin(
        recorder: &Recorder,
        timeout: Duration,
    ) -> Result<Self, Result<(), FlushError>> {
        let patience = Patience::new(timeout);
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
        Ok(Self { recorder: recorder.clone(), lost_before, patience })
    }

    /// Waits on this thread.
    pub(super) fn wait(self) -> Result<(), FlushError> {
        let Self { recorder, patience, .. } = &self;
        let threads = &recorder.shared().threads;
        let in_time = recorder.wait(threads.ended(), *patience).is_some();
        // What it is told of has happened: how long it takes over that is no failure.
        let _ = threads.told().wait(patience.until);
        self.end(in_time)
    }

    /// Waits in a task.
    pub(super) async fn wait_async(self) -> Result<(), FlushError> {
        let Self { recorder, patience, .. } = &self;
        let threads = &recorder.shared().threads;
        let in_time = recorder.wait_async(threads.ended(), *patience).await.is_some();
        let _ = recorder.waiting(threads.told(), patience.until).await;
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

//! Those who wait until nothing is open.

use std::time::Duration;

use super::sweep::PAUSE;
use super::{IDLE, Worker};

/// How often somebody who waits for operations to end is remembered, should nothing else do so.
const WATCH: Duration = Duration::from_millis(50);

impl Worker {
    /// Longest sleep without anything to do.
    pub(super) fn patience(&self) -> Duration {
        let idle = if self.sweeps() { PAUSE } else { IDLE };
        let idle = if self.idles.is_empty() { idle } else { WATCH };
        self.traces.as_ref().map_or(idle, |traces| traces.idle(idle))
    }

    /// Tells those who wait for it that nothing is open.
    pub(super) fn tell_idle(&mut self) {
        if self.idles.is_empty() {
            return;
        }
        // Who has lost patience has dropped their end.
        self.idles.retain(|request| request.strong_count() > 0);
        if self.recorder.queue().is_idle() {
            self.end_waits();
        }
    }

    /// Tells all of them to wait no longer.
    pub(super) fn end_waits(&mut self) {
        for request in self.idles.drain(..).filter_map(|request| request.upgrade()) {
            request.expect(0);
        }
    }
}

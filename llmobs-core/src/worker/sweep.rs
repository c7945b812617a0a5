//! What taps keep back of many streams.

use std::time::Duration;

use super::{IDLE, Worker};
use crate::queue::{BUFFER, MAX_FREE};

/// Pause between two looks at the taps of open calls.
pub(super) const PAUSE: Duration = Duration::from_millis(50);
/// Share of the time that looking may take, however many there are: one part in so many.
const SHARE: u64 = 25;

impl Worker {
    /// Has what taps keep back sent here, where there are many: a stream that has gone quiet holds no
    /// buffer then.
    pub(super) fn sweep(&mut self) {
        if !self.sweeps() {
            return;
        }
        let now = self.recorder.elapsed();
        if now < self.next_sweep {
            return;
        }
        self.open.values().for_each(|fold| fold.send_held());
        let took = self.recorder.elapsed().saturating_sub(now);
        // A process that was stopped meanwhile has not looked for that long.
        let pause =
            took.saturating_mul(SHARE).clamp(PAUSE.as_nanos() as u64, IDLE.as_nanos() as u64);
        self.next_sweep = now.saturating_add(pause);
    }

    /// Whether it is worth a look: few calls keep back no more than the pool would, and leave enough
    /// to others.
    pub(super) fn sweeps(&self) -> bool {
        let spare = self.recorder.shared().limits.payload_bytes / 2;
        self.open.len() > (spare / BUFFER).min(MAX_FREE)
    }
}

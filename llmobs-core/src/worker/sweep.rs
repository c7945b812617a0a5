//! What taps keep back of streams that have gone quiet.

use std::time::Duration;

use super::{CallFold, Worker};

/// Pause between two looks at the taps of open calls.
pub(super) const PAUSE: Duration = Duration::from_millis(100);
/// Share of the time that looking may take, however many there are: one part in so many.
const SHARE: u64 = 100;

impl Worker {
    /// Has what taps have kept back for long sent here: a stream that has gone quiet holds no buffer.
    pub(super) fn sweep(&mut self) {
        if self.open.is_empty() || !self.recorder.queue().has_bytes() {
            return;
        }
        let now = self.recorder.elapsed();
        if now < self.next_sweep {
            return;
        }
        self.open.values().for_each(|fold| CallFold::send_old(fold, now));
        let took = self.recorder.elapsed().saturating_sub(now);
        let pause = (PAUSE.as_nanos() as u64).max(took.saturating_mul(SHARE));
        self.next_sweep = now.saturating_add(pause);
    }
}

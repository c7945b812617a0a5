//! A clock that stands still until it is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::time::{Clock, Timestamp};

/// A clock that stands still until it is moved; clones share the time.
///
/// ```
/// use std::time::Duration;
/// use llmobs_core::{Clock, testing::FakeClock};
///
/// let clock = FakeClock::default();
/// clock.advance(Duration::from_millis(300));
/// assert_eq!(clock.elapsed(), 300_000_000);
/// assert_eq!(clock.now().to_string(), "2026-01-01T00:00:00.300000Z");
/// ```
#[derive(Clone, Debug, Default)]
pub struct FakeClock(Arc<AtomicU64>);

/// 2026-01-01T00:00:00Z.
const ORIGIN: u64 = 1_767_225_600_000_000_000;

impl FakeClock {
    /// Moves the time on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_nanos() as u64, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn elapsed(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_nanos(ORIGIN + self.elapsed())
    }
}

//! Pauses that last as long as a test wants them to.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::queue::lock;

/// Time for the pauses of the recorder's threads, which stands still until it is moved; clones share
/// it. Give one to [`Builder::pauses`](crate::Builder::pauses).
///
/// ```
/// use std::time::Duration;
/// use llmobs_core::testing::FakePauses;
///
/// let pauses = FakePauses::default();
/// let llmobs = llmobs_core::Builder::new().process_wide(false).pauses(&pauses).start()?;
/// pauses.advance(Duration::from_secs(60));
/// assert_eq!(pauses.elapsed(), Duration::from_secs(60));
/// # drop(llmobs);
/// # Ok::<(), llmobs_core::StartError>(())
/// ```
#[derive(Clone, Default)]
pub struct FakePauses(Arc<Inner>);

type Wake = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Inner {
    time: Mutex<Time>,
    changed: Condvar,
    wakes: Mutex<Vec<Wake>>,
}

#[derive(Default)]
struct Time {
    now: Duration,
    /// Ends of the pauses that are being made.
    pausing: Vec<Duration>,
}

impl FakePauses {
    /// The time so far.
    pub fn elapsed(&self) -> Duration {
        lock(&self.0.time).now
    }

    /// Moves the time on, and ends the pauses that are over by it.
    pub fn advance(&self, by: Duration) {
        lock(&self.0.time).now += by;
        lock(&self.0.wakes).iter().for_each(|wake| wake());
    }

    /// Waits until a thread of the recorder makes a pause, and tells how much of the shortest is left.
    ///
    /// # Panics
    ///
    /// When none does within twenty seconds.
    #[track_caller]
    pub fn pause(&self) -> Duration {
        let time = lock(&self.0.time);
        let left = |time: &Time| {
            time.pausing
                .iter()
                .filter_map(|end| end.checked_sub(time.now))
                .filter(|d| !d.is_zero())
                .min()
        };
        let patience = Duration::from_secs(20);
        let waited = self.0.changed.wait_timeout_while(time, patience, |time| left(time).is_none());
        let time = waited.unwrap_or_else(PoisonError::into_inner).0;
        left(&time).expect("a thread makes a pause")
    }

    /// Notes whom to wake when the time moves.
    pub(crate) fn on_advance(&self, wake: impl Fn() + Send + Sync + 'static) {
        lock(&self.0.wakes).push(Box::new(wake));
    }

    /// Notes a pause, until what it gives is dropped.
    pub(crate) fn begin(&self, until: Duration) -> Pause<'_> {
        lock(&self.0.time).pausing.push(until);
        self.0.changed.notify_all();
        Pause { of: self, until }
    }
}

impl fmt::Debug for FakePauses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FakePauses").field(&self.elapsed()).finish()
    }
}

/// A pause that is being made.
pub(crate) struct Pause<'a> {
    of: &'a FakePauses,
    until: Duration,
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        let mut time = lock(&self.of.0.time);
        if let Some(at) = time.pausing.iter().position(|end| *end == self.until) {
            time.pausing.swap_remove(at);
        }
    }
}

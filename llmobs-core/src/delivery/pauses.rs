//! How threads of ours wait: by the machine's time, or by a test's.

use std::time::{Duration, Instant};

use crate::sync::{Condvar, MutexGuard, PoisonError};
#[cfg(feature = "testing")]
use crate::testing::FakePauses;

/// The time that pauses are measured in.
#[derive(Clone, Debug)]
pub(crate) enum Pauses {
    Machine(Instant),
    #[cfg(feature = "testing")]
    Fake(FakePauses),
}

impl Default for Pauses {
    fn default() -> Self {
        Self::Machine(Instant::now())
    }
}

impl Pauses {
    /// Time since some fixed point; never runs backwards.
    pub(crate) fn elapsed(&self) -> Duration {
        match self {
            Self::Machine(origin) => origin.elapsed(),
            #[cfg(feature = "testing")]
            Self::Fake(fake) => fake.elapsed(),
        }
    }

    /// Where the randomness of pauses begins.
    pub(crate) fn seed(&self) -> u64 {
        match self {
            Self::Machine(_) => fastrand::u64(..),
            #[cfg(feature = "testing")]
            Self::Fake(_) => 0,
        }
    }

    /// Waits for `wake`, at most until the time has come.
    pub(crate) fn wait<'a, T>(
        &self,
        wake: &Condvar,
        guard: MutexGuard<'a, T>,
        until: Option<Duration>,
    ) -> MutexGuard<'a, T> {
        let Some(until) = until else {
            return wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        };
        match self {
            Self::Machine(origin) => {
                let left = until.saturating_sub(origin.elapsed());
                wake.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0
            }
            #[cfg(feature = "testing")]
            Self::Fake(fake) => {
                let _pause = fake.begin(until);
                wake.wait(guard).unwrap_or_else(PoisonError::into_inner)
            }
        }
    }
}

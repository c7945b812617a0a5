//! What threads meet at: loom's, with what it lacks.
//!
//! Time does not pass: whoever waits without an end does so until woken, and any other wait is over
//! at once. What holds for both holds for all between.

use std::time::Duration;

pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
pub(crate) use loom::thread;
use std::sync::LockResult;
pub(crate) use std::sync::PoisonError;

/// As long as it takes.
pub(crate) const FOREVER: Duration = Duration::MAX;

#[derive(Debug, Default)]
pub(crate) struct Condvar(loom::sync::Condvar);

/// Nobody asks it: whoever waited looks at what they waited for.
pub(crate) struct WaitTimeoutResult;

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.0.wait(guard)
    }

    pub(crate) fn wait_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut waits: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        while waits(&mut guard) {
            guard = self.0.wait(guard)?;
        }
        Ok(guard)
    }

    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let over = timeout != FOREVER;
        let guard =
            if over { guard } else { self.wait(guard).unwrap_or_else(PoisonError::into_inner) };
        Ok((guard, WaitTimeoutResult))
    }

    pub(crate) fn wait_timeout_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
        mut waits: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        if timeout != FOREVER {
            let _ = waits(&mut guard);
            return Ok((guard, WaitTimeoutResult));
        }
        let guard = self.wait_while(guard, waits).unwrap_or_else(PoisonError::into_inner);
        Ok((guard, WaitTimeoutResult))
    }
}

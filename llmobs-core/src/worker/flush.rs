//! Flushes: who is waited for, and what they have answered.

use std::time::Duration;

use crate::queue::lock;
use crate::sync::{Condvar, Mutex, PoisonError};

/// Somebody waiting until all sinks, and the rules that report elsewhere, have flushed.
#[derive(Debug, Default)]
pub(crate) struct FlushRequest {
    state: Mutex<FlushState>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct FlushState {
    /// Those that have not answered; `None` until their number is known.
    left: Option<usize>,
    answers: Flushed,
}

/// What the sinks have answered to a flush.
#[derive(Debug, Default)]
pub(crate) struct Flushed {
    /// Names of those that have lost something, or could not make everything durable.
    pub(crate) failed: Vec<String>,
    /// Some sink is down, and records wait for it.
    pub(crate) waiting: bool,
}

impl FlushRequest {
    /// Sets how many will answer.
    pub(crate) fn expect(&self, answers: usize) {
        lock(&self.state).left = Some(answers);
        self.wake.notify_all();
    }

    /// One answer: the name of a sink or a rule when it failed, and whether records wait for it.
    pub(crate) fn done(&self, failed: Option<&String>, waiting: bool) {
        let mut state = lock(&self.state);
        state.left = state.left.map(|left| left.saturating_sub(1));
        state.answers.failed.extend(failed.cloned());
        state.answers.waiting |= waiting;
        drop(state);
        self.wake.notify_all();
    }

    /// Waits for all answers, however long they take.
    pub(crate) fn wait_long(&self) -> Flushed {
        let state = lock(&self.state);
        let waited = self.wake.wait_while(state, |state| state.left != Some(0));
        std::mem::take(&mut waited.unwrap_or_else(PoisonError::into_inner).answers)
    }

    /// Waits for all answers; `None` when the time is over first.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<Flushed> {
        let state = lock(&self.state);
        let waited = self.wake.wait_timeout_while(state, timeout, |state| state.left != Some(0));
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        (!timeout.timed_out()).then(|| std::mem::take(&mut state.answers))
    }
}

//! Waiting for others to be done: on a thread, or in a task of any runtime.

use std::task::{Poll, Waker};
use std::time::Instant;

use crate::contain::contained;
use crate::queue::lock;
use crate::sync::{Condvar, Mutex, PoisonError};

/// Some waiting until all of some others are done: sinks with a flush, threads with everything.
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
    /// Tasks that wait, by the number each was given.
    tasks: Vec<(u64, Waker)>,
    numbers: u64,
}

/// What the sinks have answered to a flush.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flushed {
    /// Names of those that have lost something, or could not make everything durable.
    pub(crate) failed: Vec<String>,
    /// Some sink is down, and records wait for it.
    pub(crate) waiting: bool,
    /// Those who were to answer have not all been asked, and never will be.
    pub(crate) broken_off: bool,
}

impl FlushRequest {
    /// Sets how many will answer.
    pub(crate) fn expect(&self, answers: usize) {
        self.change(|state| state.left = Some(answers));
    }

    /// One more will answer.
    pub(crate) fn expect_another(&self) {
        self.change(|state| state.left = Some(state.left.unwrap_or(0).saturating_add(1)));
    }

    /// One answer: the name of a sink or a rule when it failed, and whether records wait for it.
    pub(crate) fn done(&self, failed: Option<&String>, waiting: bool) {
        self.change(|state| {
            state.left = state.left.map(|left| left.saturating_sub(1));
            state.answers.failed.extend(failed.cloned());
            state.answers.waiting |= waiting;
        });
    }

    /// Ends it without the answers that are not there.
    pub(crate) fn break_off(&self) {
        self.change(|state| (state.left, state.answers.broken_off) = (Some(0), true));
    }

    fn change(&self, change: impl FnOnce(&mut FlushState)) {
        let mut state = lock(&self.state);
        change(&mut state);
        let tasks =
            if state.left == Some(0) { std::mem::take(&mut state.tasks) } else { Vec::new() };
        drop(state);
        self.wake.notify_all();
        for (_, task) in tasks {
            contained(|| task.wake());
        }
    }

    /// Waits for all answers, however long they take.
    pub(crate) fn wait_long(&self) -> Flushed {
        let state = lock(&self.state);
        let waited = self.wake.wait_while(state, |state| state.left != Some(0));
        waited.unwrap_or_else(PoisonError::into_inner).answers.clone()
    }

    /// Waits for all answers; `None` when the time is over first.
    pub(crate) fn wait(&self, until: Option<Instant>) -> Option<Flushed> {
        let mut state = lock(&self.state);
        // Answers that are there count, also when the time was over before anybody looked.
        while state.left != Some(0) {
            let Some(until) = until else {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.wake.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(state.answers.clone())
    }

    /// [`wait`](Self::wait) for a task, which is woken when it may ask again.
    pub(super) fn poll(&self, number: &mut Option<u64>, waker: &Waker) -> Poll<Flushed> {
        // Foreign code, so not under the lock.
        let waker = waker.clone();
        let mut state = lock(&self.state);
        if state.left == Some(0) {
            return Poll::Ready(state.answers.clone());
        }
        let number = *number.get_or_insert_with(|| {
            state.numbers += 1;
            state.numbers
        });
        let _before = match state.tasks.iter_mut().find(|(task, _)| *task == number) {
            Some((_, task)) => Some(std::mem::replace(task, waker)),
            None => {
                state.tasks.push((number, waker));
                None
            }
        };
        drop(state);
        Poll::Pending
    }

    /// The task of this number waits no longer.
    pub(super) fn forget(&self, number: u64) {
        let mut state = lock(&self.state);
        let at = state.tasks.iter().position(|(task, _)| *task == number);
        let task = at.map(|at| state.tasks.swap_remove(at));
        drop(state);
        drop(task);
    }
}

//! Wakes tasks at a time, whatever runtime they run on.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::contain::contained;
use crate::queue::lock;

/// How long its thread stays when there is nothing to wait for.
const LINGER: Duration = Duration::from_secs(10);

/// One thread, and only while somebody waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alarm(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    tasks: BTreeMap<Key, Waker>,
    number: u64,
    running: bool,
}

type Key = (Instant, u64);

/// Takes its alarm back when it is dropped.
#[derive(Debug)]
pub(crate) struct Ringing {
    alarm: Alarm,
    key: Key,
}

impl Alarm {
    /// Wakes the task at this time; `None` when the system has no thread to give.
    pub(crate) fn set(&self, at: Instant, waker: &Waker) -> Option<Ringing> {
        let waker = waker.clone();
        let mut state = lock(&self.0.state);
        if !state.running {
            let inner = Arc::clone(&self.0);
            let thread = std::thread::Builder::new().name("llmobs-alarm".into());
            thread.spawn(move || inner.run()).ok()?;
            state.running = true;
        }
        state.number += 1;
        let key = (at, state.number);
        state.tasks.insert(key, waker);
        drop(state);
        self.0.wake.notify_one();
        Some(Ringing { alarm: self.clone(), key })
    }
}

impl Drop for Ringing {
    fn drop(&mut self) {
        let task = lock(&self.alarm.0.state).tasks.remove(&self.key);
        // After the lock: a waker is foreign code.
        drop(task);
    }
}

impl Inner {
    fn run(&self) {
        let mut state = lock(&self.state);
        loop {
            let now = Instant::now();
            let next = state.tasks.first_key_value().map(|((at, _), _)| *at);
            let pause = match next {
                Some(at) if at <= now => {
                    let task = state.tasks.pop_first();
                    drop(state);
                    contained(|| task.map(|(_, task)| task.wake()));
                    state = lock(&self.state);
                    continue;
                }
                Some(at) => at - now,
                None => LINGER,
            };
            let waited = self.wake.wait_timeout(state, pause);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if timeout.timed_out() && next.is_none() && state.tasks.is_empty() {
                state.running = false;
                return;
            }
        }
    }
}

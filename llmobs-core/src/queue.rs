//! The way from the caller's tasks to the worker: bounded, and never waits.
//!
//! A lock is held for a push or a swap, no longer; the worker takes everything at once. Room for a
//! call's end is set aside when the call begins, so under pressure calls are refused at their start
//! and pieces of payload are dropped, never an end.

use std::collections::VecDeque;
use std::time::Duration;

use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Locks, whoever panicked before: every critical section here leaves its data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
pub(crate) struct Queue<T> {
    items: Mutex<Shared<T>>,
    wake: Condvar,
    /// Operations that are open, or whose end has not been handled.
    open: AtomicUsize,
    max_open: usize,
    /// Payload waiting for the worker or held by it, in bytes allocated.
    bytes: AtomicUsize,
    max_bytes: usize,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Shared<T> {
    items: VecDeque<T>,
    /// The worker waits for the first item, and nobody has woken it yet.
    asleep: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new(max_open: usize, max_bytes: usize) -> Self {
        Self {
            items: Mutex::new(Shared { items: VecDeque::with_capacity(256), asleep: false }),
            wake: Condvar::new(),
            open: AtomicUsize::new(0),
            max_open,
            bytes: AtomicUsize::new(0),
            max_bytes,
            closed: AtomicBool::new(false),
        }
    }

    /// Sets room aside for one operation, from its start to its end.
    pub(crate) fn reserve(&self) -> bool {
        raise(&self.open, 1, self.max_open)
    }

    /// Gives the room of an operation back, once its end has been handled.
    pub(crate) fn release(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether no operation is open, and the end of each has been handled.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }

    /// Sets room aside for payload.
    pub(crate) fn reserve_bytes(&self, n: usize) -> bool {
        raise(&self.bytes, n, self.max_bytes)
    }

    /// Gives room for payload back.
    pub(crate) fn release_bytes(&self, n: usize) {
        self.bytes.fetch_sub(n, Ordering::Relaxed);
    }

    /// Whether room for payload is taken anywhere.
    pub(crate) fn has_bytes(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > 0
    }

    /// Appends an item, whose room was set aside before. Gives it back when nobody will read it.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut shared = lock(&self.items);
        if self.closed.load(Ordering::Relaxed) {
            return Err(item);
        }
        shared.items.push_back(item);
        let wake = std::mem::take(&mut shared.asleep);
        drop(shared);
        if wake {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Swaps everything that waits into `into`, which must be empty; waits for the first item, at
    /// most for `idle`.
    pub(crate) fn take(&self, into: &mut VecDeque<T>, idle: Duration) {
        let mut shared = lock(&self.items);
        if shared.items.is_empty() && !self.closed.load(Ordering::Relaxed) {
            shared.asleep = true;
            let waited = self.wake.wait_timeout_while(shared, idle, |shared| {
                shared.items.is_empty() && !self.closed.load(Ordering::Relaxed)
            });
            shared = waited.unwrap_or_else(PoisonError::into_inner).0;
            shared.asleep = false;
        }
        std::mem::swap(&mut shared.items, into);
    }

    /// Lets nothing more in.
    pub(crate) fn close(&self) {
        let shared = lock(&self.items);
        self.closed.store(true, Ordering::Relaxed);
        drop(shared);
        self.wake.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// Adds to what is taken, where there is room. What there is none for takes none meanwhile: it is not
/// added first and taken back then, which could refuse others what they have room for.
fn raise(taken: &AtomicUsize, n: usize, max: usize) -> bool {
    let more = |taken: usize| taken.checked_add(n).filter(|sum| *sum <= max);
    taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
}

/// Buffers that go back and forth between taps and worker, so that a running service allocates none.
#[derive(Debug)]
pub(crate) struct Pool {
    free: Mutex<Vec<Vec<u8>>>,
}

/// Size of one buffer; an open stream holds at most one.
pub(crate) const BUFFER: usize = 8 * 1024;
const MAX_FREE: usize = 256;

impl Pool {
    pub(crate) fn new() -> Self {
        Self { free: Mutex::new(Vec::with_capacity(MAX_FREE)) }
    }

    pub(crate) fn get(&self) -> Vec<u8> {
        lock(&self.free).pop().unwrap_or_else(|| Vec::with_capacity(BUFFER))
    }

    pub(crate) fn put(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut free = lock(&self.free);
        if buffer.capacity() == BUFFER && free.len() < MAX_FREE {
            free.push(buffer);
        }
    }
}

//! The way from the caller's tasks to the worker: bounded, and never waits.
//!
//! A lock is held for a push or a swap, no longer; the worker takes everything at once. Room for a
//! call's end is set aside when the call begins, so under pressure calls are refused at their start
//! and pieces of payload are dropped, never an end.
//!
//! To wake a thread costs more than most of what the worker is woken for. So each item says how
//! urgent it is, and the worker, from what urgency on it wants to be woken: it is awake and is not
//! woken, it lingers and only what is wanted at once wakes it, or it sleeps.

use std::collections::VecDeque;
use std::time::Duration;

use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Locks, whoever panicked before: every critical section here leaves its data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// So many items are not left to wait for a worker that sleeps, however little they matter.
const SEVERAL: usize = 64;
/// So many are not left to wait for one that lingers, or half of what there is room for behind it.
const MANY: usize = 1_024;

/// When an item is to be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// With others that come.
    #[default]
    Whenever,
    /// When the worker has lingered long enough for others to come.
    Soon,
    /// At once.
    Now,
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
    /// Items that are not left to wait for a worker that lingers.
    many: usize,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Shared<T> {
    items: VecDeque<T>,
    /// The highest of what waits.
    urgency: Urgency,
    /// The worker waits for something as urgent, and nobody has woken it yet.
    wanted: Option<Urgency>,
    /// How often everything has been taken.
    rounds: u64,
}

impl<T> Queue<T> {
    /// Bounds of what may be open, of payload, and of what becomes of items that are taken together.
    pub(crate) fn new(max_open: usize, max_bytes: usize, max_taken: usize) -> Self {
        Self {
            items: Mutex::new(Shared {
                items: VecDeque::with_capacity(256),
                urgency: Urgency::Whenever,
                wanted: None,
                rounds: 0,
            }),
            wake: Condvar::new(),
            open: AtomicUsize::new(0),
            max_open,
            bytes: AtomicUsize::new(0),
            max_bytes,
            many: MANY.min(max_taken / 2),
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

    /// Appends an item, whose room was set aside before. Gives it back when nobody will read it.
    pub(crate) fn push(&self, item: T, urgency: Urgency) -> Result<(), T> {
        let mut shared = lock(&self.items);
        if self.closed.load(Ordering::Relaxed) {
            return Err(item);
        }
        shared.items.push_back(item);
        let urgency = urgency.max(self.pressure(shared.items.len())).max(shared.urgency);
        shared.urgency = urgency;
        let wake = shared.wanted.take_if(|wanted| *wanted <= urgency).is_some();
        drop(shared);
        if wake {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// How urgent anything is when so many items wait.
    fn pressure(&self, waiting: usize) -> Urgency {
        let short = |taken: &AtomicUsize, max| taken.load(Ordering::Relaxed) > max / 2;
        if waiting >= self.many
            || short(&self.open, self.max_open)
            || short(&self.bytes, self.max_bytes)
        {
            Urgency::Now
        } else if waiting >= SEVERAL {
            Urgency::Soon
        } else {
            Urgency::Whenever
        }
    }

    /// Swaps everything that waits into `into`, which must be empty. For `linger` it waits for what is
    /// wanted at once, while others gather; where none have, it then waits for the first, at most for
    /// `idle`.
    pub(crate) fn take(&self, into: &mut VecDeque<T>, linger: Duration, idle: Duration) {
        let mut shared = self.wait(lock(&self.items), Urgency::Now, linger);
        if shared.items.is_empty() {
            shared = self.wait(shared, Urgency::Soon, idle);
        }
        shared.urgency = Urgency::Whenever;
        shared.rounds += 1;
        std::mem::swap(&mut shared.items, into);
    }

    /// How often everything has been taken: what was pushed at this number waits until there is another.
    pub(crate) fn rounds(&self) -> u64 {
        lock(&self.items).rounds
    }

    fn wait<'a>(
        &self,
        mut shared: MutexGuard<'a, Shared<T>>,
        wanted: Urgency,
        most: Duration,
    ) -> MutexGuard<'a, Shared<T>> {
        if most.is_zero() {
            return shared;
        }
        shared.wanted = Some(wanted);
        let waited = self.wake.wait_timeout_while(shared, most, |shared| {
            shared.urgency < wanted && !self.closed.load(Ordering::Relaxed)
        });
        let mut shared = waited.unwrap_or_else(PoisonError::into_inner).0;
        shared.wanted = None;
        shared
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
/// So many free ones are kept.
pub(crate) const MAX_FREE: usize = 256;

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

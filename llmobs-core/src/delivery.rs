//! One sink and the thread that feeds it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::loss::{LossCause, LossCounts, SinkLosses};
use crate::queue::lock;
use crate::record::Record;
use crate::sink::{Batch, Sink, SinkError};
use crate::worker::{FlushRequest, untraced};

/// Records a sink is offered at once.
const BATCH: usize = 512;

/// How often, and at what intervals, a batch is offered again to a sink that asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Backoff {
    offers: u32,
    first: Duration,
    longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

impl Backoff {
    /// The defaults: five offers within about three seconds.
    pub const fn new() -> Self {
        let (first, longest) = (Duration::from_millis(200), Duration::from_secs(10));
        Self { offers: 5, first, longest }
    }

    /// Times a batch is offered before it is given up and counted as lost; at least once. Defaults
    /// to 5.
    pub const fn offers(mut self, offers: u32) -> Self {
        self.offers = offers;
        self
    }

    /// Pause before the second offer; each later one is twice as long. Defaults to 200 ms.
    pub const fn first_pause(mut self, pause: Duration) -> Self {
        self.first = pause;
        self
    }

    /// Longest pause. Defaults to 10 seconds.
    pub const fn longest_pause(mut self, pause: Duration) -> Self {
        self.longest = pause;
        self
    }

    /// Pause after so many offers; `None` when there is to be no other.
    fn pause(&self, offers: u32) -> Option<Duration> {
        let doubled = 2u32.saturating_pow(offers.saturating_sub(1));
        (offers < self.offers).then(|| self.first.saturating_mul(doubled).min(self.longest))
    }
}

/// The worker's end of one sink.
#[derive(Debug)]
pub(crate) struct Delivery {
    name: String,
    state: Mutex<State>,
    wake: Condvar,
    limit: usize,
    backoff: Backoff,
    delivered: AtomicU64,
    lost: LossCounts,
    /// Batches given up so far.
    given_up: AtomicU64,
    /// The flush at the very end has failed.
    unflushed: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    records: VecDeque<Arc<Record>>,
    /// Records that have ever entered the queue, and that have left it.
    entered: u64,
    left: u64,
    /// Who waits for a flush, and how many records must have left the queue before it.
    flushes: VecDeque<(u64, Arc<FlushRequest>)>,
    closed: bool,
    /// The time for the shutdown is over: no more offers.
    abandoned: bool,
}

impl Delivery {
    /// Starts the sink's thread.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub(crate) fn start(
        mut sink: Box<dyn Sink>,
        limit: usize,
        backoff: Backoff,
        meta: impl Fn() -> Record + Send + 'static,
    ) -> std::io::Result<(Arc<Self>, JoinHandle<()>)> {
        let delivery = Arc::new(Self {
            name: sink.name().to_owned(),
            state: Mutex::default(),
            wake: Condvar::new(),
            limit,
            backoff,
            delivered: AtomicU64::new(0),
            lost: LossCounts::default(),
            given_up: AtomicU64::new(0),
            unflushed: AtomicBool::new(false),
        });
        let ours = Arc::clone(&delivery);
        let thread = std::thread::Builder::new().name("llmobs-sink".into());
        let thread = thread.spawn(move || {
            ours.run(&mut *sink, &meta);
            let _ = guarded(move || drop(sink));
        })?;
        Ok((delivery, thread))
    }

    /// Hands records over; what finds no room is counted.
    pub(crate) fn push(&self, records: &[Arc<Record>]) {
        let mut state = lock(&self.state);
        let room = if state.closed { 0 } else { self.limit.saturating_sub(state.records.len()) };
        let (kept, refused) = records.split_at(room.min(records.len()));
        state.records.extend(kept.iter().cloned());
        state.entered += kept.len() as u64;
        let cause = match state.abandoned {
            true => LossCause::SinkTooSlow,
            false => LossCause::SinkQueueFull,
        };
        drop(state);
        self.lost.add(cause, refused.len() as u64);
        self.wake.notify_one();
    }

    /// Asks the sink to make durable what was pushed before.
    pub(crate) fn flush(&self, request: Arc<FlushRequest>) {
        let mut state = lock(&self.state);
        if state.closed {
            drop(state);
            request.done(Some(&self.name));
            return;
        }
        let entered = state.entered;
        state.flushes.push_back((entered, request));
        drop(state);
        self.wake.notify_one();
    }

    /// Lets the thread end once the queue is empty.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.wake.notify_one();
    }

    /// Makes the thread end now; what it has not delivered is counted. A batch the sink is busy
    /// with stays in the account as waiting for as long as it is.
    pub(crate) fn abandon(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.abandoned = true;
        let waiting = std::mem::take(&mut state.records).len() as u64;
        state.left += waiting;
        drop(state);
        self.lost.add(LossCause::SinkTooSlow, waiting);
        self.wake.notify_one();
    }

    /// What became of the records so far; `waiting` is left to whoever knows how many there were.
    pub(crate) fn account(&self) -> SinkLosses {
        SinkLosses {
            sink: self.name.clone(),
            delivered: self.delivered.load(Ordering::Acquire),
            waiting: 0,
            lost: self.lost.snapshot(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Records lost so far.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.total()
    }

    /// Whether the sink could make everything durable before it ended.
    pub(crate) fn ended_well(&self) -> bool {
        !self.unflushed.load(Ordering::Acquire)
    }

    fn run(&self, sink: &mut dyn Sink, meta: &dyn Fn() -> Record) {
        let mut batch = Vec::with_capacity(BATCH);
        // Records lost since the last flush that was answered.
        let mut reported = 0;
        loop {
            let mut state = lock(&self.state);
            while state.records.is_empty() && state.flushes.is_empty() && !state.closed {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.records.is_empty() && state.flushes.is_empty() {
                break;
            }
            let n = state.records.len().min(BATCH);
            batch.extend(state.records.drain(..n));
            state.left += n as u64;
            // Not "until the queue is empty": under steady traffic it never is.
            let left = state.left;
            let due = state.flushes.partition_point(|(before, _)| *before <= left);
            let flushes: Vec<_> = state.flushes.drain(..due).collect();
            drop(state);
            if !batch.is_empty() {
                self.offer(sink, &batch, meta);
                batch.clear();
            }
            if !flushes.is_empty() {
                let flushed = matches!(guarded(|| sink.flush()), Some(Ok(())));
                let lost = self.lost.total();
                let whole = lost == std::mem::replace(&mut reported, lost);
                for (_, request) in flushes {
                    request.done((!flushed || !whole).then_some(&self.name));
                }
            }
        }
        if !matches!(guarded(|| sink.flush()), Some(Ok(()))) {
            self.unflushed.store(true, Ordering::Release);
        }
    }

    fn offer(&self, sink: &mut dyn Sink, records: &[Arc<Record>], meta: &dyn Fn() -> Record) {
        let n = records.len() as u64;
        let Some(meta) = guarded(meta) else {
            self.lost.add(LossCause::Panicked, n);
            return;
        };
        let batch = Batch { records, meta: &meta };
        for offers in 1.. {
            let (cause, lost, err) = match guarded(|| sink.deliver(&batch)) {
                Some(Ok(())) => {
                    self.delivered.fetch_add(n, Ordering::Release);
                    return;
                }
                None => (LossCause::SinkPanicked, n, None),
                Some(Err(err)) if !err.is_retryable() => {
                    (LossCause::SinkRefused, err.refused(n), Some(err))
                }
                Some(Err(err)) => match self.backoff.pause(offers) {
                    None => (LossCause::SinkFailed, n, Some(err)),
                    Some(pause) if self.pause(err.pause_of(pause)) => continue,
                    Some(_) => (LossCause::SinkTooSlow, n, Some(err)),
                },
            };
            self.delivered.fetch_add(n - lost, Ordering::Release);
            self.lost.add(cause, lost);
            // A subscriber of the application's may panic.
            let _ = catch_unwind(AssertUnwindSafe(|| self.warn(cause, err.as_ref())));
            return;
        }
    }

    /// Says that records are being lost: at the first ones, then each time their number has
    /// doubled, since a sink that is down stays down for a while.
    fn warn(&self, cause: LossCause, err: Option<&SinkError>) {
        let batches = self.given_up.fetch_add(1, Ordering::Relaxed) + 1;
        if batches.is_power_of_two() {
            tracing::warn!(
                target: "llmobs",
                sink = %self.name,
                cause = cause.as_str(),
                batches,
                error = err.map(|err| err as &(dyn std::error::Error + 'static)),
                "records were lost"
            );
        }
    }

    /// Waits before the next offer; `false` when there is to be none.
    fn pause(&self, pause: Duration) -> bool {
        let state = lock(&self.state);
        let waited = self.wake.wait_timeout_while(state, pause, |state| !state.abandoned);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        !state.abandoned
    }
}

/// Runs code of the sink's: untraced, so that what it exports is not observed in turn, and `None`
/// when it panics.
fn guarded<R>(run: impl FnOnce() -> R) -> Option<R> {
    let mut result = None;
    let run = || untraced(|| result = Some(run()));
    catch_unwind(AssertUnwindSafe(run)).ok()?;
    result
}

//! One sink and the thread that feeds it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
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
/// Times a batch is offered before it is given up, with pauses that double from the first.
const OFFERS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause a sink can ask for.
const LONGEST: Duration = Duration::from_secs(30);

/// The worker's end of one sink.
#[derive(Debug)]
pub(crate) struct Delivery {
    name: String,
    state: Mutex<State>,
    wake: Condvar,
    limit: usize,
    delivered: AtomicU64,
    /// Taken from the queue and not yet delivered or lost.
    in_hand: AtomicU64,
    lost: LossCounts,
}

#[derive(Debug, Default)]
struct State {
    records: VecDeque<Arc<Record>>,
    flushes: Vec<Arc<FlushRequest>>,
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
        meta: impl Fn() -> Record + Send + 'static,
    ) -> std::io::Result<(Arc<Self>, JoinHandle<()>)> {
        let delivery = Arc::new(Self {
            name: sink.name().to_owned(),
            state: Mutex::default(),
            wake: Condvar::new(),
            limit,
            delivered: AtomicU64::new(0),
            in_hand: AtomicU64::new(0),
            lost: LossCounts::default(),
        });
        let ours = Arc::clone(&delivery);
        let thread = std::thread::Builder::new().name("llmobs-sink".into()).spawn(move || {
            ours.run(&mut *sink, &meta);
            // What a sink does as it ends is ours, too.
            untraced(|| drop(sink));
        })?;
        Ok((delivery, thread))
    }

    /// Hands records over; what finds no room is counted.
    pub(crate) fn push(&self, records: &[Arc<Record>]) {
        let mut state = lock(&self.state);
        let room = if state.closed { 0 } else { self.limit.saturating_sub(state.records.len()) };
        let (kept, refused) = records.split_at(room.min(records.len()));
        state.records.extend(kept.iter().cloned());
        drop(state);
        if !refused.is_empty() {
            self.lost.add(LossCause::SinkQueueFull, refused.len() as u64);
        }
        self.wake.notify_one();
    }

    /// Asks the sink to make durable what was pushed before.
    pub(crate) fn flush(&self, request: Arc<FlushRequest>) {
        let mut state = lock(&self.state);
        if state.closed {
            drop(state);
            request.done(None);
            return;
        }
        state.flushes.push(request);
        drop(state);
        self.wake.notify_one();
    }

    /// Lets the thread end once the queue is empty.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.wake.notify_one();
    }

    /// Makes the thread end now; what it has not delivered is counted.
    pub(crate) fn abandon(&self) {
        let mut state = lock(&self.state);
        state.abandoned = true;
        let left = std::mem::take(&mut state.records).len() as u64;
        drop(state);
        self.lost.add(LossCause::SinkTooSlow, left);
        self.wake.notify_one();
    }

    pub(crate) fn account(&self) -> SinkLosses {
        let waiting = lock(&self.state).records.len() as u64;
        SinkLosses {
            sink: self.name.clone(),
            delivered: self.delivered.load(Ordering::Relaxed),
            waiting: waiting + self.in_hand.load(Ordering::Relaxed),
            lost: self.lost.snapshot(),
        }
    }

    fn run(&self, sink: &mut dyn Sink, meta: &dyn Fn() -> Record) {
        let mut batch = Vec::with_capacity(BATCH);
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
            self.in_hand.store(n as u64, Ordering::Relaxed);
            // A flush is for what came before it: it waits until the queue has been empty once.
            let flushes = match state.records.is_empty() {
                true => std::mem::take(&mut state.flushes),
                false => Vec::new(),
            };
            drop(state);
            if !batch.is_empty() {
                self.offer(sink, &batch, meta);
                self.in_hand.store(0, Ordering::Relaxed);
                batch.clear();
            }
            if !flushes.is_empty() {
                let flushed = untraced(|| catch_unwind(AssertUnwindSafe(|| sink.flush())));
                let failed = !matches!(flushed, Ok(Ok(())));
                for request in flushes {
                    request.done(failed.then_some(&self.name));
                }
            }
        }
        let _ = untraced(|| catch_unwind(AssertUnwindSafe(|| sink.flush())));
    }

    fn offer(&self, sink: &mut dyn Sink, records: &[Arc<Record>], meta: &dyn Fn() -> Record) {
        let meta = meta();
        let batch = Batch { records, meta: &meta };
        let mut pause = FIRST_PAUSE;
        for offer in 1.. {
            let offered = records.len() as u64;
            let delivered = untraced(|| catch_unwind(AssertUnwindSafe(|| sink.deliver(&batch))));
            let cause = match delivered {
                Ok(Ok(())) => {
                    self.delivered.fetch_add(offered, Ordering::Relaxed);
                    return;
                }
                Err(_) => LossCause::SinkPanicked,
                Ok(Err(err)) if !err.is_retryable() => {
                    let refused = err.refused(offered);
                    self.delivered.fetch_add(offered - refused, Ordering::Relaxed);
                    self.lost.add(self.give_up(&err, LossCause::SinkRefused), refused);
                    return;
                }
                Ok(Err(err)) if offer >= OFFERS => self.give_up(&err, LossCause::SinkFailed),
                Ok(Err(err)) => {
                    if self.pause(err.pause().map_or(pause, |asked| asked.min(LONGEST).max(pause)))
                    {
                        pause = pause.saturating_mul(2);
                        continue;
                    }
                    self.give_up(&err, LossCause::SinkTooSlow)
                }
            };
            self.lost.add(cause, offered);
            return;
        }
    }

    fn give_up(&self, err: &SinkError, cause: LossCause) -> LossCause {
        tracing::warn!(
            target: "llmobs",
            sink = %self.name,
            cause = cause.as_str(),
            error = err as &(dyn std::error::Error + 'static),
            "records were lost"
        );
        cause
    }

    /// Waits before the next offer; `false` when there is to be none.
    fn pause(&self, pause: Duration) -> bool {
        let state = lock(&self.state);
        let waited = self.wake.wait_timeout_while(state, pause, |state| !state.abandoned);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        !state.abandoned
    }
}

//! One sink: what waits for it, and the thread that feeds it.
//!
//! Records wait in three places, oldest first: in the hand of the thread, on disk, in memory. What is
//! on disk is always older than what is in memory: a batch is taken from memory only while nothing is
//! on disk, and moves to disk before anything that came after it.
//!
//! Two locks, always in this order: the spool's, which is held over reads and writes of files, and
//! the state's, which never is.

mod backoff;
mod offer;
mod pauses;
mod run;
mod size;
mod state;

use std::sync::{Arc, Weak};

pub use self::backoff::Backoff;
pub(crate) use self::pauses::Pauses;
pub(crate) use self::size::size;
pub(crate) use self::state::Sized;
use self::state::{Hand, State};
use crate::contain::{contained, discard, say, untraced};
use crate::loss::{LossCause, LossCounts, SinkLosses};
use crate::queue::lock;
use crate::record::Record;
use crate::recorder::Recorder;
use crate::redact::withhold;
use crate::sink::{Sink, SinkError};
use crate::spool::Spool;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex};
use crate::threads::Threads;
use crate::worker::FlushRequest;

/// Records a sink is offered at once, at most.
const BATCH: usize = 2_048;
/// Memory that the records of a batch take, at most, unless it is one record alone.
const BATCH_BYTES: usize = 8 << 20;

/// The worker's end of one sink.
#[derive(Debug)]
pub(crate) struct Delivery {
    name: String,
    state: Mutex<State>,
    wake: Condvar,
    settings: Settings,
    spool: Option<Mutex<Spool>>,
    /// How often content has been forbidden.
    forbidden: Arc<AtomicU64>,
    delivered: AtomicU64,
    recovered: AtomicU64,
    lost: LossCounts,
    /// Batches given up so far.
    given_up: AtomicU64,
    /// The flush at the very end has failed.
    unflushed: AtomicBool,
}

/// What holds for the deliveries of a recorder.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Records, and bytes of them, that may wait in memory.
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    pub(crate) backoff: Backoff,
    pub(crate) pauses: Pauses,
}

impl Delivery {
    /// Starts the sink's thread.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub(crate) fn start(
        mut sink: Box<dyn Sink>,
        name: String,
        settings: Settings,
        spool: Option<Spool>,
        recorder: Recorder,
        threads: &Threads,
    ) -> std::io::Result<Arc<Self>> {
        let delivery = Arc::new(Self {
            name,
            state: Mutex::default(),
            wake: Condvar::new(),
            settings,
            spool: spool.map(Mutex::new),
            forbidden: Arc::clone(&recorder.shared().counts.forbidden),
            delivered: AtomicU64::new(0),
            recovered: AtomicU64::new(0),
            lost: LossCounts::default(),
            given_up: AtomicU64::new(0),
            unflushed: AtomicBool::new(false),
        });
        #[cfg(feature = "testing")]
        if let Pauses::Fake(fake) = &delivery.settings.pauses {
            let of = Arc::downgrade(&delivery);
            fake.on_advance(move || {
                let Some(delivery) = of.upgrade() else { return };
                // Whoever has looked at the time under the lock waits by now.
                drop(lock(&delivery.state));
                delivery.wake.notify_all();
            });
        }
        let ours = Arc::clone(&delivery);
        threads.spawn("llmobs-sink", move || {
            if contained(|| ours.run(&mut *sink, &recorder)).is_none() {
                // A mistake of ours: at least nobody waits for what will not come.
                ours.break_off();
            }
            untraced(|| discard(sink));
        })?;
        Ok(delivery)
    }

    /// Hands records over; what finds no room is counted.
    pub(crate) fn push(&self, records: &[Sized]) {
        let (mut rest, mut cause) = self.admit(records);
        if !rest.is_empty() && cause == LossCause::SinkQueueFull && self.spool.is_some() {
            self.spill();
            (rest, cause) = self.admit(rest);
        }
        self.lost.add(cause, rest.len() as u64);
        let state = lock(&self.state);
        let waits = state.lingers && !state.is_worth(&self.settings);
        drop(state);
        if !waits {
            self.wake.notify_all();
        }
    }

    /// Takes in as much as there is room for; gives the rest back, and why it does.
    fn admit<'a>(&self, mut records: &'a [Sized]) -> (&'a [Sized], LossCause) {
        let mut state = lock(&self.state);
        while let Some((first, rest)) = records.split_first() {
            let bytes = state.bytes.saturating_add(first.size);
            // One record finds room however large it is.
            let room = state.queue.is_empty() || bytes <= self.settings.bytes;
            if state.closed || state.queue.len() >= self.settings.records || !room {
                break;
            }
            state.queue.push_back(first.clone());
            state.bytes = bytes;
            state.entered += 1;
            records = rest;
        }
        let cause = match (state.abandoned, state.closed) {
            (true, _) => LossCause::SinkTooSlow,
            (false, true) => LossCause::ShutDown,
            (false, false) => LossCause::SinkQueueFull,
        };
        (records, cause)
    }

    /// Moves everything in memory to disk; whether all of it is there now.
    pub(crate) fn spill(&self) -> bool {
        let Some(spool) = &self.spool else { return false };
        let mut spool = lock(spool);
        loop {
            let mut state = lock(&self.state);
            let busy = state.hand.as_ref().is_some_and(|hand| hand.offered);
            let (batch, in_hand) = match &state.hand {
                Some(hand) if !hand.spooled => (Arc::clone(&hand.records), true),
                _ => (Arc::new(state.take(BATCH, BATCH_BYTES)), false),
            };
            drop(state);
            if batch.is_empty() {
                return true;
            }
            // What is on disk stays there as it is: content goes before. What is forbidden from here on
            // is newer than the file.
            let now = self.times_forbidden();
            let out = self.withheld(&batch);
            let appended = spool.append(out.as_ref().unwrap_or(&batch), now, in_hand, busy);
            let mut state = lock(&self.state);
            if appended.took_hand {
                state.hand = None;
            }
            self.lose_spooled(&mut state, &spool, LossCause::SpoolFull, appended.evicted);
            self.lose_spooled(&mut state, &spool, LossCause::SpoolDamaged, appended.damaged);
            if !appended.written {
                if !in_hand {
                    self.put_back(&mut state, &batch);
                }
                return false;
            }
            if in_hand && let Some(hand) = &mut state.hand {
                hand.spooled = true;
            }
        }
    }

    /// Puts a batch back to where it was taken from; nothing is lost for want of room, since it had
    /// that before.
    fn put_back(&self, state: &mut State, batch: &[Sized]) {
        if state.abandoned {
            let lost = batch.len() as u64;
            state.settled += lost;
            self.lost.add(LossCause::SinkTooSlow, lost);
            return;
        }
        for record in batch.iter().rev() {
            state.bytes = state.bytes.saturating_add(record.size);
            state.queue.push_front(record.clone());
        }
    }

    /// How often content has been forbidden so far, and once more: nothing that has been made is as
    /// old as 0.
    pub(crate) fn times_forbidden(&self) -> u64 {
        self.forbidden.load(Ordering::Acquire) + 1
    }

    /// The same records, where content was forbidden after some of them had been made: without theirs.
    fn withheld(&self, records: &[Sized]) -> Option<Vec<Sized>> {
        let forbidden = self.times_forbidden();
        if records.iter().all(|record| record.forbidden == forbidden) {
            return None;
        }
        let without = |sized: &Sized| {
            let mut record = Record::clone(&sized.record);
            if sized.forbidden != forbidden {
                withhold(&mut record);
            }
            Sized { record: Arc::new(record), size: sized.size, forbidden }
        };
        Some(records.iter().map(without).collect())
    }

    /// Counts what was on disk and is no more.
    fn lose_spooled(&self, state: &mut State, spool: &Spool, cause: LossCause, lost: u64) {
        state.spooled = spool.waiting();
        state.settled += lost;
        self.lost.add(cause, lost);
    }

    /// Moves everything to disk and makes it durable there; whether that could be done.
    pub(crate) fn save(&self) -> bool {
        self.spill() && self.spool.as_ref().is_some_and(|spool| lock(spool).sync().is_ok())
    }

    /// Asks the sink to make durable what was pushed before.
    pub(crate) fn flush(&self, request: Arc<FlushRequest>) {
        let mut state = lock(&self.state);
        if state.closed {
            drop(state);
            request.done(Some(&self.name), true);
            return;
        }
        let entered = state.entered;
        // Those that nobody waits for any more would pile up behind a sink that hangs.
        state.flushes.retain(|(_, request)| request.strong_count() > 0);
        state.flushes.push_back((entered, Arc::downgrade(&request)));
        drop(state);
        self.wake.notify_all();
    }

    /// Lets the thread end once nothing waits, or all that waits is on disk and the sink is down.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.wake.notify_all();
    }

    /// Makes the thread end now; what it has not delivered, and is not on disk, is counted. A batch
    /// the sink is busy with stays in the account as waiting for as long as it is.
    pub(crate) fn abandon(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.abandoned = true;
        let mut lost = std::mem::take(&mut state.queue).len() as u64;
        state.bytes = 0;
        if let Some(hand) = state.hand.take_if(|hand| !hand.offered && !hand.spooled) {
            lost += hand.records.len() as u64;
        }
        state.settled += lost;
        drop(state);
        self.lost.add(LossCause::SinkTooSlow, lost);
        self.wake.notify_all();
    }

    /// Ends what the thread of the sink does not end any more.
    fn break_off(&self) {
        self.abandon();
        let mut state = lock(&self.state);
        let lost = state.hand.take_if(|hand| !hand.spooled).map_or(0, |hand| hand.records.len());
        let flushes = std::mem::take(&mut state.flushes);
        drop(state);
        self.lost.add(LossCause::SinkTooSlow, lost as u64);
        self.answer(flushes.into_iter().map(|(_, request)| request), true, true);
    }

    /// Answers those who wait for a flush, if they still do.
    fn answer(
        &self,
        flushes: impl IntoIterator<Item = Weak<FlushRequest>>,
        failed: bool,
        waiting: bool,
    ) {
        for request in flushes.into_iter().filter_map(|request| request.upgrade()) {
            request.done(failed.then_some(&self.name), waiting);
        }
    }

    /// Lets the thread look for what other processes have left on disk.
    pub(crate) fn look(&self) {
        if self.spools() {
            lock(&self.state).look = true;
            self.wake.notify_all();
        }
    }

    /// What became of the records so far; `waiting` is left to whoever knows how many there were.
    pub(crate) fn account(&self) -> SinkLosses {
        let (delivered, lost) = (self.delivered.load(Ordering::Acquire), self.lost.snapshot());
        SinkLosses {
            sink: self.name.clone(),
            delivered,
            waiting: 0,
            spooled: lock(&self.state).spooled,
            lost,
            recovered: self.recovered.load(Ordering::Acquire),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether what cannot be delivered is kept on disk.
    pub(crate) fn spools(&self) -> bool {
        self.spool.is_some()
    }

    /// Records lost so far.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.total()
    }

    /// Whether the sink could make everything durable before it ended.
    pub(crate) fn ended_well(&self) -> bool {
        !self.unflushed.load(Ordering::Acquire)
    }

    /// Says that records are being lost: at the first ones, then each time their number has
    /// doubled, since a sink that refuses goes on refusing for a while.
    fn warn(&self, cause: LossCause, err: Option<&SinkError>) {
        let batches = self.given_up.fetch_add(1, Ordering::Relaxed) + 1;
        if batches.is_power_of_two() {
            say(|| {
                tracing::warn!(
                    target: "llmobs",
                    sink = %self.name,
                    cause = cause.as_str(),
                    batches,
                    error = err.map(|err| err as &(dyn std::error::Error + 'static)),
                    "records were lost"
                );
            });
        }
    }
}

/// Runs code of the sink's: untraced, so that what it exports is not observed in turn, and `None`
/// when it panics.
fn guarded<R>(run: impl FnOnce() -> R) -> Option<R> {
    contained(|| untraced(run))
}

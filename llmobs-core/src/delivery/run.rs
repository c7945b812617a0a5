//! What the thread of a sink does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::backoff::Circuit;
use super::{BATCH, BATCH_BYTES, Delivery, Hand, Sized, guarded};
use crate::loss::LossCause;
use crate::queue::lock;
use crate::record::Record;
use crate::sink::{Batch, Sink, SinkError};
use crate::worker::FlushRequest;

/// What there is to do.
enum Next {
    /// A batch may be offered.
    Offer,
    /// What is in memory is better kept on disk.
    Spill,
    /// All that came before these has been settled.
    Flush(Vec<Arc<FlushRequest>>),
    /// The sink is down, and these are not to wait for it.
    Waiting(Vec<Arc<FlushRequest>>),
    End,
}

/// What the thread knows of its own doing.
struct Doing {
    circuit: Circuit,
    /// The disk did not take what is in memory: it is asked again after the next offer.
    unsaved: bool,
    /// An offer has been made since the end was announced.
    last_offer: bool,
    /// Records lost when the last flush was answered.
    reported: u64,
}

impl Delivery {
    pub(super) fn run(&self, sink: &mut dyn Sink, meta: &dyn Fn() -> Record) {
        self.adopt();
        let circuit = Circuit::new(self.settings.backoff, self.settings.pauses.seed());
        let mut doing = Doing { circuit, unsaved: false, last_offer: false, reported: 0 };
        loop {
            match self.next(&doing) {
                Next::Offer => {
                    doing.last_offer = lock(&self.state).closed;
                    self.offer(sink, &mut doing.circuit, meta);
                    doing.unsaved = false;
                }
                Next::Spill => doing.unsaved = !self.spill(),
                Next::Flush(requests) => {
                    let flushed = matches!(guarded(|| sink.flush()), Some(Ok(())));
                    self.answer(requests, &mut doing.reported, flushed, false);
                }
                Next::Waiting(requests) => {
                    let saved = self.save();
                    self.answer(requests, &mut doing.reported, saved, true);
                }
                Next::End => break,
            }
        }
        if !matches!(guarded(|| sink.flush()), Some(Ok(()))) {
            self.unflushed.store(true, Ordering::Release);
        }
        let left = std::mem::take(&mut lock(&self.state).flushes);
        left.into_iter().for_each(|(_, request)| request.done(Some(&self.name), true));
        if let Some(spool) = &self.spool {
            lock(spool).close();
        }
    }

    /// Takes over what earlier processes have left.
    fn adopt(&self) {
        let Some(spool) = &self.spool else { return };
        let mut spool = lock(spool);
        let adopted = spool.open();
        self.recovered.fetch_add(adopted.whole + adopted.damaged, Ordering::Release);
        self.lost.add(LossCause::SpoolDamaged, adopted.damaged);
        let mut state = lock(&self.state);
        state.spooled = spool.waiting();
        // It goes before everything that is here.
        state.entered += adopted.whole;
        state.flushes.iter_mut().for_each(|(before, _)| *before += adopted.whole);
    }

    /// Waits until there is something to do.
    fn next(&self, doing: &Doing) -> Next {
        let circuit = &doing.circuit;
        let pauses = &self.settings.pauses;
        let mut state = lock(&self.state);
        loop {
            let settled = state.settled;
            let due = state.flushes.partition_point(|(before, _)| *before <= settled);
            if state.abandoned {
                return Next::End;
            }
            if due > 0 {
                return Next::Flush(
                    state.flushes.drain(..due).map(|(_, request)| request).collect(),
                );
            }
            if !state.has_work() {
                if state.closed {
                    return Next::End;
                }
                state = pauses.wait(&self.wake, state, None);
                continue;
            }
            let (down, saved) = (circuit.is_down(), state.is_saved());
            if down && self.spools() && !saved && !doing.unsaved {
                return Next::Spill;
            }
            if state.closed && doing.last_offer && down && self.spools() && saved {
                return Next::End;
            }
            let hurried = state.closed || !state.flushes.is_empty();
            let next = circuit.next(hurried);
            if pauses.elapsed() >= next || (state.closed && !doing.last_offer) {
                return Next::Offer;
            }
            if down && !state.flushes.is_empty() {
                return Next::Waiting(
                    state.flushes.drain(..).map(|(_, request)| request).collect(),
                );
            }
            state = pauses.wait(&self.wake, state, Some(next));
        }
    }

    fn answer(
        &self,
        requests: Vec<Arc<FlushRequest>>,
        reported: &mut u64,
        durable: bool,
        waiting: bool,
    ) {
        let lost = self.lost.total();
        let whole = lost == std::mem::replace(reported, lost);
        for request in requests {
            request.done((!durable || !whole).then_some(&self.name), waiting);
        }
    }

    /// Offers a batch once.
    fn offer(&self, sink: &mut dyn Sink, circuit: &mut Circuit, meta: &dyn Fn() -> Record) {
        let Some(hand) = self.pick() else { return };
        let n = hand.len() as u64;
        let Some(meta) = guarded(meta) else { return self.settle(Some((LossCause::Panicked, n))) };
        let records: Vec<_> = hand.iter().map(|sized| Arc::clone(&sized.record)).collect();
        let batch = Batch { records: &records, meta: &meta };
        let (cause, lost, err) = match guarded(|| sink.deliver(&batch)) {
            Some(Ok(())) => {
                circuit.answered();
                return self.settle(None);
            }
            None => (LossCause::SinkPanicked, n, None),
            Some(Err(err)) if !err.is_retryable() => {
                (LossCause::SinkRefused, err.refused(n), Some(err))
            }
            Some(Err(err)) => {
                let up = !circuit.is_down();
                circuit.failed(self.settings.pauses.elapsed(), err.asked());
                if circuit.gives_up() {
                    (LossCause::SinkFailed, n, Some(err))
                } else if self.keep() {
                    if up && circuit.is_down() {
                        self.warn_down(&err);
                    }
                    return;
                } else {
                    (LossCause::SinkTooSlow, n, Some(err))
                }
            }
        };
        circuit.answered();
        self.settle(Some((cause, lost)));
        self.warn(cause, err.as_ref());
    }

    /// Takes the oldest batch in hand.
    fn pick(&self) -> Option<Arc<Vec<Sized>>> {
        let mut spool = self.spool.as_ref().map(lock);
        let mut state = lock(&self.state);
        if state.abandoned {
            return None;
        }
        if let Some(hand) = &mut state.hand {
            hand.offered = true;
            return Some(Arc::clone(&hand.records));
        }
        let mut records = Vec::new();
        if let Some(spool) = spool.as_mut().filter(|_| state.spooled > 0) {
            drop(state);
            let read = spool.read(BATCH, BATCH_BYTES);
            records = read.records;
            state = lock(&self.state);
            self.lose_spooled(&mut state, spool, LossCause::SpoolDamaged, read.damaged);
        }
        let spooled = !records.is_empty();
        if !spooled {
            records = state.take(BATCH, BATCH_BYTES);
        }
        if records.is_empty() {
            return None;
        }
        let records = Arc::new(records);
        state.hand = Some(Hand { records: Arc::clone(&records), spooled, offered: true });
        Some(records)
    }

    /// Lets go of the batch in hand: it has been delivered, but for what was lost.
    fn settle(&self, lost: Option<(LossCause, u64)>) {
        let mut spool = self.spool.as_ref().map(lock);
        let Some(hand) = lock(&self.state).hand.take() else { return };
        let n = hand.records.len() as u64;
        let damaged = match &mut spool {
            Some(spool) if hand.spooled => spool.commit(),
            _ => 0,
        };
        let mut state = lock(&self.state);
        state.settled += n;
        if let Some(spool) = &spool {
            self.lose_spooled(&mut state, spool, LossCause::SpoolDamaged, damaged);
        }
        drop(state);
        let (cause, lost) = lost.unwrap_or((LossCause::SinkFailed, 0));
        self.delivered.fetch_add(n - lost, Ordering::Release);
        self.lost.add(cause, lost);
    }

    /// Keeps the batch in hand for the next offer; `false` when there will be none.
    fn keep(&self) -> bool {
        let mut state = lock(&self.state);
        let abandoned = state.abandoned;
        match &mut state.hand {
            Some(hand) if !abandoned || hand.spooled => {
                hand.offered = false;
                true
            }
            _ => false,
        }
    }

    /// Says that a sink is down: once, at the beginning.
    fn warn_down(&self, err: &SinkError) {
        let _ = catch_unwind(AssertUnwindSafe(|| {
            tracing::warn!(
                target: "llmobs",
                sink = %self.name,
                kept = if self.spools() { "on disk" } else { "in memory" },
                error = err as &(dyn std::error::Error + 'static),
                "a sink is down; records wait for it"
            );
        }));
    }
}

//! Offering batches, and what follows from the answers.
//!
//! A sink that takes nothing is down, or there is something in the batch that it will never take
//! although it asks for it again. After a while a batch is offered in ever smaller parts: a single
//! record that is refused while the one after it is taken is given up, so that it stops nobody else.

use std::io;
use std::sync::Arc;

use super::backoff::Circuit;
use super::{BATCH, BATCH_BYTES, Delivery, Hand, Settings, Sized, guarded};
use crate::contain::{say, untraced};
use crate::loss::LossCause;
use crate::queue::lock;
use crate::record::Record;
use crate::recorder::Recorder;
use crate::sink::{Batch, Sink, SinkError};
use crate::sync::atomic::Ordering;
use crate::worker::meta;

/// Offers of a whole batch to a sink that is down, before a smaller one is tried.
const PATIENCE: u32 = 8;

/// What has come of the offers so far.
pub(super) struct Offers {
    pub(super) circuit: Circuit,
    /// Records to offer at once.
    limit: usize,
}

impl Offers {
    pub(super) fn new(settings: &Settings) -> Self {
        let circuit = Circuit::new(settings.backoff, settings.pauses.seed());
        Self { circuit, limit: BATCH }
    }

    /// The sink has answered, be it with a refusal: it is there.
    fn answered(&mut self) {
        self.circuit.answered();
        self.limit = self.limit.saturating_mul(2).min(BATCH);
    }

    /// Whether to take less the next time.
    fn narrow(&mut self, offered: usize) -> bool {
        let narrow = self.limit < BATCH || self.circuit.probes() > PATIENCE;
        if narrow {
            self.limit = (offered.min(self.limit) / 2).max(1);
        }
        narrow
    }
}

/// What a sink says to an offer.
enum Answer {
    Taken,
    Lost(LossCause, u64, Option<SinkError>),
    Later(SinkError),
}

impl Answer {
    fn loss(&self) -> Option<(LossCause, u64)> {
        match self {
            Self::Taken => None,
            Self::Lost(cause, n, _) => Some((*cause, *n)),
            Self::Later(_) => Some((LossCause::SinkFailed, 1)),
        }
    }
}

impl Delivery {
    /// Offers a batch once.
    pub(super) fn offer(&self, sink: &mut dyn Sink, offers: &mut Offers, recorder: &Recorder) {
        let hand = match self.pick(offers.limit) {
            Ok(Some(hand)) => hand,
            Ok(None) => return,
            Err(err) => {
                let err = SinkError::retryable("the spool cannot be read").caused_by(err);
                return self.failed(offers, &err);
            }
        };
        let n = hand.len() as u64;
        let meta = untraced(|| meta(recorder));
        let (cause, lost, err) = match give(sink, &hand, &meta) {
            Answer::Taken => {
                offers.answered();
                return self.settle(&[]);
            }
            Answer::Lost(cause, lost, err) => (cause, lost, err),
            Answer::Later(err) => {
                let took = err.took(n);
                if took > 0 {
                    // It is there, and has only not come to the end.
                    offers.answered();
                    self.settle_first(took);
                }
                if hand.len() == 1 && offers.limit == 1 && self.passed(sink, offers, &meta, &err) {
                    return;
                }
                self.failed(offers, &err);
                if offers.circuit.gives_up() {
                    (LossCause::SinkFailed, n - took, Some(err))
                } else if self.keep() {
                    if offers.narrow(hand.len() - took as usize) {
                        self.put_down();
                    }
                    return;
                } else {
                    (LossCause::SinkTooSlow, n - took, Some(err))
                }
            }
        };
        offers.answered();
        self.settle(&[(cause, lost)]);
        self.warn(cause, err.as_ref());
    }

    /// Sees whether the record after the one in hand is taken, while that one is not: then it is given
    /// up. `false` when the sink takes neither, or there is no other.
    fn passed(
        &self,
        sink: &mut dyn Sink,
        offers: &mut Offers,
        meta: &Record,
        err: &SinkError,
    ) -> bool {
        self.put_down();
        let Ok(Some(both)) = self.pick(2) else { return false };
        let [first, second] = both.as_slice() else {
            self.move_back();
            return false;
        };
        let next = match give(sink, std::slice::from_ref(second), meta) {
            Answer::Later(_) => return false,
            answer => answer.loss(),
        };
        // The sink may have come back between the two.
        let again = give(sink, std::slice::from_ref(first), meta);
        let losses: Vec<_> = next.into_iter().chain(again.loss()).collect();
        offers.answered();
        self.settle(&losses);
        if let Some((cause, _)) = losses.last() {
            self.warn(*cause, Some(err));
        }
        true
    }

    /// Takes the oldest batch in hand, without content where that was forbidden since it was made.
    ///
    /// # Errors
    ///
    /// When it is on disk and cannot be read now.
    fn pick(&self, limit: usize) -> io::Result<Option<Arc<Vec<Sized>>>> {
        let Some(records) = self.take_in_hand(limit)? else { return Ok(None) };
        let Some(withheld) = self.withheld(&records) else { return Ok(Some(records)) };
        let withheld = Arc::new(withheld);
        if let Some(hand) = &mut lock(&self.state).hand {
            hand.records = Arc::clone(&withheld);
        }
        Ok(Some(withheld))
    }

    fn take_in_hand(&self, limit: usize) -> io::Result<Option<Arc<Vec<Sized>>>> {
        let mut spool = self.spool.as_ref().map(lock);
        let mut state = lock(&self.state);
        if state.abandoned {
            return Ok(None);
        }
        if let Some(hand) = &mut state.hand {
            hand.offered = true;
            return Ok(Some(Arc::clone(&hand.records)));
        }
        let mut records = Vec::new();
        if let Some(spool) = spool.as_mut().filter(|_| state.spooled > 0) {
            drop(state);
            let read = spool.read(limit, BATCH_BYTES);
            state = lock(&self.state);
            self.lose_spooled(&mut state, spool, LossCause::SpoolDamaged, read.damaged);
            records = read.records?;
        }
        let spooled = !records.is_empty();
        if !spooled {
            records = state.take(limit, BATCH_BYTES);
        }
        if records.is_empty() {
            return Ok(None);
        }
        let records = Arc::new(records);
        state.hand = Some(Hand { records: Arc::clone(&records), spooled, offered: true });
        Ok(Some(records))
    }

    /// Lets go of the batch in hand: it has been delivered, but for what was lost.
    fn settle(&self, lost: &[(LossCause, u64)]) {
        let mut spool = self.spool.as_ref().map(lock);
        let Some(hand) = lock(&self.state).hand.take() else { return };
        let n = hand.records.len() as u64;
        let damaged = match &mut spool {
            Some(spool) if hand.spooled => spool.commit(n),
            _ => 0,
        };
        let mut state = lock(&self.state);
        state.settled += n;
        if let Some(spool) = &spool {
            self.lose_spooled(&mut state, spool, LossCause::SpoolDamaged, damaged);
        }
        drop(state);
        let all = lost.iter().map(|(_, lost)| lost).sum();
        self.delivered.fetch_add(n.saturating_sub(all), Ordering::Release);
        lost.iter().for_each(|(cause, lost)| self.lost.add(*cause, *lost));
    }

    /// The first of the batch in hand have been delivered.
    fn settle_first(&self, taken: u64) {
        let mut spool = self.spool.as_ref().map(lock);
        let mut state = lock(&self.state);
        let Some(hand) = &mut state.hand else { return };
        let rest = hand.records.get(taken as usize..).unwrap_or_default().to_vec();
        hand.records = Arc::new(rest);
        let spooled = hand.spooled;
        drop(state);
        let damaged = match &mut spool {
            Some(spool) if spooled => spool.commit(taken),
            _ => 0,
        };
        let mut state = lock(&self.state);
        state.settled += taken;
        if let Some(spool) = &spool {
            self.lose_spooled(&mut state, spool, LossCause::SpoolDamaged, damaged);
        }
        drop(state);
        self.delivered.fetch_add(taken, Ordering::Release);
    }

    /// Gives up the batch in hand, if there still is one.
    pub(super) fn lose_hand(&self, cause: LossCause) {
        let n = lock(&self.state).hand.as_ref().map_or(0, |hand| hand.records.len() as u64);
        self.settle(&[(cause, n)]);
    }

    /// Keeps the batch in hand for the next offer; `false` when there will be none.
    fn keep(&self) -> bool {
        let mut state = lock(&self.state);
        let abandoned = state.abandoned;
        match &mut state.hand {
            Some(hand) if abandoned && !hand.spooled => false,
            Some(hand) => {
                hand.offered = false;
                true
            }
            None => true,
        }
    }

    /// Lays the batch in hand back to where it came from, to take another part of it.
    fn put_down(&self) {
        let mut spool = self.spool.as_ref().map(lock);
        let mut state = lock(&self.state);
        let Some(hand) = state.hand.take() else { return };
        match &mut spool {
            Some(spool) if hand.spooled => spool.put_down(),
            _ => self.put_back(&mut state, &hand.records),
        }
    }

    /// Puts the batch in hand, which is the last of its file, behind all others on disk: there is one
    /// after it then.
    fn move_back(&self) {
        let Some(spool) = &self.spool else { return };
        let mut spool = lock(spool);
        let mut state = lock(&self.state);
        let Some(hand) = state.hand.take_if(|hand| hand.spooled) else { return };
        drop(state);
        let n = hand.records.len() as u64;
        let forbidden = hand.records.iter().map(|sized| sized.forbidden).min().unwrap_or_default();
        let appended = spool.append(&hand.records, forbidden, false, true);
        let mut damaged = appended.damaged;
        match appended.written {
            true => damaged += spool.commit(n),
            false => spool.put_down(),
        }
        let mut state = lock(&self.state);
        self.lose_spooled(&mut state, &spool, LossCause::SpoolFull, appended.evicted);
        self.lose_spooled(&mut state, &spool, LossCause::SpoolDamaged, damaged);
    }

    /// Nothing was delivered this time.
    fn failed(&self, offers: &mut Offers, err: &SinkError) {
        let up = !offers.circuit.is_down();
        offers.circuit.failed(self.settings.pauses.elapsed(), err.asked());
        if up && offers.circuit.is_down() && !offers.circuit.gives_up() {
            self.warn_down(err);
        }
    }

    /// Says that a sink is down: once, at the beginning.
    fn warn_down(&self, err: &SinkError) {
        say(|| {
            tracing::warn!(
                target: "llmobs",
                sink = %self.name,
                kept = if self.spools() { "on disk" } else { "in memory" },
                error = err as &(dyn std::error::Error + 'static),
                "a sink is down; records wait for it"
            );
        });
    }
}

/// Offers records to a sink, which may do what it likes.
fn give(sink: &mut dyn Sink, hand: &[Sized], meta: &Record) -> Answer {
    let n = hand.len() as u64;
    let records: Vec<_> = hand.iter().map(|sized| Arc::clone(&sized.record)).collect();
    let batch = Batch { records: &records, meta };
    match guarded(|| sink.deliver(&batch)) {
        Some(Ok(())) => Answer::Taken,
        None => Answer::Lost(LossCause::SinkPanicked, n, None),
        Some(Err(err)) if err.is_retryable() && err.took(n) == n => Answer::Taken,
        Some(Err(err)) if err.is_retryable() => Answer::Later(err),
        Some(Err(err)) => Answer::Lost(LossCause::SinkRefused, err.refused(n), Some(err)),
    }
}

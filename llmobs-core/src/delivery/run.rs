//! What the thread of a sink does.

use std::sync::Weak;
use std::time::Duration;

use super::offer::Offers;
use super::{Delivery, guarded};
use crate::contain::{contained, say};
use crate::loss::LossCause;
use crate::queue::lock;
use crate::recorder::Recorder;
use crate::sink::Sink;
use crate::sync::atomic::Ordering;
use crate::worker::FlushRequest;

/// What there is to do.
enum Next {
    /// A batch may be offered.
    Offer,
    /// What is in memory is better kept on disk.
    Spill,
    /// All that came before these has been settled.
    Flush(Vec<Weak<FlushRequest>>),
    /// The sink is down, and these are not to wait for it.
    Waiting(Vec<Weak<FlushRequest>>),
    /// Other processes may have left something.
    Adopt,
    End,
}

/// What the thread knows of its own doing.
struct Doing {
    offers: Offers,
    /// How long the sink lets records wait for others.
    linger: Duration,
    /// The disk did not take what is in memory: it is asked again after the next offer.
    unsaved: bool,
    /// An offer has been made since the end was announced.
    last_offer: bool,
    /// Records lost when the last flush was answered.
    reported: u64,
}

impl Delivery {
    pub(super) fn run(&self, sink: &mut dyn Sink, recorder: &Recorder) {
        self.adopt(recorder);
        let offers = Offers::new(&self.settings);
        let linger = guarded(|| sink.linger()).unwrap_or_default();
        let mut doing = Doing { offers, linger, unsaved: false, last_offer: false, reported: 0 };
        loop {
            self.complain();
            match self.next(&doing) {
                Next::Offer => {
                    doing.last_offer = lock(&self.state).closed;
                    if contained(|| self.offer(sink, &mut doing.offers, recorder)).is_none() {
                        // What a sink answers with may panic as it is dropped.
                        self.lose_hand(LossCause::SinkPanicked);
                    }
                    doing.unsaved = false;
                }
                Next::Spill => doing.unsaved = !self.spill(),
                Next::Adopt => self.adopt(recorder),
                Next::Flush(requests) => {
                    let flushed = guarded(|| sink.flush().is_ok()) == Some(true);
                    let failed = self.has_lost(&mut doing.reported) || !flushed;
                    self.answer(requests, failed, false);
                }
                Next::Waiting(requests) => {
                    let saved = self.save();
                    let failed = self.has_lost(&mut doing.reported) || !saved;
                    self.answer(requests, failed, true);
                }
                Next::End => break,
            }
        }
        if guarded(|| sink.flush().is_ok()) != Some(true) {
            self.unflushed.store(true, Ordering::Release);
        }
        let left = std::mem::take(&mut lock(&self.state).flushes);
        self.answer(left.into_iter().map(|(_, request)| request), true, true);
        self.complain();
        if let Some(spool) = &self.spool {
            lock(spool).close();
        }
    }

    /// Says that the spool cannot be written, where that has come to light: whoever found out held its
    /// lock, and may have been the worker, whom no subscriber hears.
    fn complain(&self) {
        let Some(spool) = &self.spool else { return };
        let complaint = lock(spool).complaint();
        if let Some((directory, err)) = complaint {
            say(|| {
                tracing::warn!(
                    target: "llmobs",
                    directory = %directory.display(),
                    error = &err as &(dyn std::error::Error + 'static),
                    "the spool cannot be written; records wait in memory"
                );
            });
        }
    }

    /// Takes over what other processes have left, which run no more.
    fn adopt(&self, recorder: &Recorder) {
        lock(&self.state).look = false;
        let Some(spool) = &self.spool else { return };
        let mut spool = lock(spool);
        // Nobody knows what they were allowed to keep; what is forbidden here is not sent on, be it from
        // the next moment on.
        let now = self.times_forbidden();
        let forbidden = if recorder.is_content_forbidden() { 0 } else { now };
        let adopted = spool.open(forbidden);
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
        let circuit = &doing.offers.circuit;
        let pauses = &self.settings.pauses;
        let mut state = lock(&self.state);
        let mut since = None;
        loop {
            state.lingers = false;
            let settled = state.settled;
            let due = state.flushes.partition_point(|(before, _)| *before <= settled);
            if state.abandoned {
                return Next::End;
            }
            if state.look && state.hand.is_none() && !state.closed {
                return Next::Adopt;
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
            let fresh = state.hand.is_none() && state.spooled == 0;
            let lingers = fresh && !hurried && !state.is_worth(&self.settings);
            let next = if lingers {
                let since = *since.get_or_insert_with(|| pauses.elapsed());
                circuit.next(hurried).max(since.saturating_add(doing.linger))
            } else {
                circuit.next(hurried)
            };
            if pauses.elapsed() >= next || (state.closed && !doing.last_offer) {
                return Next::Offer;
            }
            if down && !state.flushes.is_empty() {
                return Next::Waiting(
                    state.flushes.drain(..).map(|(_, request)| request).collect(),
                );
            }
            state.lingers = lingers;
            state = pauses.wait(&self.wake, state, Some(next));
        }
    }

    /// Whether anything was lost since it was last asked.
    fn has_lost(&self, reported: &mut u64) -> bool {
        let lost = self.lost.total();
        lost != std::mem::replace(reported, lost)
    }
}

//! What became of spans, in numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::held::{Cause, Fate};

/// What becomes of the spans that a [`TailSampled`](super::TailSampled) is given; clones count
/// together.
#[derive(Clone, Debug, Default)]
pub struct TailAccount(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    ended: AtomicU64,
    kept: AtomicU64,
    left_out: AtomicU64,
    no_part: AtomicU64,
    too_many: AtomicU64,
    too_large: AtomicU64,
    too_old: AtomicU64,
    flushed: AtomicU64,
    panics: AtomicU64,
}

/// Numbers of spans. `ended` is the sum of `waiting` and of all that follow it, but for `panics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TailCounts {
    /// Spans that have ended.
    pub ended: u64,
    /// Those that are held, or on their way.
    pub waiting: u64,
    /// Passed on, since their trace was kept.
    pub kept: u64,
    /// Left out, as the recorder decided.
    pub left_out: u64,
    /// Passed on, since no recorder had a part in their trace, or decides any more.
    pub no_part: u64,
    /// Passed on undecided, since too many spans or traces were held.
    pub too_many: u64,
    /// Passed on undecided, since held spans took too much memory.
    pub too_large: u64,
    /// Passed on undecided, since their trace had been held for too long.
    pub too_old: u64,
    /// Passed on undecided, since the provider was flushed or shut down.
    pub flushed: u64,
    /// How often the inner processor panicked; a span it panicked over is lost in it.
    pub panics: u64,
}

impl TailAccount {
    /// The numbers so far.
    pub fn counts(&self) -> TailCounts {
        let Counts {
            ended,
            kept,
            left_out,
            no_part,
            too_many,
            too_large,
            too_old,
            flushed,
            panics,
        } = &*self.0;
        let get = |count: &AtomicU64| count.load(Ordering::Acquire);
        let mut counts = TailCounts {
            kept: get(kept),
            left_out: get(left_out),
            no_part: get(no_part),
            too_many: get(too_many),
            too_large: get(too_large),
            too_old: get(too_old),
            flushed: get(flushed),
            panics: get(panics),
            ..TailCounts::default()
        };
        let settled = counts.kept
            + counts.left_out
            + counts.no_part
            + counts.too_many
            + counts.too_large
            + counts.too_old
            + counts.flushed;
        // After the others: what was counted there has been counted here before.
        counts.ended = get(ended);
        counts.waiting = counts.ended.saturating_sub(settled);
        counts
    }

    pub(super) fn ended(&self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn released(&self, spans: usize, fate: &Fate) {
        let count = match fate {
            Fate::Kept(_) => &self.0.kept,
            Fate::LeftOut => &self.0.left_out,
            Fate::Passed(Cause::NoPart) => &self.0.no_part,
            Fate::Passed(Cause::TooMany) => &self.0.too_many,
            Fate::Passed(Cause::TooLarge) => &self.0.too_large,
            Fate::Passed(Cause::TooOld) => &self.0.too_old,
            Fate::Passed(Cause::Flushed) => &self.0.flushed,
        };
        count.fetch_add(spans as u64, Ordering::Release);
    }

    pub(super) fn panicked(&self, panicked: bool) {
        if panicked {
            self.0.panics.fetch_add(1, Ordering::Relaxed);
        }
    }
}

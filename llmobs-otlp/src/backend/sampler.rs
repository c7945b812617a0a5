//! Head sampling in our own pipeline.

use llmobs_core::{SpanIdentity, TraceId};

/// Which traces are exported; the records of the others are made all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sampler {
    /// Whether a parent's decision is not the last word.
    pub(crate) ignores_parent: bool,
    pub(crate) share: Share,
}

/// How many traces are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Share {
    #[default]
    All,
    None,
    /// This share of them, from 0 to 1.
    Of(f64),
}

impl Sampler {
    /// Whether the new span `own` is kept, which would be below `parent`.
    pub(super) fn keeps(&self, own: SpanIdentity, parent: Option<SpanIdentity>) -> bool {
        match parent.filter(|_| !self.ignores_parent) {
            Some(parent) => parent.sampled,
            None => self.share.keeps(own.trace_id),
        }
    }
}

impl Share {
    /// Decides by the id, as the SDK does, so that all services keep the same traces.
    fn keeps(self, trace_id: TraceId) -> bool {
        let share = match self {
            Self::All => return true,
            Self::None => return false,
            Self::Of(share) => share,
        };
        let random = (trace_id.get() as u64) >> 1;
        share >= 1.0 || random < (share.max(0.0) * (1_u64 << 63) as f64) as u64
    }
}

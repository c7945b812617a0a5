//! What was decided, for what comes late.

use std::collections::HashMap;

use crate::id::TraceId;

/// Decisions that are remembered, at the least; and at most twice as many.
const BOUND: usize = 65_536;

/// Two spans of decisions, of which the older is dropped when the newer is full: a single map from which
/// the oldest is taken for each new one would double in size, hours after it has been full.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    newer: HashMap<TraceId, Decision>,
    older: HashMap<TraceId, Decision>,
}

/// What became of a trace, and why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decision {
    pub(super) kept: bool,
    pub(super) rate: f64,
    pub(super) rule: Option<usize>,
}

impl Decisions {
    pub(super) fn of(&self, trace: TraceId) -> Option<Decision> {
        self.newer.get(&trace).or_else(|| self.older.get(&trace)).copied()
    }

    pub(super) fn remember(&mut self, trace: TraceId, decision: Decision) {
        if self.newer.len() >= BOUND {
            std::mem::swap(&mut self.newer, &mut self.older);
            self.newer.clear();
        }
        self.newer.insert(trace, decision);
    }
}

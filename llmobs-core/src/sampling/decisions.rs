//! What was decided, for what comes late.

use std::collections::HashMap;

use crate::id::TraceId;

/// Decisions that are remembered, at the least; and at most twice as many.
const BOUND: usize = 65_536;

/// What was decided on traces, the latest at the least. Not part of the API.
///
/// Two spans of decisions, of which the older is dropped when the newer is full: a single map from which
/// the oldest is taken for each new one would double in size, hours after it has been full.
#[derive(Debug)]
pub struct Decisions<D> {
    newer: HashMap<TraceId, D>,
    older: HashMap<TraceId, D>,
}

impl<D> Default for Decisions<D> {
    fn default() -> Self {
        Self { newer: HashMap::new(), older: HashMap::new() }
    }
}

impl<D> Decisions<D> {
    /// The decision on a trace, if it is remembered.
    pub fn of(&self, trace: TraceId) -> Option<&D> {
        self.newer.get(&trace).or_else(|| self.older.get(&trace))
    }

    /// Remembers a decision, in place of an earlier one.
    pub fn remember(&mut self, trace: TraceId, decision: D) {
        if self.newer.len() >= BOUND {
            std::mem::swap(&mut self.newer, &mut self.older);
            self.newer.clear();
        }
        self.newer.insert(trace, decision);
    }
}

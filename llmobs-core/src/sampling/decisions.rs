//! What was decided, for what comes late.

use std::collections::{HashMap, VecDeque};

use crate::id::TraceId;

/// Decisions that are remembered, oldest out first.
const BOUND: usize = 65_536;

/// Decisions by trace.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    by_trace: HashMap<TraceId, Decision>,
    order: VecDeque<TraceId>,
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
        self.by_trace.get(&trace).copied()
    }

    pub(super) fn remember(&mut self, trace: TraceId, decision: Decision) {
        if self.by_trace.insert(trace, decision).is_none() {
            self.order.push_back(trace);
        }
        if self.order.len() > BOUND
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_trace.remove(&oldest);
        }
    }
}

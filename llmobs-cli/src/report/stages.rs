//! Where the time of many traces went.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use llmobs_core::{Kind, Record, TraceId};

use super::distribution::Distribution;
use crate::stage::{Stage, Timed, split};
use crate::tree::Link;

/// How many spans of all traces are held for the split by stage.
pub const HELD_SPANS: usize = 20_000;
/// How many traces that were let go are remembered.
const MAX_LET_GO: usize = 100_000;

/// Splits traces as they come to their end: a trace is taken to be over when the others since its
/// last span fill the room there is.
#[derive(Clone, Debug, Default)]
pub(super) struct Stages {
    held: HashMap<TraceId, Held>,
    /// The traces that are held, by when their last span was read.
    by_age: BTreeMap<u64, TraceId>,
    read: u64,
    spans: usize,
    let_go: HashSet<TraceId>,
    let_go_order: VecDeque<TraceId>,
    sums: StageSums,
}

#[derive(Clone, Debug, Default)]
struct Held {
    spans: Vec<Timed>,
    has_steps: bool,
    last_read: u64,
}

/// The splits of all traces.
#[derive(Clone, Debug, Default)]
pub(super) struct StageSums {
    pub(super) traces: Distribution,
    pub(super) whole_ms: f64,
    by_stage: [StageSum; Stage::COUNT],
    /// Spans that are in no split: their traces had been let go, or were too large.
    pub(super) left_out: u64,
}

/// One stage's part of the traces that have it.
#[derive(Clone, Debug, Default)]
pub(super) struct StageSum {
    pub(super) ms: f64,
    pub(super) traces: Distribution,
}

impl Stages {
    pub(super) fn add(&mut self, record: &Record) {
        let Some(id) = record.trace_id else { return };
        if self.let_go.contains(&id) {
            self.sums.left_out += 1;
            return;
        }
        self.read += 1;
        let held = self.held.entry(id).or_default();
        self.by_age.remove(&held.last_read);
        held.last_read = self.read;
        self.by_age.insert(self.read, id);
        held.has_steps |= record.kind == Kind::Step;
        if held.spans.len() >= HELD_SPANS {
            self.sums.left_out += 1;
            return;
        }
        held.spans.push(Timed {
            link: Link {
                id: record.span_id,
                parent: record.parent_span_id,
                start: record.timestamp,
            },
            duration_ms: record.total_latency_ms,
            stage: Stage::of(record),
        });
        self.spans += 1;
        while self.spans > HELD_SPANS && self.held.len() > 1 {
            self.let_oldest_go();
        }
    }

    /// All traces, those included that may not be over.
    pub(super) fn sums(&self) -> StageSums {
        let mut sums = self.sums.clone();
        // In the order they were read: the sums are the same however the map is ordered.
        for held in self.by_age.values().filter_map(|id| self.held.get(id)) {
            sums.add(held);
        }
        sums
    }

    fn let_oldest_go(&mut self) {
        let Some((_, id)) = self.by_age.pop_first() else { return };
        let Some(held) = self.held.remove(&id) else { return };
        self.spans -= held.spans.len();
        self.sums.add(&held);
        if self.let_go_order.len() >= MAX_LET_GO
            && let Some(oldest) = self.let_go_order.pop_front()
        {
            self.let_go.remove(&oldest);
        }
        self.let_go.insert(id);
        self.let_go_order.push_back(id);
    }
}

impl StageSums {
    /// The stages that any trace has, in their order.
    pub(super) fn stages(&self) -> impl Iterator<Item = (Stage, &StageSum)> {
        let all = Stage::ALL.into_iter().zip(&self.by_stage);
        all.filter(|(_, sum)| sum.traces.percentiles().is_some())
    }

    fn add(&mut self, held: &Held) {
        // A call on its own has no stages.
        if !held.has_steps {
            return;
        }
        let Some(split) = split(&without_duplicates(&held.spans)) else { return };
        self.whole_ms += split.whole;
        self.traces.add(split.whole);
        for (stage, ms) in split.stages() {
            if let Some(sum) = self.by_stage.get_mut(stage as usize) {
                sum.ms += ms;
                sum.traces.add(ms);
            }
        }
    }
}

/// The first of each; a file named twice tells of a span twice.
fn without_duplicates(spans: &[Timed]) -> Vec<Timed> {
    let mut seen = HashSet::new();
    let new = |span: &&Timed| span.link.id.is_none_or(|id| seen.insert(id));
    spans.iter().filter(new).copied().collect()
}

//! One trace, as the tree of its calls and steps.
//!
//! Spans hang below the span they name as their parent, in the order they began. A span whose
//! parent is not in the records stands at the top and says so: its parent may be another service's.
//! Spans that are each other's parents are told of, and drawn once.
//!
//! Memory is bounded: at most [`MAX_SPANS`] spans of a trace are kept, and of each only what is
//! drawn; what was left out is counted.

mod attempt;
mod bar;
mod collect;
mod draw;
mod json;
mod judged;
mod label;
mod row;
mod span;
mod sums;

use llmobs_core::{Record, Timestamp, TraceId};

pub use self::collect::{Collector, Newest};
use self::span::Span;
use crate::cost::Costs;
use crate::stage::{Split, split};
use crate::style::Style;
use crate::tree::Tree;

/// How many spans of one trace are kept.
pub const MAX_SPANS: usize = 100_000;

/// The newest trace in `records` as a tree; a sentence that says so where there is none.
pub fn tree<'a>(records: impl IntoIterator<Item = &'a Record>, style: &Style) -> String {
    let mut collector = Collector::newest();
    records.into_iter().for_each(|record| collector.add(record));
    match collector.trace() {
        Some(trace) => trace.tree(style),
        None => "no trace in these records\n".to_owned(),
    }
}

/// A trace's calls and steps.
#[derive(Clone, Debug)]
pub struct Trace {
    id: TraceId,
    spans: Vec<Span>,
    tree: Tree,
    start: Option<Timestamp>,
    /// First beginning to last end, in milliseconds.
    duration_ms: Option<f64>,
    evaluations: u64,
    duplicates: u64,
    /// Spans that were not kept, for want of room.
    left_out: u64,
    /// Older spans of this trace may have been let go before it was known to be the newest.
    partial: bool,
}

impl Trace {
    /// The trace's id.
    pub fn id(&self) -> TraceId {
        self.id
    }

    /// How many spans it has here.
    pub fn span_count(&self) -> usize {
        self.spans.len()
    }

    /// The trace as a tree, with a line break at its end.
    pub fn tree(&self, style: &Style) -> String {
        draw::draw(self, style)
    }

    /// The trace as one JSON object, in the shape `llmobs trace --help` documents.
    pub fn json(&self) -> String {
        json::write(self)
    }

    fn offset_ms(&self, span: &Span) -> Option<f64> {
        Some(span.start?.millis_since(self.start?))
    }

    /// What the calls cost together.
    fn costs(&self) -> Costs {
        let mut costs = Costs::default();
        let billed = self.spans.iter().filter(|span| span.billed);
        billed.for_each(|span| costs.add(span.cost.as_ref()));
        costs
    }

    /// How the time divides among the stages; `None` where there is nothing to tell apart.
    fn stages(&self) -> Option<Split> {
        if self.spans.iter().all(|span| span.is_call) {
            return None;
        }
        split(&self.spans.iter().map(Span::timed).collect::<Vec<_>>())
    }

    fn calls(&self) -> impl Iterator<Item = &Span> {
        self.spans.iter().filter(|span| span.is_call)
    }
}

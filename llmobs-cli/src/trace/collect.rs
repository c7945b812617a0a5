//! Finding a trace's spans among all records.

use std::collections::{BTreeSet, HashMap, HashSet};

use llmobs_core::{Kind, Record, Timestamp, TraceId};

use super::judged::Judgements;
use super::span::Span;
use super::{MAX_SPANS, Trace};
use crate::tree::Tree;

/// How many spans of all traces are held while it is not known which trace is the newest.
const HELD_SPANS: usize = 20_000;
/// How many traces that were let go are remembered.
const MAX_LET_GO: usize = 1_000_000;

/// Which trace is the newest: that of the call or step that began last.
///
/// Of those that began at the same time, the one that was read last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Newest(Option<(Option<Timestamp>, TraceId)>);

impl Newest {
    /// Takes a record in.
    pub fn add(&mut self, record: &Record) {
        let Some(id) = record.trace_id else { return };
        // A judgement may come days after the call it judges.
        let spans = matches!(record.kind, Kind::Interaction | Kind::Step);
        if spans && self.0.is_none_or(|(newest, _)| newest <= record.timestamp) {
            self.0 = Some((record.timestamp, id));
        }
    }

    /// The newest trace's id; `None` when no record has one.
    pub fn id(&self) -> Option<TraceId> {
        self.0.map(|(_, id)| id)
    }
}

/// Keeps one trace's spans as records go by.
#[derive(Debug)]
pub struct Collector {
    wanted: Option<TraceId>,
    newest: Newest,
    held: HashMap<TraceId, Held>,
    /// The traces that are held, those whose newest span is oldest first.
    by_age: BTreeSet<(Option<Timestamp>, TraceId)>,
    spans: usize,
    /// Traces of which spans were let go; bounded, and then none is known to be whole.
    let_go: HashSet<TraceId>,
}

#[derive(Debug, Default)]
struct Held {
    spans: Vec<Span>,
    latest: Option<Timestamp>,
    judgements: Judgements,
    left_out: u64,
}

impl Collector {
    /// Keeps the trace with this id.
    pub fn of(id: TraceId) -> Self {
        Self { wanted: Some(id), ..Self::newest() }
    }

    /// Keeps the newest trace, where the records can be read only once.
    ///
    /// Until the end any trace may turn out to be the newest: the newest are kept, up to
    /// 20,000 spans in all, and older ones let go.
    pub fn newest() -> Self {
        Self {
            wanted: None,
            newest: Newest::default(),
            held: HashMap::new(),
            by_age: BTreeSet::new(),
            spans: 0,
            let_go: HashSet::new(),
        }
    }

    /// Takes a record in.
    pub fn add(&mut self, record: &Record) {
        let Some(id) = record.trace_id else { return };
        if self.wanted.is_some_and(|wanted| wanted != id) {
            return;
        }
        self.newest.add(record);
        let Some(span) = Span::of(record) else {
            if let Some(held) = self.held.get_mut(&id) {
                held.judgements.add(record);
            }
            return;
        };
        let held = self.held.entry(id).or_default();
        if held.spans.len() >= MAX_SPANS {
            held.left_out += 1;
            return;
        }
        self.by_age.remove(&(held.latest, id));
        held.latest = held.latest.max(span.start);
        self.by_age.insert((held.latest, id));
        held.spans.push(span);
        self.spans += 1;
        self.make_room();
    }

    /// What was kept; `None` when the trace is not there.
    pub fn trace(mut self) -> Option<Trace> {
        let id = self.wanted.or(self.newest.id())?;
        let Held { spans: all, judgements, left_out, .. } = self.held.remove(&id)?;
        let before = all.len();
        let mut spans = without_duplicates(all);
        let evaluations = judgements.settle(&mut spans);
        let start = spans.iter().filter_map(|span| span.start).min();
        let ends = spans.iter().filter_map(|span| {
            Some(span.start?.millis_since(start?) + span.duration_ms.unwrap_or(0.0).max(0.0))
        });
        let duration_ms = ends.max_by(f64::total_cmp);
        Some(Trace {
            id,
            tree: Tree::new(&spans.iter().map(Span::link).collect::<Vec<_>>()),
            start,
            duration_ms,
            duplicates: (before - spans.len()) as u64,
            spans,
            evaluations,
            left_out,
            partial: self.let_go.len() >= MAX_LET_GO || self.let_go.contains(&id),
        })
    }

    fn make_room(&mut self) {
        while self.spans > HELD_SPANS && self.held.len() > 1 {
            let newest = self.newest.id();
            let oldest = self.by_age.iter().find(|(_, id)| Some(*id) != newest).copied();
            let Some(oldest) = oldest else { return };
            self.by_age.remove(&oldest);
            if let Some(held) = self.held.remove(&oldest.1) {
                self.spans -= held.spans.len();
                if self.let_go.len() < MAX_LET_GO {
                    self.let_go.insert(oldest.1);
                }
            }
        }
    }
}

/// The first of each; a sink that retries, or a file named twice, tells of a span twice.
fn without_duplicates(spans: Vec<Span>) -> Vec<Span> {
    let mut seen = HashSet::new();
    spans
        .into_iter()
        .filter(|span| {
            let key = span.request_id.map(|request| (request, span.id));
            key.is_none_or(|key| seen.insert(key))
        })
        .collect()
}

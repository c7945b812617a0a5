//! Traces that wait to be decided on, and what was decided.

use std::collections::{BTreeMap, HashMap};

use super::TailSampling;
use crate::id::TraceId;
use crate::record::{Kind, Record, Sampling};
use crate::redact::withhold;

/// Decisions that are remembered for what comes late, at the least; and at most twice as many.
const DECISIONS: usize = 65_536;
/// The bits of a trace id that are random by W3C Trace Context.
const RANDOM_BITS: u32 = 56;

/// The rules, and the traces they are waiting for.
#[derive(Debug)]
pub(crate) struct Traces {
    rules: TailSampling,
    waiting: HashMap<TraceId, Waiting>,
    /// Waiting traces by when they began, and a number that tells those of one moment apart.
    oldest: BTreeMap<(u64, u64), TraceId>,
    records: usize,
    begun: u64,
    decided: Decisions,
    /// Calls under way, by trace.
    open: HashMap<TraceId, u32>,
}

/// A trace as far as it has come.
#[derive(Debug)]
struct Waiting {
    records: Vec<Record>,
    age: (u64, u64),
    last: u64,
    /// Its root has come.
    rooted: bool,
    /// The first rule that matched.
    rule: Option<usize>,
}

/// What is kept, and why.
#[derive(Clone, Copy, Debug)]
struct Decision {
    rate: f64,
    rule: Option<usize>,
}

/// Two spans of decisions, of which the older is dropped when the newer is full: a single map from which
/// the oldest is taken for each new one would double in size, hours after it has been full.
#[derive(Debug, Default)]
struct Decisions {
    newer: HashMap<TraceId, Option<Decision>>,
    older: HashMap<TraceId, Option<Decision>>,
}

impl Decisions {
    /// What was decided on a trace, if that is still known; `None` inside means that it is not kept.
    fn get(&self, trace: TraceId) -> Option<Option<Decision>> {
        self.newer.get(&trace).or_else(|| self.older.get(&trace)).copied()
    }

    fn remember(&mut self, trace: TraceId, decision: Option<Decision>) {
        if self.newer.len() >= DECISIONS {
            std::mem::swap(&mut self.newer, &mut self.older);
            self.newer.clear();
        }
        self.newer.insert(trace, decision);
    }
}

/// Where what was decided on goes.
pub(crate) trait Decided {
    fn keep(&mut self, record: Record);
    fn refuse(&mut self);
}

impl Traces {
    pub(crate) fn new(rules: TailSampling) -> Self {
        Self {
            rules,
            waiting: HashMap::new(),
            oldest: BTreeMap::new(),
            records: 0,
            begun: 0,
            decided: Decisions::default(),
            open: HashMap::new(),
        }
    }

    /// A call of this trace has begun.
    pub(crate) fn opened(&mut self, trace: TraceId) {
        *self.open.entry(trace).or_default() += 1;
    }

    /// A call of this trace has ended, and its record, if there is one, has been offered.
    pub(crate) fn closed(&mut self, trace: TraceId, out: &mut impl Decided) {
        if let Some(open) = self.open.get_mut(&trace) {
            *open -= 1;
            if *open == 0 {
                self.open.remove(&trace);
            }
        }
        self.decide_if_over(trace, out);
    }

    /// Takes a record, now or when its trace is over.
    pub(crate) fn offer(&mut self, record: Record, now: u64, out: &mut impl Decided) {
        let Some(trace) = record.trace_id.filter(|_| record.kind != Kind::Meta) else {
            out.keep(record);
            return;
        };
        // Each record is shown to all rules: some learn from what they see.
        let mut matched = None;
        for (n, (rule, _)) in self.rules.rules.iter_mut().enumerate() {
            if rule.matches(&record) && matched.is_none() {
                matched = Some(n);
            }
        }
        if let Some(decision) = self.decided.get(trace) {
            match decision {
                Some(decision) => out.keep(self.marked(record, decision)),
                None => out.refuse(),
            }
            return;
        }
        let rooted = record.parent_span_id.is_none() && record.kind != Kind::Evaluation;
        let waiting = self.waiting.entry(trace).or_insert_with(|| {
            self.begun += 1;
            let age = (now, self.begun);
            self.oldest.insert(age, trace);
            Waiting { records: Vec::new(), age, last: now, rooted: false, rule: None }
        });
        waiting.last = now;
        waiting.rooted |= rooted;
        waiting.rule = match (waiting.rule, matched) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
        waiting.records.push(record);
        self.records += 1;
        self.decide_if_over(trace, out);
        while self.records > self.rules.records
            && let Some((_, oldest)) = self.oldest.first_key_value()
        {
            self.decide(*oldest, out);
        }
    }

    /// Decides on traces of which nothing has come for a while, or that have waited too long.
    pub(crate) fn tick(&mut self, now: u64, out: &mut impl Decided) {
        let nanos = |duration: std::time::Duration| duration.as_nanos() as u64;
        let (quiet, longest) = (nanos(self.rules.quiet), nanos(self.rules.longest));
        let over = |(trace, waiting): (&TraceId, &Waiting)| {
            let is_quiet =
                now.saturating_sub(waiting.last) >= quiet && !self.open.contains_key(trace);
            let over = is_quiet || now.saturating_sub(waiting.age.0) >= longest;
            over.then_some((waiting.age, *trace))
        };
        let mut due: Vec<_> = self.waiting.iter().filter_map(over).collect();
        due.sort_unstable();
        for (_, trace) in due {
            self.decide(trace, out);
        }
    }

    /// Decides on all that waits: somebody asked for it.
    pub(crate) fn decide_all(&mut self, out: &mut impl Decided) {
        while let Some((_, oldest)) = self.oldest.first_key_value() {
            self.decide(*oldest, out);
        }
    }

    /// Drops the content of what waits.
    pub(crate) fn forget_content(&mut self) {
        self.waiting.values_mut().flat_map(|waiting| &mut waiting.records).for_each(withhold);
    }

    fn decide_if_over(&mut self, trace: TraceId, out: &mut impl Decided) {
        let rooted = self.waiting.get(&trace).is_some_and(|waiting| waiting.rooted);
        if rooted && !self.open.contains_key(&trace) {
            self.decide(trace, out);
        }
    }

    fn decide(&mut self, trace: TraceId, out: &mut impl Decided) {
        let Some(Waiting { records, age, rule, .. }) = self.waiting.remove(&trace) else { return };
        self.oldest.remove(&age);
        self.records -= records.len();
        let rate = rule.and_then(|n| self.rules.rules.get(n)).map_or(self.rules.rest, |(_, r)| *r);
        let decision = keeps(trace, rate).then_some(Decision { rate, rule });
        self.decided.remember(trace, decision);
        for record in records {
            match decision {
                Some(decision) => out.keep(self.marked(record, decision)),
                None => out.refuse(),
            }
        }
    }

    fn marked(&self, mut record: Record, Decision { rate, rule }: Decision) -> Record {
        let rule = rule.and_then(|n| self.rules.rules.get(n));
        let rule = rule.map(|(rule, _)| rule.name().to_owned());
        record.sampling = Some(Box::new(Sampling { rate, rule }));
        record
    }
}

/// Whether a trace is in this share of all: by the random part of its id, the highest values first, as
/// OpenTelemetry's consistent sampling has it.
fn keeps(trace: TraceId, rate: f64) -> bool {
    let all = 1u64 << RANDOM_BITS;
    let random = trace.get() as u64 & (all - 1);
    let refused = ((1.0 - rate) * all as f64) as u64;
    random >= refused
}

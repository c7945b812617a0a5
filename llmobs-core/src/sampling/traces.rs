//! Traces that wait to be decided on.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::decisions::Decisions;
use super::{TailSampling, TraceVerdict};
use crate::delivery::size;
use crate::id::TraceId;
use crate::record::{Kind, Record, Sampling};
use crate::redact::withhold;

/// The bits of a trace id that are random by W3C Trace Context.
const RANDOM_BITS: u32 = 56;
/// How often all that waits is looked through, at most.
const SWEEP: u64 = 100_000_000;
/// Shortest sleep while something waits.
const NAP: Duration = Duration::from_millis(20);

/// The rules, and the traces they are waiting for.
#[derive(Debug)]
pub(crate) struct Traces {
    rules: TailSampling,
    linger: u64,
    waiting: HashMap<TraceId, Waiting>,
    /// Waiting traces by when they began, and a number that tells those of one moment apart.
    oldest: BTreeMap<(u64, u64), TraceId>,
    records: usize,
    bytes: usize,
    begun: u64,
    swept: u64,
    /// When the clock was last looked at.
    now: u64,
    decided: Decisions<Decision>,
    /// Calls under way, by trace.
    open: HashMap<TraceId, u32>,
}

/// A trace as far as it has come.
#[derive(Debug)]
struct Waiting {
    records: Vec<Record>,
    bytes: usize,
    age: (u64, u64),
    began: u64,
    last: u64,
    /// Its root has come.
    rooted: bool,
    /// The first rule that matched.
    rule: Option<usize>,
}

/// What became of a trace, and why.
#[derive(Clone, Copy, Debug)]
struct Decision {
    kept: bool,
    rate: f64,
    rule: Option<usize>,
}

/// Why a trace is decided on before it is over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    Records,
    Bytes,
    Age,
}

/// Where what was decided on goes.
pub(crate) trait Decided {
    fn keep(&mut self, record: Record);
    fn refuse(&mut self);
    fn decided(&mut self, trace: TraceId, verdict: &TraceVerdict);
    fn early(&mut self, bound: Bound);
}

impl Traces {
    pub(crate) fn new(rules: TailSampling) -> Self {
        Self {
            linger: nanos(rules.lingers()),
            rules,
            waiting: HashMap::new(),
            oldest: BTreeMap::new(),
            records: 0,
            bytes: 0,
            begun: 0,
            swept: 0,
            now: 0,
            decided: Decisions::default(),
            open: HashMap::new(),
        }
    }

    /// How long the worker may sleep.
    pub(crate) fn idle(&self, longest: Duration) -> Duration {
        if self.waiting.is_empty() {
            return longest;
        }
        let linger = Some(Duration::from_nanos(self.linger)).filter(|linger| !linger.is_zero());
        let soonest = linger.map_or(self.rules.quiet, |linger| linger.min(self.rules.quiet));
        (soonest.min(self.rules.longest) / 2).max(NAP).min(longest)
    }

    /// A call of this trace has begun.
    pub(crate) fn opened(&mut self, trace: TraceId) {
        *self.open.entry(trace).or_default() += 1;
    }

    /// A call of this trace has ended, and its record, if there is one, has been offered.
    pub(crate) fn closed(&mut self, trace: TraceId, now: u64, out: &mut impl Decided) {
        if let Some(open) = self.open.get_mut(&trace) {
            *open -= 1;
            if *open == 0 {
                self.open.remove(&trace);
            }
        }
        self.decide_if_over(trace, now, out);
    }

    /// The root of this trace, which is not recorded here, has ended, and all below it.
    pub(crate) fn ended(&mut self, trace: TraceId, now: u64, out: &mut impl Decided) {
        if let Some(decision) = self.decided.of(trace).copied() {
            out.decided(trace, &self.verdict(decision));
            return;
        }
        // Its records may all have been refused, or be on their way.
        self.wait_for(trace, now).rooted = true;
        self.decide_if_over(trace, now, out);
        self.bound(out);
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
        if let Some(decision) = self.decided.of(trace).copied() {
            let decision = self.late(&record, trace, decision, matched);
            self.follow(record, decision, out);
            return;
        }
        let rooted = record.parent_span_id.is_none() && record.kind != Kind::Evaluation;
        let bytes = size(&record);
        let waiting = self.wait_for(trace, now);
        waiting.last = now;
        waiting.rooted |= rooted;
        waiting.rule = match (waiting.rule, matched) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
        waiting.records.push(record);
        waiting.bytes += bytes;
        self.records += 1;
        self.bytes += bytes;
        self.decide_if_over(trace, now, out);
        self.bound(out);
    }

    /// Decides on traces of which nothing has come for a while, or that have waited too long.
    pub(crate) fn tick(&mut self, now: u64, out: &mut impl Decided) {
        if now < std::mem::replace(&mut self.now, now) {
            // A clock that ran backwards: what waits begins to wait anew, not for what is to come.
            self.swept = 0;
            for waiting in self.waiting.values_mut() {
                (waiting.began, waiting.last) = (waiting.began.min(now), waiting.last.min(now));
            }
        }
        if now.saturating_sub(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        let longest = nanos(self.rules.longest);
        let due = self.waiting.iter().filter_map(|(trace, waiting)| {
            let over = self.is_over(*trace, waiting, now);
            let old = now.saturating_sub(waiting.began) >= longest;
            (over || old).then_some((waiting.age, *trace, over))
        });
        let mut due: Vec<_> = due.collect();
        due.sort_unstable();
        for (_, trace, over) in due {
            if !over {
                out.early(Bound::Age);
            }
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

    fn wait_for(&mut self, trace: TraceId, now: u64) -> &mut Waiting {
        self.waiting.entry(trace).or_insert_with(|| {
            self.begun += 1;
            let age = (now, self.begun);
            self.oldest.insert(age, trace);
            Waiting {
                records: Vec::new(),
                bytes: 0,
                age,
                began: now,
                last: now,
                rooted: false,
                rule: None,
            }
        })
    }

    /// Decides on the oldest, until what is left is within the bounds.
    fn bound(&mut self, out: &mut impl Decided) {
        loop {
            let bound = if self.records.max(self.waiting.len()) > self.rules.records {
                Bound::Records
            } else if self.bytes > self.rules.bytes {
                Bound::Bytes
            } else {
                return;
            };
            let Some((_, oldest)) = self.oldest.first_key_value() else { return };
            out.early(bound);
            self.decide(*oldest, out);
        }
    }

    fn is_over(&self, trace: TraceId, waiting: &Waiting, now: u64) -> bool {
        let rooted = waiting.rooted && !waiting.records.is_empty();
        let pause = if rooted { self.linger } else { nanos(self.rules.quiet) };
        now.saturating_sub(waiting.last) >= pause && !self.open.contains_key(&trace)
    }

    fn decide_if_over(&mut self, trace: TraceId, now: u64, out: &mut impl Decided) {
        let waiting = self.waiting.get(&trace).filter(|waiting| waiting.rooted);
        if waiting.is_some_and(|waiting| self.is_over(trace, waiting, now)) {
            self.decide(trace, out);
        }
    }

    fn decide(&mut self, trace: TraceId, out: &mut impl Decided) {
        let Some(Waiting { records, bytes, age, rule, .. }) = self.waiting.remove(&trace) else {
            return;
        };
        self.oldest.remove(&age);
        self.records -= records.len();
        self.bytes -= bytes;
        if records.is_empty() {
            out.decided(trace, &TraceVerdict::Unknown);
            return;
        }
        let decision = self.by_rule(trace, rule);
        self.decided.remember(trace, decision);
        for record in records {
            self.follow(record, decision, out);
        }
        out.decided(trace, &self.verdict(decision));
    }

    fn by_rule(&self, trace: TraceId, rule: Option<usize>) -> Decision {
        let rate = rule.and_then(|n| self.rules.rules.get(n)).map_or(self.rules.rest, |(_, r)| *r);
        Decision { kept: self.keeps(trace, rate), rate, rule }
    }

    /// What becomes of a record whose trace has been decided on.
    fn late(&self, record: &Record, trace: TraceId, of: Decision, rule: Option<usize>) -> Decision {
        if record.kind != Kind::Evaluation || rule.is_none() {
            return of;
        }
        // Shares are taken by the same number, so that what is in the smaller is in the larger, too:
        // the judgement is there as often as the larger of the two says.
        let own = self.by_rule(trace, rule);
        if own.rate > of.rate { own } else { of }
    }

    fn follow(&self, mut record: Record, decision: Decision, out: &mut impl Decided) {
        if decision.kept {
            record.sampling = Some(Box::new(self.sampling(decision)));
            out.keep(record);
        } else {
            out.refuse();
        }
    }

    fn sampling(&self, Decision { rate, rule, .. }: Decision) -> Sampling {
        let rule = rule.and_then(|n| self.rules.rules.get(n));
        Sampling { rate, rule: rule.map(|(rule, _)| rule.name().to_owned()) }
    }

    fn verdict(&self, decision: Decision) -> TraceVerdict {
        match decision.kept {
            true => TraceVerdict::Kept(self.sampling(decision)),
            false => TraceVerdict::LeftOut,
        }
    }

    /// Whether a trace is in this share of all, the same everywhere.
    fn keeps(&self, trace: TraceId, rate: f64) -> bool {
        let all = 1u64 << RANDOM_BITS;
        let id = if self.rules.by_trace_id { trace.get() as u64 } else { mixed(trace.get()) };
        let refused = ((1.0 - rate) * all as f64) as u64;
        id & (all - 1) >= refused
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A hash that is the same everywhere, for good, as services agree by it; each bit of it depends on each of the id's.
fn mixed(id: u128) -> u64 {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    mix(mix((id >> 64) as u64).wrapping_add(id as u64).wrapping_add(0x9e37_79b9_7f4a_7c15))
}

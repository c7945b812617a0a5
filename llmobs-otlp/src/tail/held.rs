//! Spans that wait for what becomes of their trace.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use llmobs_core::{Decisions, Sampling, TraceId, TraceVerdict};
use opentelemetry_sdk::trace::SpanData;

use super::Bounds;
use super::link::Link;

/// The traces under way.
#[derive(Debug, Default)]
pub(super) struct Held {
    traces: HashMap<TraceId, Trace>,
    /// By when they began, and a number that tells those of one moment apart.
    oldest: BTreeMap<(u64, u64), TraceId>,
    spans: usize,
    bytes: usize,
    begun: u64,
    /// What is remembered of traces for their late spans.
    decided: Decisions<Fate>,
}

#[derive(Debug)]
struct Trace {
    /// Spans that have begun and not ended.
    open: u32,
    spans: Vec<SpanData>,
    bytes: usize,
    age: (u64, u64),
    /// The recorder that takes part.
    part: Option<Arc<Link>>,
    /// It has been told that the trace is over.
    asked: bool,
}

/// What became of a trace.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    Kept(Sampling),
    LeftOut,
    /// Nobody decided in time, or at all.
    Passed(Cause),
}

/// Why spans went on without a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// No recorder took part in the trace, or decides any more.
    NoPart,
    TooMany,
    TooLarge,
    TooOld,
    /// The provider was flushed or shut down.
    Flushed,
}

/// Spans on their way out.
#[derive(Debug)]
pub(super) struct Release {
    pub(super) spans: Vec<SpanData>,
    pub(super) fate: Fate,
}

/// What is to be done outside the lock.
#[derive(Debug, Default)]
pub(super) struct Next {
    pub(super) release: Vec<Release>,
    /// Whom to tell that the trace is over.
    pub(super) ask: Option<Arc<Link>>,
}

impl Next {
    fn of(spans: Vec<SpanData>, fate: Fate) -> Self {
        Self { release: vec![Release { spans, fate }], ask: None }
    }
}

impl Held {
    /// A span begins, of a trace that somebody may decide on.
    pub(super) fn started(&mut self, trace: TraceId, now: u64, bounds: &Bounds) -> Next {
        if self.decided.of(trace).is_some() {
            return Next::default();
        }
        let entry = self.traces.entry(trace).or_insert_with(|| {
            self.begun += 1;
            let age = (now, self.begun);
            self.oldest.insert(age, trace);
            Trace { open: 0, spans: Vec::new(), bytes: 0, age, part: None, asked: false }
        });
        entry.open = entry.open.saturating_add(1);
        Next { release: self.bound(now, bounds), ask: None }
    }

    pub(super) fn part(&mut self, trace: TraceId, link: &Arc<Link>) {
        if let Some(trace) = self.traces.get_mut(&trace) {
            trace.part.get_or_insert_with(|| Arc::clone(link));
        }
    }

    /// A span has ended.
    pub(super) fn ended(
        &mut self,
        trace: TraceId,
        span: SpanData,
        bytes: usize,
        now: u64,
        bounds: &Bounds,
    ) -> Next {
        if let Some(fate) = self.decided.of(trace) {
            return Next::of(vec![span], fate.clone());
        }
        let Some(entry) = self.traces.get_mut(&trace) else {
            // It began when nobody decided.
            return Next::of(vec![span], Fate::Passed(Cause::NoPart));
        };
        entry.open = entry.open.saturating_sub(1);
        entry.spans.push(span);
        entry.bytes += bytes;
        self.spans += 1;
        self.bytes += bytes;
        let mut next = Next::default();
        if entry.open == 0 {
            match &entry.part {
                Some(link) if !entry.asked => {
                    next.ask = Some(Arc::clone(link));
                    entry.asked = true;
                }
                Some(_) => {}
                None => next.release.extend(self.take(trace, Fate::Passed(Cause::NoPart))),
            }
        }
        next.release.extend(self.bound(now, bounds));
        next
    }

    /// A decision of the recorder that takes part.
    pub(super) fn decide(
        &mut self,
        trace: TraceId,
        verdict: &TraceVerdict,
        link: &Arc<Link>,
    ) -> Option<Release> {
        let entry = self.traces.get_mut(&trace)?;
        if !entry.part.as_ref().is_some_and(|part| Arc::ptr_eq(part, link)) {
            return None;
        }
        let fate = match verdict {
            TraceVerdict::Kept(sampling) => Fate::Kept(sampling.clone()),
            TraceVerdict::LeftOut => Fate::LeftOut,
            // It goes on: there may be something to decide on yet.
            TraceVerdict::Unknown if entry.open > 0 => {
                entry.asked = false;
                return None;
            }
            TraceVerdict::Unknown => return self.take(trace, Fate::Passed(Cause::NoPart)),
        };
        self.decided.remember(trace, fate.clone());
        self.take(trace, fate)
    }

    /// Nobody will decide on a trace that is over.
    pub(super) fn give_up(&mut self, trace: TraceId) -> Option<Release> {
        self.take(trace, Fate::Passed(Cause::NoPart))
    }

    /// What has ended and would wait for a decision of this recorder's.
    pub(super) fn over(&mut self, link: &Arc<Link>) -> Vec<Release> {
        let mut over = Vec::new();
        for id in self.oldest.values() {
            let trace = self.traces.get_mut(id);
            let of = |trace: &&mut Trace| {
                trace.part.as_ref().is_some_and(|part| Arc::ptr_eq(part, link))
            };
            match trace.filter(of) {
                Some(trace) if trace.open == 0 => over.push(*id),
                // It asks once more at its end, and is told so.
                Some(trace) => trace.asked = false,
                None => {}
            }
        }
        over.into_iter().filter_map(|trace| self.give_up(trace)).collect()
    }

    /// Everything; what ends later of these traces goes the same way.
    pub(super) fn take_all(&mut self) -> Vec<Release> {
        let mut all = Vec::new();
        while let Some((_, oldest)) = self.oldest.first_key_value() {
            all.extend(self.pass(*oldest, Cause::Flushed));
        }
        all
    }

    /// What is over the bounds, the oldest traces first.
    pub(super) fn bound(&mut self, now: u64, bounds: &Bounds) -> Vec<Release> {
        let mut out = Vec::new();
        while let Some((age, oldest)) = self.oldest.first_key_value() {
            let cause = if now.saturating_sub(age.0) >= bounds.age {
                Cause::TooOld
            } else if self.spans.max(self.traces.len()) > bounds.spans {
                Cause::TooMany
            } else if self.bytes > bounds.bytes {
                Cause::TooLarge
            } else {
                break;
            };
            out.extend(self.pass(*oldest, cause));
        }
        out
    }

    fn pass(&mut self, trace: TraceId, cause: Cause) -> Option<Release> {
        self.decided.remember(trace, Fate::Passed(cause));
        self.take(trace, Fate::Passed(cause))
    }

    fn take(&mut self, trace: TraceId, fate: Fate) -> Option<Release> {
        let Trace { spans, bytes, age, .. } = self.traces.remove(&trace)?;
        self.oldest.remove(&age);
        self.spans -= spans.len();
        self.bytes -= bytes;
        Some(Release { spans, fate })
    }
}

/// About how much memory a span takes.
pub(super) fn size(span: &SpanData) -> usize {
    let text = |name: &str| 48 + name.len();
    let attributes = |all: &[opentelemetry::KeyValue]| -> usize {
        all.iter().map(|one| text(one.key.as_str()) + value(&one.value)).sum()
    };
    let events = span.events.iter().map(|it| text(&it.name) + attributes(&it.attributes));
    let links = span.links.iter().map(|it| 96 + attributes(&it.attributes));
    size_of::<SpanData>()
        + span.name.len()
        + attributes(&span.attributes)
        + events.chain(links).sum::<usize>()
}

fn value(of: &opentelemetry::Value) -> usize {
    use opentelemetry::{Array, Value};
    match of {
        Value::String(text) => 24 + text.as_str().len(),
        Value::Array(Array::String(all)) => all.iter().map(|text| 24 + text.as_str().len()).sum(),
        Value::Array(Array::I64(all)) => 24 + 8 * all.len(),
        Value::Array(Array::F64(all)) => 24 + 8 * all.len(),
        Value::Array(Array::Bool(all)) => 24 + all.len(),
        _ => 24,
    }
}

//! What belongs together below one step: the calls of an agent, the attempts of a fallback.
//!
//! A step's record is to sum up what happened below it, streams included that are still read when
//! the step's function has returned. So callers only count (which attempt is this?), and the worker
//! adds up, and holds the step's record back until the last call below it has ended.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::id::SpanId;
use crate::queue::lock;
use crate::record::{Cost, Failure, Kind, Outcome, Record, StepKind, Term, Totals};
use crate::semconv::operation;

/// What one step sums up.
pub(crate) struct Group {
    /// Names it among the worker's steps.
    pub(crate) number: u64,
    pub(crate) span_id: SpanId,
    kind: StepKind,
    parent: Option<Arc<Group>>,
    /// The agent's, for the tools below it.
    name: Mutex<Cow<'static, str>>,
    /// Calls begun right below.
    begun: AtomicU32,
    sums: Mutex<Sums>,
}

/// What the worker knows of a group.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    /// Calls under way.
    open: u64,
    pub(crate) totals: Totals,
    /// The attempt that was begun last.
    pub(crate) last: Option<Answered>,
}

/// What one attempt came to.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) attempt: u32,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) error: Option<Box<Failure>>,
    pub(crate) provider: Option<Term>,
    pub(crate) model: Option<String>,
    pub(crate) model_version: Option<String>,
}

impl Group {
    /// A group for a step that sums up; `None` for the other kinds.
    pub(crate) fn of(
        kind: StepKind,
        agent: impl FnOnce() -> Cow<'static, str>,
        number: impl FnOnce() -> u64,
        span_id: SpanId,
        parent: Option<&Arc<Self>>,
    ) -> Option<Arc<Self>> {
        let sums_up = matches!(kind, StepKind::Agent | StepKind::Workflow | StepKind::Fallback);
        sums_up.then(|| {
            Arc::new(Self {
                number: number(),
                span_id,
                kind,
                parent: parent.cloned(),
                name: Mutex::new(if kind == StepKind::Agent { agent() } else { "".into() }),
                begun: AtomicU32::new(0),
                sums: Mutex::default(),
            })
        })
    }

    pub(crate) fn parent(&self) -> Option<&Arc<Self>> {
        self.parent.as_ref()
    }

    /// The agent was told its name.
    pub(crate) fn rename(&self, name: String) {
        *lock(&self.name) = name.into();
    }

    /// Name of the innermost agent, this one or around.
    pub(crate) fn agent(self: &Arc<Self>) -> Option<String> {
        let agent = chain(Some(self)).find(|group| group.kind == StepKind::Agent)?;
        Some(lock(&agent.name).to_string())
    }

    /// Which attempt a call that begins right below is, counted from 1; `None` where calls are none.
    pub(crate) fn next_attempt(&self) -> Option<u32> {
        let counts = self.kind == StepKind::Fallback;
        counts.then(|| self.begun.fetch_add(1, Ordering::Relaxed).saturating_add(1))
    }

    /// A call below has begun.
    pub(crate) fn opened(&self) {
        lock(&self.sums).open += 1;
    }

    /// A call below has ended; `record` is absent when it was lost. `near` says that no other group
    /// lies between. Tells whether nothing is under way any more.
    pub(crate) fn closed(&self, record: Option<&Record>, attempt: Option<u32>, near: bool) -> bool {
        let mut sums = lock(&self.sums);
        sums.open = sums.open.saturating_sub(1);
        if let Some(record) = record {
            add_call(&mut sums.totals, record, near && self.kind != StepKind::Fallback);
            if let Some(attempt) = attempt.filter(|_| near)
                && sums.last.as_ref().is_none_or(|last| last.attempt < attempt)
            {
                sums.last = Some(Answered::of(attempt, record));
            }
        }
        sums.open == 0
    }

    /// A step below has ended.
    pub(crate) fn step(&self, kind: StepKind, near: bool) {
        let totals = &mut lock(&self.sums).totals;
        match kind {
            StepKind::Tool => totals.tools += 1,
            StepKind::Agent => totals.agents += 1,
            // However many models were asked, it was one turn.
            StepKind::Fallback if near => totals.turns += 1,
            _ => {}
        }
    }

    /// Whether calls below are under way.
    pub(crate) fn is_open(&self) -> bool {
        lock(&self.sums).open > 0
    }

    /// What has been summed up, once nothing is under way any more.
    pub(crate) fn take(&self) -> Sums {
        std::mem::take(&mut *lock(&self.sums))
    }
}

/// A group and those around it, the innermost first.
pub(crate) fn chain(innermost: Option<&Arc<Group>>) -> impl Iterator<Item = &Arc<Group>> {
    std::iter::successors(innermost, |group| group.parent())
}

fn add_call(totals: &mut Totals, record: &Record, near: bool) {
    totals.calls += 1;
    totals.failed += u64::from(record.outcome == Some(Outcome::Failed));
    totals.tool_calls += record.tool_calls.len() as u64;
    let operation = record.operation.as_deref();
    // The one tells the usage of a call that has been counted already, the other has none.
    if let Some(operation::FETCH_RESPONSE | operation::API_CALL) = operation {
        return;
    }
    let generates = matches!(
        operation,
        Some(operation::CHAT | operation::TEXT_COMPLETION | operation::GENERATE_CONTENT)
    );
    totals.turns += u64::from(near && generates);
    add_cost(totals, record.cost.as_deref());
    match (record.input_tokens, record.output_tokens) {
        (None, None) => totals.uncounted += 1,
        (input, output) => {
            let sum = |sum: &mut u64, more: Option<u64>| {
                *sum = sum.saturating_add(more.unwrap_or_default());
            };
            sum(&mut totals.input_tokens, input);
            sum(&mut totals.output_tokens, output);
        }
    }
}

fn add_cost(totals: &mut Totals, cost: Option<&Cost>) {
    let sum = cost.and_then(|cost| match (totals.cost, &totals.currency) {
        (Some(sum), Some(currency)) if *currency == cost.currency => sum.checked_add(cost.total),
        (None, _) => Some(cost.total),
        _ => None,
    });
    match (sum, cost) {
        (Some(sum), Some(cost)) => {
            (totals.cost, totals.currency) = (Some(sum), Some(cost.currency.clone()));
        }
        _ => totals.unpriced += 1,
    }
}

impl Answered {
    fn of(attempt: u32, record: &Record) -> Self {
        debug_assert_eq!(record.kind, Kind::Interaction, "only calls are attempts");
        Self {
            attempt,
            outcome: record.outcome,
            error: record.error.clone(),
            provider: record.provider.clone(),
            model: record.model.clone(),
            model_version: record.model_version.clone(),
        }
    }
}

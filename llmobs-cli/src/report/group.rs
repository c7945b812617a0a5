//! The calls of one model with one prompt version.

use llmobs_core::{Outcome, Record};

use super::distribution::Distribution;
use crate::cost::{Costs, cost_of, is_billed};
use crate::text::clean;

/// What calls are grouped by; absent is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) model: Option<String>,
    pub(super) prompt: Option<String>,
}

impl Key {
    pub(super) fn of(record: &Record) -> Self {
        Self { model: model(record), prompt: prompt(record) }
    }
}

/// The exact model that answered, else the one asked for, else its deployment.
pub(crate) fn model(record: &Record) -> Option<String> {
    let asked = record.model.as_deref().or(record.deployment.as_deref());
    record.model_version.as_deref().or(asked).map(clean)
}

/// The prompt as `name@version`.
pub(crate) fn prompt(record: &Record) -> Option<String> {
    let prompt = record.prompt.as_ref()?;
    let name = clean(&prompt.name);
    Some(match &prompt.version {
        Some(version) => format!("{name}@{}", clean(version)),
        None => name,
    })
}

/// Counts, latencies, tokens and costs of some calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) calls: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
    pub(super) dropped: u64,
    pub(super) interrupted: u64,
    pub(super) unfinished: u64,
    pub(super) unknown_outcome: u64,
    pub(super) ttft: Distribution,
    pub(super) tpot: Distribution,
    pub(super) total_latency: Distribution,
    pub(super) input: Tokens,
    pub(super) output: Tokens,
    pub(super) without_usage: u64,
    pub(super) inconsistent_usage: u64,
    pub(super) costs: Costs,
}

/// Tokens of the calls that reported them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tokens {
    pub(super) sum: u64,
    pub(super) calls: u64,
}

impl Tokens {
    fn add(&mut self, tokens: Option<u64>) {
        if let Some(tokens) = tokens {
            self.sum = self.sum.saturating_add(tokens);
            self.calls += 1;
        }
    }

    /// `None` when no call reported any.
    pub(super) fn known(self) -> Option<Self> {
        (self.calls > 0).then_some(self)
    }
}

impl Group {
    pub(super) fn add(&mut self, record: &Record) {
        self.calls += 1;
        *match record.outcome {
            Some(Outcome::Completed) => &mut self.completed,
            Some(Outcome::Failed) => &mut self.failed,
            Some(Outcome::Dropped) => &mut self.dropped,
            Some(Outcome::Interrupted) => &mut self.interrupted,
            Some(Outcome::Unfinished) => &mut self.unfinished,
            _ => &mut self.unknown_outcome,
        } += 1;
        self.latencies(record);
        self.tokens(record);
        if is_billed(record) {
            self.costs.add(cost_of(record).as_ref());
        }
    }

    /// Neither interrupted nor still open is a way to complete.
    pub(super) fn cut_off(&self) -> u64 {
        self.interrupted + self.unfinished
    }

    fn latencies(&mut self, record: &Record) {
        let completed = record.outcome == Some(Outcome::Completed);
        let dropped = record.outcome == Some(Outcome::Dropped);
        if let Some(ms) = record.ttft_ms.filter(|_| !dropped) {
            self.ttft.add(ms);
        }
        if let Some(ms) = record.tpot_ms.filter(|_| completed) {
            self.tpot.add(ms);
        }
        if let Some(ms) = record.total_latency_ms.filter(|_| completed) {
            self.total_latency.add(ms);
        }
    }

    fn tokens(&mut self, record: &Record) {
        if record.usage.as_ref().is_some_and(|usage| usage.inconsistent) {
            // Such counts are kept as reported, and nothing may be derived from them.
            self.inconsistent_usage += 1;
        } else if record.input_tokens.is_none() && record.output_tokens.is_none() {
            self.without_usage += 1;
        } else {
            self.input.add(record.input_tokens);
            self.output.add(record.output_tokens);
        }
    }
}

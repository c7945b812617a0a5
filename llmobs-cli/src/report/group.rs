//! The calls that have something in common.

use std::collections::BTreeMap;

use llmobs_core::{Outcome, Record};

use super::by::is_text_generation;
use super::distribution::Distribution;
use crate::cost::{Costs, cost_of, is_billed};

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
    /// Failed calls by the class of their error, where it is known.
    pub(super) errors: BTreeMap<&'static str, u64>,
    pub(super) text_generation: u64,
    /// Of text generation alone, where there is any: an embedding is no fast answer.
    pub(super) latencies: Latencies,
    pub(super) input: Tokens,
    pub(super) output: Tokens,
    pub(super) without_usage: u64,
    pub(super) inconsistent_usage: u64,
    pub(super) costs: Costs,
}

/// What calls took, in milliseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies {
    pub(super) ttft: Distribution,
    pub(super) tpot: Distribution,
    pub(super) total: Distribution,
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
        self.count(record);
        if is_text_generation(record) {
            if self.text_generation == 0 {
                self.latencies = Latencies::default();
            }
            self.text_generation += 1;
            self.latencies.add(record);
        } else if self.text_generation == 0 {
            self.latencies.add(record);
        }
        self.tokens(record);
        if is_billed(record) {
            self.costs.add(cost_of(record).as_ref());
        }
    }

    /// Takes a step in: tokens and costs are the calls'.
    pub(super) fn add_step(&mut self, record: &Record) {
        self.count(record);
        self.latencies.add(record);
    }

    fn count(&mut self, record: &Record) {
        self.calls += 1;
        *match record.outcome {
            Some(Outcome::Completed) => &mut self.completed,
            Some(Outcome::Failed) => &mut self.failed,
            Some(Outcome::Dropped) => &mut self.dropped,
            Some(Outcome::Interrupted) => &mut self.interrupted,
            Some(Outcome::Unfinished) => &mut self.unfinished,
            _ => &mut self.unknown_outcome,
        } += 1;
        if let Some(class) = record.error.as_ref().and_then(|error| error.class) {
            *self.errors.entry(class.as_str()).or_default() += 1;
        }
    }

    /// Whether calls are left out of the percentiles for being no text generation.
    pub(super) fn is_mixed(&self) -> bool {
        (1..self.calls).contains(&self.text_generation)
    }

    /// Neither interrupted nor still open is a way to complete.
    pub(super) fn cut_off(&self) -> u64 {
        self.interrupted + self.unfinished
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

impl Latencies {
    fn add(&mut self, record: &Record) {
        let completed = record.outcome == Some(Outcome::Completed);
        let dropped = record.outcome == Some(Outcome::Dropped);
        if let Some(ms) = record.ttft_ms.filter(|_| !dropped) {
            self.ttft.add(ms);
        }
        if let Some(ms) = record.tpot_ms.filter(|_| completed) {
            self.tpot.add(ms);
        }
        if let Some(ms) = record.total_latency_ms.filter(|_| completed) {
            self.total.add(ms);
        }
    }
}

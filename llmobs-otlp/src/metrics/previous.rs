//! What the conventions of August 2026 alone have.

use llmobs_core::Record;
use llmobs_core::semconv::{attribute, buckets, metric};
use opentelemetry::metrics::Histogram;

use super::bounded::{Bounded, Maker};
use super::instruments::{Chunks, SECONDS, TOKENS};
use super::labels::{Labels, and};

pub(super) struct Previous {
    pub(super) workflow: Bounded<Histogram<f64>>,
    pub(super) chunks: Chunks,
    tokens: Bounded<Histogram<u64>>,
}

impl Previous {
    pub(super) fn new(make: Maker<'_>) -> Self {
        Self {
            workflow: make.histogram(
                metric::PREVIOUS_WORKFLOW_DURATION,
                SECONDS,
                "Duration of a workflow's run.",
                buckets::WORKFLOW_SECONDS,
            ),
            chunks: Chunks::new(
                make,
                metric::PREVIOUS_TIME_TO_FIRST_CHUNK,
                metric::PREVIOUS_TIME_PER_OUTPUT_CHUNK,
            ),
            tokens: make.sizes(
                metric::PREVIOUS_TOKEN_USAGE,
                TOKENS,
                "Input and output tokens of a call.",
                buckets::TOKENS,
            ),
        }
    }

    pub(super) fn usage(&mut self, record: &Record, labels: &Labels) {
        let counts = [("input", record.input_tokens), ("output", record.output_tokens)];
        for (kind, tokens) in counts.into_iter().filter(|(_, tokens)| tokens.is_some()) {
            let labels = and(labels.detailed(), attribute::PREVIOUS_TOKEN_TYPE, kind);
            self.tokens.record(tokens, &labels);
        }
    }
}

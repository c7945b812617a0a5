//! What the conventions do not have.

use llmobs_core::Record;
use llmobs_core::semconv::{attribute, buckets, metric};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};

use super::bounded::{Bounded, Maker};
use super::instruments::SECONDS;
use super::labels::{Labels, and, clock, incomplete, label};

pub(super) struct Ours {
    first_token: Bounded<Histogram<f64>>,
    output_token: Bounded<Histogram<f64>>,
    queue_time: Bounded<Histogram<f64>>,
    retries: Bounded<Counter<u64>>,
    incomplete: Bounded<Counter<u64>>,
    cache_hit: Bounded<Histogram<f64>>,
    cost: Bounded<Counter<f64>>,
    unpriced: Bounded<Counter<u64>>,
}

impl Ours {
    pub(super) fn new(make: Maker<'_>) -> Self {
        Self {
            first_token: make.histogram(
                metric::LLMOBS_TIME_TO_FIRST_TOKEN,
                SECONDS,
                "Call issued to first token of the answer.",
                buckets::SECONDS,
            ),
            output_token: make.histogram(
                metric::LLMOBS_TIME_PER_OUTPUT_TOKEN,
                SECONDS,
                "Time per output token after the first.",
                buckets::TOKEN_SECONDS,
            ),
            queue_time: make.histogram(
                metric::LLMOBS_QUEUE_TIME,
                SECONDS,
                "Call issued to last attempt sent: limiters, retries, back-off.",
                buckets::SECONDS,
            ),
            retries: make.counter(
                metric::LLMOBS_RETRIES,
                "{attempt}",
                "HTTP requests beyond the first of a call.",
            ),
            incomplete: make.counter(
                metric::LLMOBS_INCOMPLETE_CALLS,
                "{call}",
                "Calls that ended before their answer did, without an error that was told.",
            ),
            cache_hit: make.histogram(
                metric::LLMOBS_CACHE_HIT,
                "1",
                "Share of a call's input tokens that came from the provider's cache.",
                buckets::SHARES,
            ),
            // The currency is an attribute: a unit says what is counted, and is the same for all.
            cost: make.amount(metric::LLMOBS_COST, "{currency_unit}", "What calls cost."),
            unpriced: make.counter(
                metric::LLMOBS_UNPRICED,
                "{call}",
                "Calls of which it is not known what they cost.",
            ),
        }
    }

    /// What any call adds; `billed` says that calls of its kind are paid for one by one.
    pub(super) fn call(&mut self, record: &Record, labels: &Labels, billed: bool) {
        let common = labels.common();
        self.cost(record, common, billed);
        if let Some(outcome) = incomplete(record) {
            let labels = and(common, attribute::LLMOBS_OUTCOME, outcome.as_str());
            self.incomplete.add(1, &labels);
        }
        if clock(record).is_none() {
            let queued = record.latency.as_ref().and_then(|latency| latency.queue_ms);
            self.queue_time.millis(queued, common);
        }
        // What was tried again is each attempt but the last; only the first few are told of.
        let retried = record.attempts.unwrap_or_default().saturating_sub(1) as usize;
        let told = record.attempt_details.iter().take(retried);
        let mut untold = retried as u64;
        for class in told.filter_map(|attempt| attempt.error.as_ref()?.class) {
            let labels = and(common, attribute::LLMOBS_ERROR_CLASS, class.as_str());
            self.retries.add(1, &labels);
            untold = untold.saturating_sub(1);
        }
        if untold > 0 {
            self.retries.add(untold, common);
        }
    }

    fn cost(&mut self, record: &Record, common: &[KeyValue], billed: bool) {
        match &record.cost {
            Some(cost) => {
                let labels = and(common, attribute::LLMOBS_COST_CURRENCY, label(&cost.currency));
                self.cost.add(cost.total.units(), &labels);
            }
            None if billed => self.unpriced.add(1, common),
            // Reading a stored answer, a list of models or a moderation: there is nothing to price.
            None => {}
        }
    }

    /// The pace of an answer, with labels that say by which clock.
    pub(super) fn stream(&mut self, record: &Record, labels: &[KeyValue]) {
        self.first_token.millis(record.ttft_ms, labels);
        self.output_token.millis(record.tpot_ms, labels);
    }

    /// How much of the input the provider had already; of counts that do not contradict each other.
    pub(super) fn cache(&mut self, record: &Record, labels: &Labels) {
        let read = record.usage.as_ref().and_then(|usage| usage.cache_read_tokens);
        if let (Some(read), Some(input)) = (read, record.input_tokens)
            && read <= input
            && input > 0
        {
            self.cache_hit.record(read as f64 / input as f64, labels.common());
        }
    }
}

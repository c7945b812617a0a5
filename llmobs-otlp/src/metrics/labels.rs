//! What the metrics of a call are told apart by.
//!
//! Nothing that is different each time, and nothing of the application's: prompts, users and sessions
//! are in the records.

use std::sync::Arc;

use llmobs_core::semconv::{attribute, provider};
use llmobs_core::{LatencyClock, Outcome, Record};
use opentelemetry::{Key, KeyValue, StringValue, Value};

use crate::span::error_type;

/// Longest label, in bytes: a name that somebody sends is kept for as long as the process runs.
const LONGEST: usize = 256;

/// The labels of one call.
pub(super) struct Labels {
    all: Vec<KeyValue>,
    /// How many of them every metric has; the others are what OpenAI adds to some.
    common: usize,
}

impl Labels {
    pub(super) fn of(record: &Record) -> Self {
        let mut all = Vec::with_capacity(10);
        term(&mut all, attribute::OPERATION_NAME, record.operation.as_ref());
        term(&mut all, attribute::PROVIDER_NAME, record.provider.as_ref());
        text(&mut all, attribute::REQUEST_MODEL, crate::span::call::model(record));
        text(&mut all, attribute::RESPONSE_MODEL, record.model_version.as_ref());
        if let Some(server) = &record.server {
            all.push(KeyValue::new(attribute::SERVER_ADDRESS, label(&server.address)));
            if let Some(port) = server.port {
                all.push(KeyValue::new(attribute::SERVER_PORT, i64::from(port)));
            }
        }
        let common = all.len();
        if record.provider.as_deref() == Some(provider::OPENAI) {
            text(&mut all, attribute::OPENAI_RESPONSE_SERVICE_TIER, record.service_tier.as_ref());
            let fingerprint = record.system_fingerprint.as_ref();
            text(&mut all, attribute::OPENAI_SYSTEM_FINGERPRINT, fingerprint);
        }
        Self { all, common }
    }

    /// What every metric of the call has.
    pub(super) fn common(&self) -> &[KeyValue] {
        self.all.get(..self.common).unwrap_or_default()
    }

    /// The same, and what OpenAI adds to durations and token counts.
    pub(super) fn detailed(&self) -> &[KeyValue] {
        &self.all
    }
}

/// `base` and one more.
pub(super) fn and(base: &[KeyValue], key: &'static str, value: impl Into<Value>) -> Vec<KeyValue> {
    let mut all = Vec::with_capacity(base.len() + 1);
    all.extend_from_slice(base);
    all.push(KeyValue::new(key, value));
    all
}

/// Says of times that they were taken where the application reads the answer, which a slow reader
/// makes late: they are never in one point with times of the wire.
pub(super) fn clocked(mut labels: Vec<KeyValue>, record: &Record) -> Vec<KeyValue> {
    if let Some(clock) = clock(record) {
        labels.push(KeyValue::new(attribute::LLMOBS_LATENCY_CLOCK, clock.as_str()));
    }
    labels
}

pub(super) fn clock(record: &Record) -> Option<LatencyClock> {
    record.latency.as_ref().and_then(|latency| latency.clock)
}

/// How the operation ended: what was neither completed nor failed has a label of its own, so that
/// calls somebody dropped can be kept out of the percentiles.
pub(super) fn ended(mut labels: Vec<KeyValue>, record: &Record) -> Vec<KeyValue> {
    if let Some(kind) = error_type(record) {
        labels.push(KeyValue::new(attribute::ERROR_TYPE, label(&kind)));
    }
    if let Some(outcome) = incomplete(record) {
        labels.push(KeyValue::new(attribute::LLMOBS_OUTCOME, outcome.as_str()));
    }
    labels
}

/// The outcome of what was neither completed nor failed.
pub(super) fn incomplete(record: &Record) -> Option<Outcome> {
    let usual = [Outcome::Completed, Outcome::Failed];
    record.outcome.filter(|outcome| !usual.contains(outcome))
}

pub(super) fn text(labels: &mut Vec<KeyValue>, key: &'static str, value: Option<&String>) {
    if let Some(value) = value {
        labels.push(KeyValue::new(Key::from_static_str(key), label(value)));
    }
}

pub(super) fn term(
    labels: &mut Vec<KeyValue>,
    key: &'static str,
    value: Option<&llmobs_core::Term>,
) {
    match value {
        Some(llmobs_core::Term::Borrowed(known)) => labels.push(KeyValue::new(key, *known)),
        Some(llmobs_core::Term::Owned(sent)) => labels.push(KeyValue::new(key, label(sent))),
        None => {}
    }
}

/// Counted by reference: each of a call's instruments has the same ones.
pub(super) fn label(text: &str) -> StringValue {
    let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    let end = end.unwrap_or_default();
    StringValue::from(Arc::<str>::from(text.get(..end).unwrap_or_default()))
}

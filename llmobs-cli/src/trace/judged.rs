//! What was found of a span.

use std::collections::HashMap;

use llmobs_core::{Kind, Record, SpanId};
use serde::Serialize;

use super::MAX_SPANS;
use super::span::Span;
use crate::text::clean;

/// How many judgements of one span are told.
const EACH: usize = 8;

/// One judgement.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Judged {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
}

/// Judgements of a trace's spans, which may be told of before the spans are.
#[derive(Debug, Default)]
pub(super) struct Judgements {
    count: u64,
    by_span: HashMap<SpanId, Vec<Judged>>,
}

impl Judgements {
    /// Takes a record in, where it is a judgement.
    pub(super) fn add(&mut self, record: &Record) {
        if record.kind != Kind::Evaluation {
            return;
        }
        self.count += 1;
        let (Some(id), Some(judged)) = (record.span_id, Judged::of(record)) else { return };
        if self.by_span.len() < MAX_SPANS || self.by_span.contains_key(&id) {
            let known = self.by_span.entry(id).or_default();
            if known.len() < EACH {
                known.push(judged);
            }
        }
    }

    /// Hands them to the spans they are of, and says how many there were.
    pub(super) fn settle(mut self, spans: &mut [Span]) -> u64 {
        for span in spans {
            if let Some(judged) = span.id.and_then(|id| self.by_span.remove(&id)) {
                span.judged = judged;
            }
        }
        self.count
    }
}

impl Judged {
    fn of(record: &Record) -> Option<Self> {
        let evaluation = record.evaluation.as_deref()?;
        Some(Self {
            name: clean(&evaluation.name),
            score: evaluation.score,
            label: evaluation.label.as_deref().map(clean),
            error_type: evaluation.error_type.as_deref().map(clean),
        })
    }

    /// Whether the judging itself went wrong.
    pub(super) fn failed(&self) -> bool {
        self.error_type.is_some()
    }

    /// The judgement in a few words.
    pub(super) fn text(&self) -> String {
        let mut text = self.name.clone();
        if let Some(score) = self.score {
            text.push_str(&format!(" {score:.2}"));
        }
        if let Some(label) = &self.label {
            text.push_str(&format!(" {label}"));
        }
        if let Some(error) = &self.error_type {
            text.push_str(&format!(" failed {error}"));
        }
        text
    }
}

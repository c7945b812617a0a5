//! What a span's line says, before it is known how wide the columns are.

use llmobs_core::{CostSource, Outcome, StepKind};

use super::Trace;
use super::attempt::summary;
use super::label::{Guide, name};
use super::span::Span;
use super::sums;
use crate::cost::{MoneyScale, nanos};
use crate::style::{Paint, Style};
use crate::text::{TimeScale, count, counted, highest};
use crate::tree::{Node, Place};

/// A span's cells.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) span: &'a Span,
    pub(super) guide: Guide,
    pub(super) name: String,
    pub(super) start: String,
    pub(super) took: String,
    pub(super) ttft: String,
    pub(super) tpot: String,
    pub(super) input: String,
    pub(super) output: String,
    pub(super) cost: String,
    pub(super) notes: Vec<Note>,
}

/// Something worth saying of a span.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) text: String,
    pub(super) paint: Paint,
}

/// The units of a trace's columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scales {
    time: TimeScale,
    ttft: TimeScale,
    tpot: TimeScale,
    /// `None` when no call has a cost.
    cost: Option<MoneyScale>,
}

impl Scales {
    pub(super) fn of(trace: &Trace) -> Self {
        let of = |value: fn(&Span) -> Option<f64>, fine| {
            TimeScale::new(highest(trace.spans.iter().filter_map(value)), fine)
        };
        Self {
            time: TimeScale::new(trace.duration_ms.unwrap_or(0.0), 100.0),
            ttft: of(|span| span.ttft_ms, 100.0),
            tpot: of(|span| span.tpot_ms, 1_000.0),
            cost: costs(trace).max().map(MoneyScale::new),
        }
    }
}

impl<'a> Row<'a> {
    pub(super) fn new(
        trace: &Trace,
        span: &'a Span,
        node: &Node,
        guide: Guide,
        scales: Scales,
        style: &Style,
    ) -> Self {
        let time =
            |scale: TimeScale, ms: Option<f64>| ms.map_or(String::new(), |ms| scale.time(ms));
        let tokens = |tokens: Option<u64>| match tokens {
            Some(tokens) => count(tokens),
            None if span.is_call => style.pick("–", "-").to_owned(),
            None => String::new(),
        };
        let cost = match (scales.cost, &span.cost) {
            (Some(scale), Some(cost)) => {
                let guess = cost.source == Some(CostSource::Estimated);
                let about = if guess { "~" } else { "" };
                format!("{about}{}", scale.money(nanos(cost.total), &cost.currency))
            }
            (Some(_), None) if span.billed => style.pick("–", "-").to_owned(),
            _ => String::new(),
        };
        Self {
            span,
            guide,
            name: name(span),
            start: time(scales.time, trace.offset_ms(span)),
            took: time(scales.time, span.duration_ms),
            ttft: time(scales.ttft, span.ttft_ms),
            tpot: time(scales.tpot, span.tpot_ms),
            input: tokens(span.input_tokens),
            output: tokens(span.output_tokens),
            cost,
            notes: notes(span, node.place, scales, style),
        }
    }
}

fn costs(trace: &Trace) -> impl Iterator<Item = u128> {
    trace.spans.iter().filter_map(|span| Some(nanos(span.cost.as_ref()?.total)))
}

fn notes(span: &Span, place: Place, scales: Scales, style: &Style) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut note = |text: String, paint| notes.push(Note { text, paint });
    match span.outcome {
        Some(Outcome::Completed) => {}
        Some(Outcome::Failed) => {
            let error = span.error.as_deref().unwrap_or_default();
            note(format!("failed {error}").trim_end().to_owned(), Paint::Red);
        }
        Some(outcome) => note(outcome.as_str().to_owned(), Paint::Yellow),
        None => note("outcome unknown".to_owned(), Paint::Dim),
    }
    if let Some(fallback) = sums::fallback(span) {
        note(fallback, Paint::Plain);
    }
    // The head says the same of a workflow at the top.
    let told = place == Place::Root && span.what == StepKind::Workflow.as_str();
    if let Some(totals) = span.totals.as_ref().filter(|_| !told && span.fallback.is_none()) {
        sums::totals(totals).into_iter().for_each(|text| note(text, Paint::Plain));
    }
    if let Some(attempts) = span.attempts.filter(|attempts| *attempts > 1) {
        note(summary(attempts, &span.attempt_details, style), Paint::Yellow);
        if let Some(retry_ms) = span.retry_ms {
            note(format!("retries took {}", scales.time.time(retry_ms)), Paint::Yellow);
        }
    }
    if !span.tools.is_empty() {
        let more = match span.more_tools {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        note(format!("tool: {}{more}", span.tools.join(", ")), Paint::Green);
    }
    if let Some(documents) = span.documents {
        let mut text = counted(documents, "document");
        if !span.first_documents.is_empty() {
            text = format!("{text}: {}", span.first_documents.join(", "));
        }
        if documents > span.first_documents.len() as u64 && !span.first_documents.is_empty() {
            text.push_str(style.pick(", …", ", ..."));
        }
        note(text, Paint::Dim);
    }
    if let Some(items) = span.items {
        note(counted(items, "item"), Paint::Dim);
    }
    if let Some(id) = &span.tool_call_id {
        note(format!("answers {id}"), Paint::Green);
    }
    for judged in &span.judged {
        note(judged.text(), if judged.failed() { Paint::Red } else { Paint::Plain });
    }
    if span.inconsistent_usage {
        note("token counts contradict themselves".to_owned(), Paint::Yellow);
    }
    match (place, span.parent) {
        (Place::Orphan, Some(parent)) => note(format!("parent {parent} not here"), Paint::Dim),
        (Place::Cycle, _) => note("its own ancestor".to_owned(), Paint::Yellow),
        _ => {}
    }
    notes
}

//! What is kept of a record to draw it.

use llmobs_core::{
    Cost, FallbackAttempt, Kind, Outcome, Record, RequestId, SpanId, StepKind, Timestamp, Totals,
};

use super::attempt::Attempt;
use super::judged::Judged;
use crate::cost::{cost_of, is_billed};
use crate::report::by::{model, operation, prompt};
use crate::stage::{Stage, Timed};
use crate::text::clean;
use crate::tree::Link;

/// How many tool calls of one answer are named.
const TOOLS: usize = 16;

/// How many documents of one search are named.
const DOCUMENTS: usize = 3;

/// One call or step.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) is_call: bool,
    pub(super) request_id: Option<RequestId>,
    pub(super) id: Option<SpanId>,
    pub(super) parent: Option<SpanId>,
    pub(super) start: Option<Timestamp>,
    pub(super) duration_ms: Option<f64>,
    /// The operation of a call, the kind of a step.
    pub(super) what: String,
    /// The name of a step, the model of a call.
    pub(super) name: Option<String>,
    pub(super) prompt: Option<String>,
    pub(super) outcome: Option<Outcome>,
    pub(super) error: Option<String>,
    pub(super) attempts: Option<u32>,
    pub(super) attempt_details: Vec<Attempt>,
    /// First to last attempt sent.
    pub(super) retry_ms: Option<f64>,
    pub(super) ttft_ms: Option<f64>,
    pub(super) tpot_ms: Option<f64>,
    pub(super) input_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
    pub(super) inconsistent_usage: bool,
    pub(super) cost: Option<Cost>,
    /// It costs something, known or not.
    pub(super) billed: bool,
    /// Sums over what is below; the calls there say the same one by one.
    pub(super) totals: Option<Totals>,
    pub(super) fallback: Option<FallbackAttempt>,
    /// The model that answered a logical call.
    pub(super) answered_by: Option<String>,
    pub(super) stage: Option<Stage>,
    pub(super) tools: Vec<String>,
    /// Tool calls that are not in `tools`.
    pub(super) more_tools: usize,
    /// Documents a retriever found.
    pub(super) documents: Option<u64>,
    /// The first of them, with their scores.
    pub(super) first_documents: Vec<String>,
    /// Items that were read of a step's stream.
    pub(super) items: Option<u64>,
    /// The tool call that a tool answered.
    pub(super) tool_call_id: Option<String>,
    /// What was found of it, told by other records.
    pub(super) judged: Vec<Judged>,
}

impl Span {
    /// `None` for records that are neither a call nor a step.
    pub(super) fn of(record: &Record) -> Option<Self> {
        let is_call = match record.kind {
            Kind::Interaction => true,
            Kind::Step => false,
            _ => return None,
        };
        let what = match (is_call, record.step) {
            (true, _) => operation(record).unwrap_or_else(|| "call".to_owned()),
            (false, Some(step)) => step.as_str().to_owned(),
            (false, None) => "step".to_owned(),
        };
        // One function may run many tools, or agents: who ran says more than what the function is called.
        let ran = record.tool.as_ref().and_then(|tool| tool.name.as_deref());
        let ran = ran.or_else(|| record.agent.as_ref()?.name.as_deref());
        let own_name = ran.or(record.name.as_deref()).map(clean);
        let tool = |call: &llmobs_core::ToolCall| call.name.as_deref().map_or("?".into(), clean);
        Some(Self {
            is_call,
            request_id: record.request_id,
            id: record.span_id,
            parent: record.parent_span_id,
            start: record.timestamp,
            duration_ms: record.total_latency_ms,
            what,
            name: if is_call { model(record).or(own_name) } else { own_name },
            prompt: prompt(record),
            outcome: record.outcome,
            error: record.error.as_ref().map(|error| clean(&error.kind)),
            attempts: record.attempts,
            attempt_details: Attempt::all(&record.attempt_details),
            retry_ms: record.latency.as_ref().and_then(|latency| latency.retry_ms),
            ttft_ms: record.ttft_ms,
            tpot_ms: record.tpot_ms,
            input_tokens: record.input_tokens,
            output_tokens: record.output_tokens,
            inconsistent_usage: record.usage.as_ref().is_some_and(|usage| usage.inconsistent),
            cost: cost_of(record),
            billed: is_call && is_billed(record),
            totals: record.totals.as_deref().map(cleaned),
            fallback: record.fallback,
            answered_by: (record.step == Some(StepKind::Fallback) && !is_call)
                .then(|| model(record))
                .flatten(),
            stage: Stage::of(record),
            tools: record.tool_calls.iter().take(TOOLS).map(tool).collect(),
            more_tools: record.tool_calls.len().saturating_sub(TOOLS),
            documents: record.retrieved.as_ref().map(|retrieved| retrieved.count),
            first_documents: documents(record),
            items: record.items,
            tool_call_id: record.tool.as_ref().and_then(|tool| tool.call_id.as_deref().map(clean)),
            judged: Vec::new(),
        })
    }

    pub(super) fn link(&self) -> Link {
        Link { id: self.id, parent: self.parent, start: self.start }
    }

    pub(super) fn timed(&self) -> Timed {
        Timed { link: self.link(), duration_ms: self.duration_ms, stage: self.stage }
    }
}

fn cleaned(totals: &Totals) -> Totals {
    Totals { currency: totals.currency.as_deref().map(|it| clean(it).into()), ..totals.clone() }
}

fn documents(record: &Record) -> Vec<String> {
    let found = record.retrieved.iter().flat_map(|retrieved| &retrieved.documents);
    let named = found.take(DOCUMENTS).map(|document| {
        let id = document.id.as_deref().map_or_else(|| "?".to_owned(), clean);
        document.score.map_or_else(|| id.clone(), |score| format!("{id} {score:.2}"))
    });
    named.collect()
}

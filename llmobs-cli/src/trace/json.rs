//! The trace for programs. A field that is absent is unknown.

use std::collections::BTreeMap;

use llmobs_core::{Cost, FallbackAttempt, Outcome, RequestId, SpanId, Timestamp, Totals, TraceId};
use serde::Serialize;

use super::Trace;
use super::attempt::Attempt;
use super::judged::Judged;
use super::span::Span;
use crate::cost::SumView;
use crate::tree::{Node, Place};

#[derive(Serialize)]
struct View<'a> {
    schema: &'static str,
    trace_id: TraceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<f64>,
    calls: usize,
    steps: usize,
    evaluations: u64,
    duplicates: u64,
    left_out: u64,
    partial: bool,
    #[serde(skip_serializing_if = "<[SumView<'_>]>::is_empty")]
    costs: &'a [SumView<'a>],
    unpriced: u64,
    /// Milliseconds by stage; they add up to the trace's duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    stages_ms: Option<BTreeMap<&'static str, f64>>,
    spans: Vec<SpanView<'a>>,
}

#[derive(Serialize)]
struct SpanView<'a> {
    kind: &'static str,
    place: &'static str,
    depth: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<SpanId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<SpanId>,
    /// The operation of a call, the kind of a step.
    what: &'a str,
    /// The model of a call, the name of a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "<[Attempt]>::is_empty")]
    attempt_details: &'a [Attempt],
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttft_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tpot_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    inconsistent_usage: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<&'a Cost>,
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<&'a Totals>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<FallbackAttempt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_by: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tool_calls: &'a [String],
    #[serde(skip_serializing_if = "is_zero")]
    more_tool_calls: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    documents: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[Judged]>::is_empty")]
    evaluations: &'a [Judged],
}

pub(super) fn write(trace: &Trace) -> String {
    let spans = trace.tree.0.iter().filter_map(|node| {
        let span = trace.spans.get(node.span)?;
        Some(SpanView::of(trace, span, node))
    });
    let calls = trace.calls().count();
    let costs = trace.costs();
    let view = View {
        schema: "llmobs-trace/1",
        trace_id: trace.id,
        timestamp: trace.start,
        duration_ms: trace.duration_ms,
        calls,
        steps: trace.spans.len() - calls,
        evaluations: trace.evaluations,
        duplicates: trace.duplicates,
        left_out: trace.left_out,
        partial: trace.partial,
        costs: &costs.view(),
        unpriced: costs.unpriced,
        stages_ms: trace
            .stages()
            .map(|split| split.stages().map(|(stage, ms)| (stage.as_str(), ms)).collect()),
        spans: spans.collect(),
    };
    let mut json = serde_json::to_string_pretty(&view).unwrap_or_default();
    json.push('\n');
    json
}

impl<'a> SpanView<'a> {
    fn of(trace: &Trace, span: &'a Span, node: &Node) -> Self {
        Self {
            kind: if span.is_call { "interaction" } else { "step" },
            place: match node.place {
                Place::Root => "root",
                Place::Child => "child",
                Place::Orphan => "orphan",
                Place::Cycle => "cycle",
            },
            depth: node.depth,
            request_id: span.request_id,
            span_id: span.id,
            parent_span_id: span.parent,
            what: &span.what,
            name: span.name.as_deref(),
            prompt: span.prompt.as_deref(),
            outcome: span.outcome,
            error_type: span.error.as_deref(),
            attempts: span.attempts,
            attempt_details: &span.attempt_details,
            retry_ms: span.retry_ms.filter(|_| span.attempts.is_some_and(|n| n > 1)),
            offset_ms: trace.offset_ms(span),
            duration_ms: span.duration_ms,
            ttft_ms: span.ttft_ms,
            tpot_ms: span.tpot_ms,
            input_tokens: span.input_tokens,
            output_tokens: span.output_tokens,
            inconsistent_usage: span.inconsistent_usage,
            cost: span.cost.as_ref(),
            totals: span.totals.as_ref(),
            fallback: span.fallback,
            answered_by: span.answered_by.as_deref(),
            tool_calls: &span.tools,
            more_tool_calls: span.more_tools,
            documents: span.documents,
            items: span.items,
            tool_call_id: span.tool_call_id.as_deref(),
            evaluations: &span.judged,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

//! The report for programs. A field that is absent is unknown.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Report;
use super::distribution::{Distribution, Percentiles};
use super::group::{Group, Tokens};
use crate::cost::SumView;

#[derive(Serialize)]
struct View<'a> {
    schema: &'static str,
    groups: Vec<GroupView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<GroupView<'a>>,
    total: GroupView<'a>,
    lines: LinesView,
    lost: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct GroupView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    calls: u64,
    completed: u64,
    failed: u64,
    dropped: u64,
    interrupted: u64,
    unfinished: u64,
    unknown_outcome: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttft_ms: Option<PercentilesView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tpot_ms: Option<PercentilesView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_latency_ms: Option<PercentilesView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<TokensView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<TokensView>,
    without_usage: u64,
    inconsistent_usage: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    costs: Vec<SumView<'a>>,
    unpriced: u64,
}

#[derive(Serialize)]
struct PercentilesView {
    count: u64,
    p50: f64,
    p95: f64,
    p99: f64,
    exact: bool,
}

#[derive(Serialize)]
struct TokensView {
    sum: u64,
    calls: u64,
}

#[derive(Serialize)]
struct LinesView {
    records: u64,
    interactions: u64,
    steps: u64,
    evaluations: u64,
    meta: u64,
    unknown_kind: u64,
    damaged: u64,
}

pub(super) fn write(report: &Report) -> String {
    let groups = report.groups.iter().map(|(key, group)| GroupView {
        model: key.model.as_deref(),
        prompt: key.prompt.as_deref(),
        ..GroupView::of(group)
    });
    let lines = report.lines;
    let view = View {
        schema: "llmobs-report/1",
        groups: groups.collect(),
        other: report.other.as_ref().map(GroupView::of),
        total: GroupView::of(&report.total),
        lines: LinesView {
            records: lines.records,
            interactions: lines.interactions,
            steps: lines.steps,
            evaluations: lines.evaluations,
            meta: lines.metas,
            unknown_kind: lines.unknown,
            damaged: lines.damaged,
        },
        lost: report.losses.by_cause(),
    };
    let mut json = serde_json::to_string_pretty(&view).unwrap_or_default();
    json.push('\n');
    json
}

impl<'a> GroupView<'a> {
    fn of(group: &'a Group) -> Self {
        Self {
            model: None,
            prompt: None,
            calls: group.calls,
            completed: group.completed,
            failed: group.failed,
            dropped: group.dropped,
            interrupted: group.interrupted,
            unfinished: group.unfinished,
            unknown_outcome: group.unknown_outcome,
            ttft_ms: PercentilesView::of(&group.ttft),
            tpot_ms: PercentilesView::of(&group.tpot),
            total_latency_ms: PercentilesView::of(&group.total_latency),
            input_tokens: TokensView::of(group.input),
            output_tokens: TokensView::of(group.output),
            without_usage: group.without_usage,
            inconsistent_usage: group.inconsistent_usage,
            costs: group.costs.view(),
            unpriced: group.costs.unpriced,
        }
    }
}

impl PercentilesView {
    fn of(values: &Distribution) -> Option<Self> {
        let Percentiles { count, p50, p95, p99, exact } = values.percentiles()?;
        Some(Self { count, p50, p95, p99, exact })
    }
}

impl TokensView {
    fn of(tokens: Tokens) -> Option<Self> {
        tokens.known().map(|Tokens { sum, calls }| Self { sum, calls })
    }
}

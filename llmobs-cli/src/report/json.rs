//! The report for programs. A field that is absent is unknown.

mod more;

use std::collections::BTreeMap;

use serde::Serialize;

use self::more::{FallbackView, StagesView};
use super::Report;
use super::distribution::{Distribution, Percentiles};
use super::group::{Group, Tokens};
use crate::cost::SumView;

#[derive(Serialize)]
struct View<'a> {
    schema: &'static str,
    by: Vec<String>,
    groups: Vec<GroupView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<GroupView<'a>>,
    total: GroupView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stages: Option<StagesView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fallbacks: Vec<FallbackView<'a>>,
    lines: LinesView,
    lost: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct GroupView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<BTreeMap<String, &'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'a str>,
    calls: u64,
    completed: u64,
    failed: u64,
    dropped: u64,
    interrupted: u64,
    unfinished: u64,
    unknown_outcome: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    errors: &'a BTreeMap<&'static str, u64>,
    text_generation: u64,
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
pub(super) struct PercentilesView {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    sampled: Option<SampledView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sampled_steps: Option<SampledStepsView>,
}

#[derive(Serialize)]
struct SampledView {
    calls: u64,
    of: u64,
}

#[derive(Serialize)]
struct SampledStepsView {
    steps: u64,
    of: u64,
}

pub(super) fn write(report: &Report) -> String {
    let groups = report.groups.iter().map(|(key, group)| {
        let named = report.by.dimensions.iter().zip(&key.values);
        let known = named.filter_map(|(dimension, value)| Some((dimension, value.as_deref()?)));
        let known: BTreeMap<String, &str> =
            known.map(|(dimension, value)| (dimension.to_string(), value)).collect();
        let flat = |name: &str| report.by.is_default().then(|| known.get(name).copied()).flatten();
        GroupView {
            model: flat("model"),
            prompt: flat("prompt_version"),
            operation: key.operation.as_deref(),
            key: Some(known),
            ..GroupView::of(group)
        }
    });
    let lines = report.lines;
    let view = View {
        schema: "llmobs-report/1",
        by: report.by.dimensions.iter().map(ToString::to_string).collect(),
        groups: groups.collect(),
        other: report.other.as_ref().map(GroupView::of),
        total: GroupView::of(&report.total),
        stages: StagesView::of(&report.stages.sums()),
        fallbacks: FallbackView::all(&report.fallbacks),
        lines: LinesView {
            records: lines.records,
            interactions: lines.interactions,
            steps: lines.steps,
            evaluations: lines.evaluations,
            meta: lines.metas,
            unknown_kind: lines.unknown,
            damaged: lines.damaged,
            sampled: Some(lines.sampled)
                .filter(|sampled| sampled.kept > 0)
                .map(|sampled| SampledView { calls: sampled.kept, of: sampled.of() }),
            sampled_steps: Some(lines.sampled_steps)
                .filter(|sampled| sampled.kept > 0)
                .map(|sampled| SampledStepsView { steps: sampled.kept, of: sampled.of() }),
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
            key: None,
            model: None,
            prompt: None,
            operation: None,
            calls: group.calls,
            completed: group.completed,
            failed: group.failed,
            dropped: group.dropped,
            interrupted: group.interrupted,
            unfinished: group.unfinished,
            unknown_outcome: group.unknown_outcome,
            errors: &group.errors,
            text_generation: group.text_generation,
            ttft_ms: PercentilesView::of(&group.latencies.ttft),
            tpot_ms: PercentilesView::of(&group.latencies.tpot),
            total_latency_ms: PercentilesView::of(&group.latencies.total),
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

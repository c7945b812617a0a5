//! Stages and fallbacks for programs.

use serde::Serialize;

use super::super::fallbacks::{Answers, Fallbacks};
use super::super::stages::StageSums;
use super::PercentilesView;

#[derive(Serialize)]
pub(super) struct StagesView {
    trace_ms: PercentilesView,
    sum_ms: f64,
    stages: Vec<StageView>,
    left_out: u64,
}

#[derive(Serialize)]
struct StageView {
    stage: &'static str,
    sum_ms: f64,
    ms: PercentilesView,
}

#[derive(Serialize)]
pub(super) struct FallbackView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    other: bool,
    calls: u64,
    answered_by_1: u64,
    answered_by_2: u64,
    answered_by_3_or_later: u64,
    answered_without_attempt: u64,
    failed: u64,
    cut_off: u64,
}

impl StagesView {
    /// `None` when no trace has steps.
    pub(super) fn of(sums: &StageSums) -> Option<Self> {
        let stages = sums.stages().filter_map(|(stage, sum)| {
            let ms = PercentilesView::of(&sum.traces)?;
            Some(StageView { stage: stage.as_str(), sum_ms: sum.ms, ms })
        });
        Some(Self {
            trace_ms: PercentilesView::of(&sums.traces)?,
            sum_ms: sums.whole_ms,
            stages: stages.collect(),
            left_out: sums.left_out,
        })
    }
}

impl<'a> FallbackView<'a> {
    pub(super) fn all(fallbacks: &'a Fallbacks) -> Vec<Self> {
        let named = fallbacks
            .by_name
            .iter()
            .map(|(name, answers)| Self { name: name.as_deref(), ..Self::of(answers) });
        let other = fallbacks.other.iter().map(|answers| Self { other: true, ..Self::of(answers) });
        named.chain(other).collect()
    }

    fn of(answers: &Answers) -> Self {
        Self {
            name: None,
            other: false,
            calls: answers.calls,
            answered_by_1: answers.first,
            answered_by_2: answers.second,
            answered_by_3_or_later: answers.later,
            answered_without_attempt: answers.without_attempt,
            failed: answers.failed,
            cut_off: answers.cut_off,
        }
    }
}

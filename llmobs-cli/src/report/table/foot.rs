//! What is to be known of the table.

use super::super::distribution::EXACT_VALUES;
use super::super::group::Group;
use super::super::{MAX_GROUPS, Report};
use crate::style::{Paint, Style};
use crate::text::{count, counted, flow};

pub(super) fn draw(report: &Report, style: &Style) -> String {
    let total = &report.total;
    let mut lines = vec![counts(report, style)];
    let exact = [&total.latencies.ttft, &total.latencies.tpot, &total.latencies.total]
        .into_iter()
        .all(|values| values.percentiles().is_none_or(|values| values.exact));
    let precision = if exact {
        "percentiles exact".to_owned()
    } else {
        format!("percentiles within 1 % where over {} values", count(EXACT_VALUES as u64))
    };
    lines.push(format!(
        "latency and tpot: completed calls only; ttft: all that have one but dropped ones; {precision}"
    ));
    let mut rows = report.groups.values().chain(&report.other).chain([total]);
    if rows.any(Group::is_mixed) {
        let what = "percentiles of rows that mix operations: of text generation alone";
        lines.push(what.to_owned());
    }
    if report.by.steps && report.lines.steps > 0 {
        lines.push("steps: counts and latency; tokens and costs are the calls'".to_owned());
    }
    if total.cut_off() > 0 {
        lines.push(format!(
            "cut off: {} interrupted, {} unfinished at shutdown",
            count(total.interrupted),
            count(total.unfinished)
        ));
    }
    if total.unknown_outcome > 0 {
        lines.push(format!("{} without a known outcome", counted(total.unknown_outcome, "call")));
    }
    if total.inconsistent_usage > 0 {
        lines.push(format!(
            "no usage: {} reported counts that contradict themselves",
            counted(total.inconsistent_usage, "call")
        ));
    }
    if total.costs.estimated() > 0 {
        let estimated = counted(total.costs.estimated(), "call");
        lines.push(format!("cost: of {estimated} from estimated token counts"));
    }
    lines.extend(sampled(report));
    if report.other.is_some() {
        lines.push(format!("(other): all groups after the first {MAX_GROUPS}"));
    }
    let mut out = String::new();
    for line in lines {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        for (nth, words) in flow(&words, 1, 2, style.columns()).iter().enumerate() {
            let indent = if nth == 0 { "" } else { "  " };
            out.push_str(indent);
            out.push_str(&style.paint(Paint::Dim, &words.join(" ")));
            out.push('\n');
        }
    }
    out
}

/// Of how many the calls and steps were kept by a tail sampler, if they were.
pub(super) fn sampled(report: &Report) -> Option<String> {
    let kinds = [(report.lines.sampled, "call"), (report.lines.sampled_steps, "step")];
    let kept = kinds.into_iter().filter(|(sampled, _)| sampled.kept > 0);
    let kept = kept.map(|(sampled, what)| {
        format!("{} kept of about {}", counted(sampled.kept, what), count(sampled.of()))
    });
    let kept: Vec<_> = kept.collect();
    let what = "by whole traces; what is here is of those";
    (!kept.is_empty()).then(|| format!("sampled: {}, {what}", kept.join(", ")))
}

/// How much was read, and how much of it is missing.
pub(super) fn counts(report: &Report, style: &Style) -> String {
    let lines = report.lines;
    let mut parts = vec![counted(lines.records, "record"), counted(lines.interactions, "call")];
    parts.push(counted(lines.steps, "step"));
    if lines.evaluations > 0 {
        parts.push(counted(lines.evaluations, "evaluation"));
    }
    if lines.unknown > 0 {
        parts.push(format!("{} of an unknown kind", count(lines.unknown)));
    }
    if lines.damaged > 0 {
        parts.push(counted(lines.damaged, "damaged line"));
    }
    let lost = report.losses.by_cause();
    if !lost.is_empty() {
        let causes: Vec<_> =
            lost.iter().map(|(cause, n)| format!("{cause} {}", count(*n))).collect();
        let sum = lost.values().fold(0, |sum: u64, n| sum.saturating_add(*n));
        parts.push(format!("{} lost by the recorder ({})", count(sum), causes.join(", ")));
    }
    parts.join(style.pick(" · ", ", "))
}

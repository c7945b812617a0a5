//! Small tables below the table of calls: stages and fallbacks.

use super::super::Report;
use super::super::fallbacks::Answers;
use super::super::panels::{self, Block, Cell, Column, Names};
use super::{alarming, plain};
use crate::stage::percent;
use crate::style::{Paint, Style};
use crate::text::{TimeScale, count, counted, highest};

/// Both, where there is something to tell; each ends with a line break.
pub(super) fn draw(report: &Report, style: &Style) -> String {
    let panels: Vec<String> =
        [stages(report, style), fallbacks(report, style)].into_iter().flatten().collect();
    panels.join("\n")
}

fn stages(report: &Report, style: &Style) -> Option<String> {
    let sums = report.stages.sums();
    let whole = sums.traces.percentiles()?;
    let stages: Vec<_> = sums.stages().collect();
    let mut rows: Vec<Vec<String>> =
        stages.iter().map(|(stage, _)| vec![stage.as_str().to_owned()]).collect();
    rows.push(vec!["whole trace".to_owned()]);
    let mut traces: Vec<_> =
        stages.iter().filter_map(|(_, sum)| sum.traces.percentiles()).collect();
    traces.push(whole);
    let scale = TimeScale::new(highest(traces.iter().map(|row| row.p95)), 1_000.0);
    let mut shares: Vec<Cell> =
        stages.iter().map(|(_, sum)| plain(percent(sum.ms, sums.whole_ms))).collect();
    shares.push(plain(percent(sums.whole_ms, sums.whole_ms)));
    let time = |value: fn(&super::Percentiles) -> f64| {
        traces.iter().map(|row| plain(scale.number(value(row)))).collect()
    };
    let block = Block {
        title: format!("time by stage, {}", scale.unit()),
        columns: vec![
            Column {
                title: "traces",
                cells: traces.iter().map(|row| plain(count(row.count))).collect(),
            },
            Column { title: "p50", cells: time(|row| row.p50) },
            Column { title: "p95", cells: time(|row| row.p95) },
            Column { title: "share", cells: shares },
        ],
    };
    let mut out = panels::draw(&Names { titles: vec!["stage".to_owned()], rows }, &[block], style);
    if sums.left_out > 0 {
        let late = counted(sums.left_out, "span");
        let note = format!("{late} left out: too long after their trace, or too many in one");
        out.push_str(&style.paint(Paint::Dim, &note));
        out.push('\n');
    }
    Some(out)
}

fn fallbacks(report: &Report, style: &Style) -> Option<String> {
    let fallbacks = &report.fallbacks;
    let mut names: Vec<Vec<String>> = Vec::new();
    let mut rows: Vec<Answers> = Vec::new();
    for (name, answers) in &fallbacks.by_name {
        names.push(vec![name.clone().unwrap_or_else(|| style.pick("–", "-").to_owned())]);
        rows.push(*answers);
    }
    if let Some(other) = fallbacks.other {
        names.push(vec!["(other)".to_owned()]);
        rows.push(other);
    }
    if rows.is_empty() {
        return None;
    }
    if rows.len() > 1 {
        names.push(vec!["total".to_owned()]);
        rows.push(fallbacks.total());
    }
    let column = |title, cell: &dyn Fn(&Answers) -> Cell| Column {
        title,
        cells: rows.iter().map(cell).collect(),
    };
    let number =
        |n: u64| Cell { text: count(n), paint: if n == 0 { Paint::Dim } else { Paint::Plain } };
    let mut columns = vec![
        column("calls", &|row| plain(count(row.calls))),
        column("1st", &|row| number(row.first)),
        column("2nd", &|row| number(row.second)),
        column("3rd+", &|row| number(row.later)),
    ];
    if rows.iter().any(|row| row.without_attempt > 0) {
        columns.push(column("none", &|row| number(row.without_attempt)));
    }
    columns.push(column("failed", &|row| alarming(row.failed, Paint::Red)));
    if rows.iter().any(|row| row.cut_off > 0) {
        columns.push(column("cut off", &|row| alarming(row.cut_off, Paint::Yellow)));
    }
    let block = Block { title: "answered by attempt".to_owned(), columns };
    Some(panels::draw(&Names { titles: vec!["fallback".to_owned()], rows: names }, &[block], style))
}

//! The report for people.

use super::distribution::{Distribution, EXACT_VALUES, Percentiles};
use super::group::{Group, Tokens};
use super::panels::{self, Block, Cell, Column, Names};
use super::{MAX_GROUPS, Report};
use crate::cost::MoneyScale;
use crate::style::{Paint, Style};
use crate::text::{TimeScale, count, counted, flow, highest};

/// Rows in the order they are drawn, the total last.
type Rows<'a> = [&'a Group];

pub(super) fn draw(report: &Report, style: &Style) -> String {
    let unknown = style.pick("–", "-");
    if report.total.calls == 0 {
        return format!("no calls to report\n{}\n", counts(report, style));
    }
    let mut names: Vec<Vec<String>> = Vec::new();
    let mut rows: Vec<&Group> = Vec::new();
    let mut last_model = None;
    for (key, group) in &report.groups {
        let repeated = last_model == Some(&key.model);
        let model = key.model.as_deref().unwrap_or("(unknown)");
        names.push(vec![
            // The eye finds a model's rows by the one name at their top.
            if repeated { String::new() } else { model.to_owned() },
            key.prompt.as_deref().unwrap_or(unknown).to_owned(),
        ]);
        last_model = Some(&key.model);
        rows.push(group);
    }
    if let Some(other) = &report.other {
        names.push(vec!["(other)".to_owned(), String::new()]);
        rows.push(other);
    }
    names.push(vec!["total".to_owned(), String::new()]);
    rows.push(&report.total);

    let names = Names { titles: vec!["model", "prompt"], rows: names };
    let mut blocks = vec![call_block(&rows), token_block(&rows, unknown)];
    let currencies = report.total.costs.currencies();
    blocks.extend(currencies.map(|currency| cost_block(currency, &rows, unknown)));
    blocks.extend([
        time_block("ttft", &rows, |group| &group.ttft, unknown),
        time_block("tpot", &rows, |group| &group.tpot, unknown),
        time_block("latency", &rows, |group| &group.total_latency, unknown),
    ]);
    let mut out = panels::draw(&names, &blocks, style);
    out.push('\n');
    out.push_str(&foot(report, style));
    out
}

fn call_block(rows: &Rows<'_>) -> Block {
    Block {
        title: "calls".to_owned(),
        columns: vec![
            column("calls", rows, |group| plain(count(group.calls))),
            column("failed", rows, |group| alarming(group.failed, Paint::Red)),
            column("dropped", rows, |group| alarming(group.dropped, Paint::Yellow)),
            column("cut off", rows, |group| alarming(group.cut_off(), Paint::Yellow)),
        ],
    }
}

fn token_block(rows: &Rows<'_>, unknown: &str) -> Block {
    let sum = |tokens: Tokens| match tokens.known() {
        Some(tokens) => plain(count(tokens.sum)),
        None => plain(unknown.to_owned()),
    };
    Block {
        title: "tokens".to_owned(),
        columns: vec![
            column("in", rows, |group| sum(group.input)),
            column("out", rows, |group| sum(group.output)),
            column("no usage", rows, |group| {
                alarming(group.without_usage + group.inconsistent_usage, Paint::Yellow)
            }),
        ],
    }
}

/// The sum in one currency, and of how many calls the cost is not known.
fn cost_block(currency: &str, rows: &Rows<'_>, unknown: &str) -> Block {
    let sum = |group: &Group| group.costs.sum(currency).map(|sum| sum.nanos);
    let scale = MoneyScale::new(rows.iter().filter_map(|group| sum(group)).max().unwrap_or(0));
    Block {
        title: format!("cost, {currency}"),
        columns: vec![
            column("sum", rows, |group| {
                plain(sum(group).map_or(unknown.to_owned(), |nanos| scale.number(nanos)))
            }),
            column("unpriced", rows, |group| alarming(group.costs.unpriced, Paint::Yellow)),
        ],
    }
}

/// Percentiles of one latency, all in one unit with the same decimals.
fn time_block(
    title: &str,
    rows: &Rows<'_>,
    values: impl Fn(&Group) -> &Distribution,
    unknown: &str,
) -> Block {
    let rows: Vec<_> = rows.iter().map(|group| values(group).percentiles()).collect();
    let scale = TimeScale::new(highest(rows.iter().flatten().map(|row| row.p99)), 1_000.0);
    let column = |title, value: fn(&Percentiles) -> f64| Column {
        title,
        cells: rows
            .iter()
            .map(|row| match row {
                Some(row) => plain(scale.number(value(row))),
                None => plain(unknown.to_owned()),
            })
            .collect(),
    };
    Block {
        title: format!("{title}, {}", scale.unit()),
        columns: vec![
            column("p50", |row| row.p50),
            column("p95", |row| row.p95),
            column("p99", |row| row.p99),
        ],
    }
}

fn column(title: &'static str, rows: &Rows<'_>, cell: impl Fn(&Group) -> Cell) -> Column {
    Column { title, cells: rows.iter().map(|group| cell(group)).collect() }
}

fn plain(text: String) -> Cell {
    Cell { text, paint: Paint::Plain }
}

fn alarming(n: u64, paint: Paint) -> Cell {
    let paint = if n == 0 { Paint::Dim } else { paint };
    Cell { text: count(n), paint }
}

fn foot(report: &Report, style: &Style) -> String {
    let total = &report.total;
    let mut lines = vec![counts(report, style)];
    let exact = [&total.ttft, &total.tpot, &total.total_latency]
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

/// How much was read, and how much of it is missing.
fn counts(report: &Report, style: &Style) -> String {
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

//! The report for people.

mod foot;
mod more;

use super::by::{By, Key};
use super::distribution::{Distribution, Percentiles};
use super::group::{Group, Tokens};
use super::panels::{self, Block, Cell, Column, Names};
use super::{Dimension, Report};
use crate::cost::MoneyScale;
use crate::style::{Paint, Style};
use crate::text::{TimeScale, clean, count, highest};

/// Rows in the order they are drawn, the total last.
type Rows<'a> = [&'a Group];

pub(super) fn draw(report: &Report, style: &Style) -> String {
    let unknown = style.pick("–", "-");
    if report.total.calls == 0 && report.groups.is_empty() {
        let more = more::draw(report, style);
        let counts = foot::counts(report, style);
        let sampled = foot::sampled(report).map(|line| line + "\n").unwrap_or_default();
        return format!("no calls to report\n{more}{counts}\n{sampled}");
    }
    let mut rows: Vec<&Group> = report.groups.values().collect();
    rows.extend(&report.other);
    rows.push(&report.total);
    let names = names(report, unknown);
    let mut blocks = vec![call_block(&rows, &report.by), token_block(&rows, unknown)];
    let currencies = report.total.costs.currencies();
    blocks.extend(currencies.map(|currency| cost_block(currency, &rows, unknown)));
    let times = [
        time_block("ttft", &rows, |group| &group.latencies.ttft, unknown),
        time_block("tpot", &rows, |group| &group.latencies.tpot, unknown),
        time_block("latency", &rows, |group| &group.latencies.total, unknown),
    ];
    blocks.extend(times.into_iter().flatten());
    let mut out = panels::draw(&names, &blocks, style);
    out.push('\n');
    let more = more::draw(report, style);
    out.push_str(&more);
    out.push_str(if more.is_empty() { "" } else { "\n" });
    out.push_str(&foot::draw(report, style));
    out
}

/// A column for each dimension.
fn names(report: &Report, unknown: &str) -> Names {
    let dimensions = &report.by.dimensions;
    let mut titles: Vec<String> =
        dimensions.iter().map(|dimension| title(dimension, dimensions)).collect();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut above: Option<&Key> = None;
    for key in report.groups.keys() {
        let of = |value: &Option<String>| value.as_deref().unwrap_or(unknown).to_owned();
        let mut row: Vec<String> = key.values.iter().map(of).collect();
        if let (Some(operation), Some(last)) = (&key.operation, row.last_mut()) {
            // Few calls but text generation have a prompt: a column of its own would be empty.
            match key.values.last() {
                Some(None) => *last = format!("({operation})"),
                _ => *last += &format!(" ({operation})"),
            }
        }
        // The eye finds a model's rows by the one name at their top.
        if let (Some(first), Some(above), Some(value)) =
            (row.first_mut(), above, key.values.first())
            && key.values.len() > 1
            && above.values.first() == Some(value)
        {
            first.clear();
        }
        above = Some(key);
        rows.push(row);
    }
    let last = |name: &str| {
        let mut row = vec![String::new(); titles.len().max(1)];
        if let Some(first) = row.first_mut() {
            name.clone_into(first);
        }
        row
    };
    if report.other.is_some() {
        rows.push(last("(other)"));
    }
    rows.push(last(if report.by.steps { "all calls" } else { "total" }));
    if titles.is_empty() {
        titles.push(String::new());
        rows.iter_mut().filter(|row| row.is_empty()).for_each(|row| row.push("all".to_owned()));
    }
    Names { titles, rows }
}

fn title(dimension: &Dimension, beside: &[Dimension]) -> String {
    match dimension {
        // To a reader a prompt and its version are one word.
        Dimension::PromptVersion if !beside.contains(&Dimension::Prompt) => "prompt".to_owned(),
        Dimension::Tag(_) => clean(&dimension.to_string()),
        dimension => dimension.to_string().replace('_', " "),
    }
}

fn call_block(rows: &Rows<'_>, by: &By) -> Block {
    // Steps stand among the calls.
    let calls = if by.steps { "count" } else { "calls" };
    Block {
        title: calls.to_owned(),
        columns: vec![
            column(calls, rows, |group| plain(count(group.calls))),
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

/// Percentiles of one latency, all in one unit with the same decimals; `None` where no call has any.
fn time_block(
    title: &str,
    rows: &Rows<'_>,
    values: impl Fn(&Group) -> &Distribution,
    unknown: &str,
) -> Option<Block> {
    let rows: Vec<_> = rows.iter().map(|group| values(group).percentiles()).collect();
    rows.iter().flatten().next()?;
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
    Some(Block {
        title: format!("{title}, {}", scale.unit()),
        columns: vec![
            column("p50", |row| row.p50),
            column("p95", |row| row.p95),
            column("p99", |row| row.p99),
        ],
    })
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

//! The trace for people.

use super::Trace;
use super::bar::bar;
use super::label::Guides;
use super::row::{Note, Row, Scales};
use super::span::Span;
use super::sums;
use crate::cost::MoneyScale;
use crate::style::{Paint, Style};
use crate::text::{TimeScale, count, counted, fit, flow, left, right, width};

/// Columns between columns.
const GAP: usize = 2;
/// How wide the bars are; narrower says nothing.
const BAR: std::ops::RangeInclusive<usize> = 10..=32;
/// Columns a label keeps, however narrow the page.
const MIN_LABEL: usize = 20;
/// Columns left free for short notes, where the bar can do without them.
const NOTES: usize = 20;

/// How wide each column is; zero for one that is not drawn.
struct Widths {
    label: usize,
    start: usize,
    took: usize,
    bar: usize,
    ttft: usize,
    tpot: usize,
    input: usize,
    output: usize,
    cost: usize,
}

pub(super) fn draw(trace: &Trace, style: &Style) -> String {
    let mut out = head(trace, style);
    out.push('\n');
    let rows = rows(trace, style);
    let widths = Widths::of(&rows, style);
    titles(&widths, style, &mut out);
    for row in &rows {
        line(trace, row, &widths, style, &mut out);
    }
    sums::stages(trace, style, &mut out);
    foot(trace, style, &mut out);
    out
}

fn head(trace: &Trace, style: &Style) -> String {
    let calls = trace.calls().count() as u64;
    let steps = trace.spans.len() as u64 - calls;
    let mut parts = vec![format!("trace {}", trace.id)];
    if let Some(ms) = trace.duration_ms {
        parts.push(TimeScale::new(ms, 100.0).time(ms));
    }
    parts.push(counted(calls, "call"));
    if steps > 0 {
        parts.push(counted(steps, "step"));
    }
    parts.extend(tokens(trace));
    parts.extend(costs(trace));
    if trace.evaluations > 0 {
        parts.push(counted(trace.evaluations, "evaluation"));
    }
    let mut out = String::new();
    for (nth, parts) in flow(&parts, 3, 2, style.columns()).iter().enumerate() {
        out.push_str(if nth == 0 { "" } else { "  " });
        out.push_str(&style.paint(Paint::Bold, &parts.join("   ")));
        out.push('\n');
    }
    out
}

/// The sums of what is known, and for how many calls nothing is.
fn tokens(trace: &Trace) -> Option<String> {
    let usable = |span: &&Span| !span.inconsistent_usage;
    let sum = |tokens: fn(&Span) -> Option<u64>| {
        let known = trace.calls().filter(usable).filter_map(tokens);
        known.fold(None, |sum: Option<u64>, n| Some(sum.unwrap_or(0).saturating_add(n)))
    };
    let (input, output) = (sum(|span| span.input_tokens), sum(|span| span.output_tokens));
    let unknown = trace.calls().filter(|span| {
        span.inconsistent_usage || (span.input_tokens.is_none() && span.output_tokens.is_none())
    });
    let unknown = unknown.count() as u64;
    let known = match (input, output) {
        (Some(input), Some(output)) => {
            format!("{} in / {} out tokens", count(input), count(output))
        }
        (Some(input), None) => format!("{} in tokens", count(input)),
        (None, Some(output)) => format!("{} out tokens", count(output)),
        (None, None) => return (unknown > 0).then(|| "tokens unknown".to_owned()),
    };
    Some(match unknown {
        0 => known,
        _ => format!("{known} + {} without usage", counted(unknown, "call")),
    })
}

/// What is known of the cost, and for how many calls nothing is; nothing where it is for none.
fn costs(trace: &Trace) -> Option<String> {
    let costs = trace.costs();
    let sums = costs.currencies().filter_map(|currency| {
        let nanos = costs.sum(currency)?.nanos;
        Some(MoneyScale::new(nanos).money(nanos, currency))
    });
    let known = sums.collect::<Vec<_>>().join(" + ");
    match (known.is_empty(), costs.unpriced) {
        (true, _) => None,
        (false, 0) => Some(known),
        (false, unpriced) => Some(format!("{known} + {} unpriced", counted(unpriced, "call"))),
    }
}

fn rows<'a>(trace: &'a Trace, style: &Style) -> Vec<Row<'a>> {
    let scales = Scales::of(trace);
    let mut guides = Guides::default();
    let nodes = &trace.tree.0;
    let mut rows = Vec::with_capacity(nodes.len());
    for (at, node) in nodes.iter().enumerate() {
        let Some(span) = trace.spans.get(node.span) else { continue };
        let parent = nodes.get(at + 1).is_some_and(|next| next.depth > node.depth);
        let guide = guides.next(node, parent, style);
        rows.push(Row::new(trace, span, node, guide, scales, style));
    }
    rows
}

impl Widths {
    fn of(rows: &[Row<'_>], style: &Style) -> Self {
        let widest = |title: &str, cell: &dyn Fn(&Row<'_>) -> usize| {
            let widest = rows.iter().map(cell).max().unwrap_or(0);
            if widest == 0 { 0 } else { widest.max(width(title)) }
        };
        let mut widths = Self {
            label: 0,
            start: widest("start", &|row| width(&row.start)),
            took: widest("took", &|row| width(&row.took)),
            bar: 0,
            ttft: widest("ttft", &|row| width(&row.ttft)),
            tpot: widest("tpot", &|row| width(&row.tpot)),
            input: widest("in", &|row| width(&row.input)),
            output: widest("out", &|row| width(&row.output)),
            cost: widest("cost", &|row| width(&row.cost)),
        };
        if style.columns() < widths.numbers() + MIN_LABEL {
            // The order tells most of it.
            widths.start = 0;
        }
        let room = style.columns().saturating_sub(widths.numbers());
        let whole = widest("", &|row| {
            width(&row.guide.own)
                + width(&row.name)
                + row.span.prompt.as_deref().map_or(0, |p| GAP + width(p))
        });
        let bare = widest("", &|row| width(&row.guide.own) + width(&row.name));
        // The prompt goes below before the model's name is cut, and the bar before either.
        widths.label = if whole <= room { whole } else { bare.min(room) }.max(MIN_LABEL);
        let rest = room.saturating_sub(widths.label + GAP);
        if *BAR.start() <= rest {
            let generous = rest.saturating_sub(NOTES).max(*BAR.start());
            widths.bar = generous.min(*BAR.end());
        }
        widths
    }

    /// Columns that all but the label and the bar take, with the gaps before them.
    fn numbers(&self) -> usize {
        [self.start, self.took, self.ttft, self.tpot, self.input, self.output, self.cost]
            .into_iter()
            .filter(|columns| *columns > 0)
            .map(|columns| columns + GAP)
            .sum()
    }
}

fn titles(widths: &Widths, style: &Style, out: &mut String) {
    let mut line = " ".repeat(widths.label);
    cell(&mut line, &right("start", widths.start), widths.start);
    cell(&mut line, &right("took", widths.took), widths.took);
    cell(&mut line, &left("", widths.bar), widths.bar);
    cell(&mut line, &right("ttft", widths.ttft), widths.ttft);
    cell(&mut line, &right("tpot", widths.tpot), widths.tpot);
    cell(&mut line, &right("in", widths.input), widths.input);
    cell(&mut line, &right("out", widths.output), widths.output);
    cell(&mut line, &right("cost", widths.cost), widths.cost);
    out.push_str(&style.paint(Paint::Dim, line.trim_end()));
    out.push('\n');
}

fn cell(line: &mut String, text: &str, columns: usize) {
    if columns > 0 {
        line.push_str(&" ".repeat(GAP));
        line.push_str(text);
    }
}

fn line(trace: &Trace, row: &Row<'_>, widths: &Widths, style: &Style, out: &mut String) {
    let (mut line, prompt_below) = label(row, widths.label, style);
    cell(&mut line, &right(&row.start, widths.start), widths.start);
    cell(&mut line, &right(&row.took, widths.took), widths.took);
    cell(
        &mut line,
        &left_painted(&timeline(trace, row, widths.bar, style), widths.bar, row, style),
        widths.bar,
    );
    cell(&mut line, &right(&row.ttft, widths.ttft), widths.ttft);
    cell(&mut line, &right(&row.tpot, widths.tpot), widths.tpot);
    cell(&mut line, &right(&row.input, widths.input), widths.input);
    cell(&mut line, &right(&row.output, widths.output), widths.output);
    cell(&mut line, &right(&row.cost, widths.cost), widths.cost);

    let bar = if widths.bar > 0 { widths.bar + GAP } else { 0 };
    let used = widths.label + bar + widths.numbers();
    let prompt = row.span.prompt.as_ref().filter(|_| prompt_below);
    let prompt =
        prompt.map(|prompt| Note { text: format!("prompt: {prompt}"), paint: Paint::Cyan });
    let notes: Vec<&Note> = prompt.iter().chain(&row.notes).collect();
    let whole: usize = notes.iter().map(|note| width(&note.text) + GAP).sum();
    if used + whole <= style.columns() {
        for note in notes {
            line.push_str(&" ".repeat(GAP));
            line.push_str(&style.paint(note.paint, &note.text));
        }
        out.push_str(line.trim_end());
        out.push('\n');
        return;
    }
    out.push_str(line.trim_end());
    out.push('\n');
    let indent = width(&row.guide.below) + 2;
    let room = style.columns().saturating_sub(indent).max(MIN_LABEL);
    let mut free = 0;
    for (nth, note) in notes.iter().enumerate() {
        let text = fit(&note.text, room, style);
        if nth > 0 && width(&text) + GAP <= free {
            out.push_str(&" ".repeat(GAP));
            free -= GAP;
        } else {
            out.push_str(if nth > 0 { "\n" } else { "" });
            out.push_str(&style.paint(Paint::Dim, &row.guide.below));
            out.push_str("  ");
            free = room;
        }
        out.push_str(&style.paint(note.paint, &text));
        free -= width(&text);
    }
    if !notes.is_empty() {
        out.push('\n');
    }
}

/// The span's name behind its guide, and whether its prompt found no room beside it.
fn label(row: &Row<'_>, columns: usize, style: &Style) -> (String, bool) {
    let guide = width(&row.guide.own);
    let name = fit(&row.name, columns.saturating_sub(guide), style);
    let used = guide + width(&name);
    let paint = if row.span.is_call { Paint::Bold } else { Paint::Plain };
    let mut label = style.paint(Paint::Dim, &row.guide.own) + &style.paint(paint, &name);
    let mut free = columns.saturating_sub(used);
    let mut below = false;
    if let Some(prompt) = &row.span.prompt {
        below = free < GAP + width(prompt);
        if !below {
            label.push_str(&" ".repeat(GAP));
            label.push_str(&style.paint(Paint::Cyan, prompt));
            free -= GAP + width(prompt);
        }
    }
    label.push_str(&" ".repeat(free));
    (label, below)
}

fn timeline(trace: &Trace, row: &Row<'_>, columns: usize, style: &Style) -> String {
    let whole = trace.duration_ms.filter(|ms| *ms > 0.0);
    match (whole, trace.offset_ms(row.span)) {
        (Some(whole), Some(offset)) if columns > 0 => {
            bar(offset / whole, row.span.duration_ms.unwrap_or(0.0) / whole, columns, style)
        }
        _ => String::new(),
    }
}

fn left_painted(bar: &str, columns: usize, row: &Row<'_>, style: &Style) -> String {
    use llmobs_core::Outcome;
    let paint = match row.span.outcome {
        Some(Outcome::Failed) => Paint::Red,
        Some(Outcome::Dropped | Outcome::Interrupted | Outcome::Unfinished) => Paint::Yellow,
        _ if row.span.is_call => Paint::Cyan,
        _ => Paint::Dim,
    };
    style.paint(paint, &left(bar, columns))
}

fn foot(trace: &Trace, style: &Style, out: &mut String) {
    let mut notes = Vec::new();
    if trace.duplicates > 0 {
        notes.push(format!("{} told of twice", counted(trace.duplicates, "span")));
    }
    if trace.left_out > 0 {
        notes.push(format!("{} more not drawn", counted(trace.left_out, "span")));
    }
    if trace.partial {
        notes.push(
            "the input could be read only once: spans that came long before the rest may be missing"
                .to_owned(),
        );
    }
    for note in notes {
        out.push_str(&style.paint(Paint::Dim, &note));
        out.push('\n');
    }
}

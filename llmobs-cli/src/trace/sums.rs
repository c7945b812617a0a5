//! What an agent came to, and where a trace's time went, in a few words.

use llmobs_core::Totals;

use super::Trace;
use super::span::Span;
use crate::cost::{MoneyScale, nanos};
use crate::stage::percent;
use crate::style::{Paint, Style};
use crate::text::{TimeScale, count, counted, flow};

/// What happened below: `2 turns, 3 calls (1 failed), 2 tools, 1,120 in / 48 out, $0.0012`.
pub(super) fn totals(totals: &Totals) -> Option<String> {
    if totals.calls == 0 && totals.tools == 0 && totals.agents == 0 {
        return None;
    }
    let failed = match totals.failed {
        0 => String::new(),
        failed => format!(" ({} failed)", count(failed)),
    };
    let counts = [
        (totals.turns, "turn", ""),
        (totals.calls, "call", failed.as_str()),
        (totals.agents, "agent", ""),
        (totals.tools, "tool", ""),
    ];
    let some = counts.iter().filter(|(n, ..)| *n > 0);
    let mut parts: Vec<String> = some.map(|(n, noun, more)| counted(*n, noun) + more).collect();
    if totals.input_tokens > 0 || totals.output_tokens > 0 {
        let unknown = match totals.uncounted {
            0 => String::new(),
            calls => format!(" + {} without usage", counted(calls, "call")),
        };
        let (input, output) = (count(totals.input_tokens), count(totals.output_tokens));
        parts.push(format!("{input} in / {output} out{unknown}"));
    }
    if let (Some(cost), Some(currency)) = (totals.cost, totals.currency.as_deref()) {
        let money = MoneyScale::new(nanos(cost)).money(nanos(cost), currency);
        parts.push(match totals.unpriced {
            0 => money,
            calls => format!("{money} + {} unpriced", counted(calls, "call")),
        });
    }
    Some(parts.join(", "))
}

/// Which attempt a call was, or which one answered the logical call.
pub(super) fn fallback(span: &Span) -> Option<String> {
    let attempt = span.fallback?.attempt;
    if span.is_call {
        return Some(format!("attempt {attempt}"));
    }
    let model = span.answered_by.as_deref().unwrap_or_default();
    let verb = match span.outcome {
        Some(llmobs_core::Outcome::Completed) => "answered by",
        _ => "last asked:",
    };
    Some(match model {
        "" => format!("{verb} attempt {attempt}"),
        model => format!("{verb} {model}, attempt {attempt}"),
    })
}

/// One line, or as few as fit: the stages, and each one's part of the trace's time.
pub(super) fn stages(trace: &Trace, style: &Style, out: &mut String) {
    let Some(split) = trace.stages().filter(|split| split.whole > 0.0) else { return };
    let scale = TimeScale::new(split.whole, 100.0);
    let taken = split.stages().filter(|(_, ms)| *ms > 0.0);
    let parts = taken.map(|(stage, ms)| {
        format!("{} {} ({})", stage.as_str(), scale.time(ms), percent(ms, split.whole))
    });
    let mut parts: Vec<String> = parts.collect();
    if let Some(first) = parts.first_mut() {
        first.insert_str(0, "time: ");
    }
    let between = style.pick(" · ", ", ");
    out.push('\n');
    for (nth, parts) in flow(&parts, 3, 2, style.columns()).iter().enumerate() {
        let indent = if nth == 0 { "" } else { "  " };
        out.push_str(indent);
        out.push_str(&style.paint(Paint::Dim, &parts.join(between)));
        out.push('\n');
    }
}

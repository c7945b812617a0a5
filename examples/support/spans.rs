//! An exporter that keeps spans and shows them as trees.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// Every span that was exported.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans(Arc<Mutex<Vec<SpanData>>>);

impl Spans {
    fn lock(&self) -> MutexGuard<'_, Vec<SpanData>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SpanExporter for Spans {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.lock().extend(batch);
        Ok(())
    }
}

impl fmt::Display for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut spans = self.lock();
        spans.sort_by_key(|span| span.start_time);
        let roots = spans.iter().filter(|span| span.parent_span_id == SpanId::INVALID);
        for trace in roots.map(|root| root.span_context.trace_id()) {
            writeln!(f, "\ntrace {trace}")?;
            below(f, &spans, SpanId::INVALID, trace, "")?;
        }
        Ok(())
    }
}

/// The spans of a trace that have this parent, and theirs.
fn below(
    f: &mut fmt::Formatter<'_>,
    spans: &[SpanData],
    parent: SpanId,
    trace: TraceId,
    indent: &str,
) -> fmt::Result {
    let is_child =
        |span: &&SpanData| span.span_context.trace_id() == trace && span.parent_span_id == parent;
    let mut children = spans.iter().filter(is_child).peekable();
    while let Some(span) = children.next() {
        let (branch, deeper) = match (parent == SpanId::INVALID, children.peek()) {
            (true, _) => ("", ""),
            (false, Some(_)) => ("├ ", "│ "),
            (false, None) => ("└ ", "  "),
        };
        let id = span.span_context.span_id();
        let name = format!("{indent}{branch}{}", span.name);
        let took = span.end_time.duration_since(span.start_time).unwrap_or_default().as_millis();
        let outcome = span.attributes.iter().find(|has| has.key.as_str() == "llmobs.outcome");
        let outcome = outcome.map(|has| format!("  {}", has.value)).unwrap_or_default();
        let parent = match parent {
            SpanId::INVALID => "-".to_owned(),
            parent => parent.to_string(),
        };
        writeln!(f, "{name:<24}  {id}  parent {parent:<16}  {took:>5} ms{outcome}")?;
        below(f, spans, id, trace, &format!("{indent}{deeper}"))?;
    }
    Ok(())
}

//! Spans as a person reads them.

use std::collections::HashSet;
use std::fmt;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::receiver::ArrivedSpan;

/// A span with those below it, in the order in which they began.
#[derive(Clone, Debug)]
pub struct Branch<'a> {
    /// The span.
    pub span: &'a ArrivedSpan,
    /// Spans that name it as their parent.
    pub below: Vec<Branch<'a>>,
}

/// All spans, below their parents.
pub fn tree(spans: &[ArrivedSpan]) -> Vec<Branch<'_>> {
    let ids: HashSet<_> = spans.iter().map(id).collect();
    let mut sorted: Vec<_> = spans.iter().collect();
    sorted.sort_by_key(|it| it.span.start_time_unix_nano);
    let roots = sorted.iter().filter(|it| !ids.contains(&parent(it)));
    roots.map(|root| grow(root, &sorted)).collect()
}

fn grow<'a>(span: &'a ArrivedSpan, all: &[&'a ArrivedSpan]) -> Branch<'a> {
    let below = all.iter().filter(|it| parent(it) == id(span));
    Branch { span, below: below.map(|child| grow(child, all)).collect() }
}

fn id(it: &ArrivedSpan) -> (&[u8], &[u8]) {
    (&it.span.trace_id, &it.span.span_id)
}

fn parent(it: &ArrivedSpan) -> (&[u8], &[u8]) {
    (&it.span.trace_id, &it.span.parent_span_id)
}

impl Branch<'_> {
    fn write(&self, f: &mut fmt::Formatter<'_>, indent: &str, branch: &str) -> fmt::Result {
        let kind = match self.span.span.kind() {
            SpanKind::Unspecified => "unspecified",
            SpanKind::Internal => "internal",
            SpanKind::Server => "server",
            SpanKind::Client => "client",
            SpanKind::Producer => "producer",
            SpanKind::Consumer => "consumer",
        };
        let ArrivedSpan { scope, span, .. } = self.span;
        writeln!(f, "{indent}{branch}{} [{kind}, {}]", span.name, scope.name)?;
        let indent = match branch {
            "├ " => format!("{indent}│ "),
            "└ " => format!("{indent}  "),
            _ => indent.to_owned(),
        };
        let last = self.below.len().saturating_sub(1);
        for (n, child) in self.below.iter().enumerate() {
            child.write(f, &indent, if n == last { "└ " } else { "├ " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Branch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only at the top is there nobody above.
        let orphan = !self.span.span.parent_span_id.is_empty();
        self.write(f, "", if orphan { "(below a span that is not here) " } else { "" })
    }
}

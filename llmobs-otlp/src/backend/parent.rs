//! The innermost wins: who the parent is.

use llmobs_core::{Innermost, OpenSpan, SpanIdentity};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

use super::handle;
use super::ids::{identity, span_context};

/// Where a new span hangs.
#[derive(Debug)]
pub(super) struct Parent {
    /// The context to start it in; its span is the parent, but for [`Source::Layer`].
    pub(super) context: Context,
    pub(super) source: Source,
}

/// Who knew of the parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A span of OpenTelemetry's that was opened inside the innermost scope, or outside any.
    OpenTelemetry,
    /// A `tracing` span that only `llmobs::layer()` knows.
    Layer(SpanIdentity),
    /// A `tracing` span of another crate's that a span of ours was started for.
    Foreign,
    /// The innermost scope, or nobody: then there is no parent.
    Scope,
}

impl Parent {
    /// The innermost thing open here.
    ///
    /// A scope attaches its own context whenever it is entered. So a current context with another
    /// span in it is newer than the scope, and one with the scope's span says that nothing was
    /// opened inside by OpenTelemetry's means; what `tracing` knows comes next.
    pub(super) fn find(innermost: &Innermost<'_>) -> Self {
        let current = Context::current();
        let here = identity(&current);
        let scope = innermost.scope.map(|span| span.identity.span_id);
        // A span of another crate's that `llmobs::layer()` gave a context: newer than what is current, where
        // that is what it began in.
        if let Some(context) = innermost.tracing.and_then(handle).map(|handle| &handle.context)
            && here.map(|here| here.span_id)
                == innermost.tracing.and_then(|span| span.parent_span_id)
        {
            return Self { context: context.clone(), source: Source::Foreign };
        }
        let newer = here.is_some_and(|here| Some(here.span_id) != scope);
        // A remote parent is where this process was called from: every span in here is newer.
        if newer && !current.span().span_context().is_remote() {
            return Self { context: current, source: Source::OpenTelemetry };
        }
        if let Some(context) = inside_tracing(innermost) {
            return Self { context, source: Source::OpenTelemetry };
        }
        if newer {
            return Self { context: current, source: Source::OpenTelemetry };
        }
        if let Some(tracing) = innermost.tracing {
            return match handle(tracing) {
                Some(handle) => Self { context: handle.context.clone(), source: Source::Foreign },
                None => Self { context: current, source: Source::Layer(tracing.identity) },
            };
        }
        let Some(scope) = innermost.scope.filter(|_| here.is_none()) else {
            return Self { context: current, source: Source::Scope };
        };
        // The scope was entered without its context, or had none: the layer's have none.
        match handle(scope) {
            Some(handle) => Self { context: handle.context.clone(), source: Source::Scope },
            None => Self { context: current, source: Source::Layer(scope.identity) },
        }
    }
}

impl Parent {
    /// A parent that was taken before, elsewhere; `attached` says whether spans are the user's provider's.
    pub(super) fn given(parent: Option<&OpenSpan>, attached: bool) -> Self {
        let context = match parent {
            None => Context::new(),
            Some(span) => match handle(span) {
                Some(handle) => handle.context.clone(),
                None if attached => Context::new(),
                None => Context::new().with_remote_span_context(span_context(span.identity, None)),
            },
        };
        Self { context, source: Source::Scope }
    }
}

/// The context of the `tracing` span entered inside the scope, where tracing-opentelemetry knows
/// it but does not make it current.
#[cfg(feature = "tracing-opentelemetry")]
fn inside_tracing(innermost: &Innermost<'_>) -> Option<Context> {
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    let span = tracing::Span::current();
    let id = span.id()?.into_u64();
    if innermost.scope.is_some() && innermost.tracing_at_entry == Some(id) {
        return None;
    }
    // The layer has assertions of its own about the subscriber; none is worth a caller's life.
    let context = llmobs_core::contain::contained(|| span.context())?;
    identity(&context).map(|_| context)
}

#[cfg(not(feature = "tracing-opentelemetry"))]
fn inside_tracing(_: &Innermost<'_>) -> Option<Context> {
    None
}

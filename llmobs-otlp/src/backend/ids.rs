//! Our ids as OpenTelemetry's, and back.

use llmobs_core::{SpanId, SpanIdentity, TraceId};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceFlags, TraceState};

/// The ids of a context's span, if it has a valid one.
pub(super) fn identity(context: &Context) -> Option<SpanIdentity> {
    let span = context.span();
    let ids = span.span_context();
    Some(SpanIdentity {
        trace_id: TraceId::new(u128::from_be_bytes(ids.trace_id().to_bytes()))?,
        span_id: SpanId::new(u64::from_be_bytes(ids.span_id().to_bytes()))?,
        sampled: ids.is_sampled(),
    })
}

/// A span of ours for OpenTelemetry's contexts, with the trace state of `parent`.
pub(super) fn span_context(identity: SpanIdentity, parent: Option<&Context>) -> SpanContext {
    let state = parent
        .map_or(TraceState::NONE, |parent| parent.span().span_context().trace_state().clone());
    ids(identity, false, state)
}

/// A context below another process's span; `None` where a span of this process is current, which is
/// nearer.
pub(super) fn remote_context(identity: SpanIdentity) -> Option<Context> {
    let current = Context::current();
    let here = current.span().span_context().clone();
    let nearer = here.is_valid() && !here.is_remote();
    (!nearer).then(|| current.with_remote_span_context(ids(identity, true, TraceState::NONE)))
}

fn ids(identity: SpanIdentity, remote: bool, state: TraceState) -> SpanContext {
    SpanContext::new(
        opentelemetry::TraceId::from_bytes(identity.trace_id.to_bytes()),
        opentelemetry::SpanId::from_bytes(identity.span_id.to_bytes()),
        TraceFlags::default().with_sampled(identity.sampled),
        remote,
        state,
    )
}

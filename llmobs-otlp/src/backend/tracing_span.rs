//! Spans that tracing-opentelemetry makes of `tracing` spans.

use llmobs_core::SpanIdentity;
use llmobs_core::contain::contained;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Context, global};

use super::ids::identity;
use crate::mode::{Mode, ModeCell, instrumentation_scope};

/// The ids of a span, which is started for them.
pub(super) fn identity_of(
    subscriber: &tracing::Dispatch,
    span: &tracing::span::Id,
) -> Option<SpanIdentity> {
    // The layer has assertions of its own about the subscriber; none is worth a caller's life.
    let context = contained(|| tracing_opentelemetry::get_otel_context(span, subscriber));
    identity(&context??)
}

/// Decides the mode without a span of ours: whether there is a global provider.
pub(super) fn decide(mode: &ModeCell) {
    if mode.get().is_some() || Context::current().is_telemetry_suppressed() {
        return;
    }
    let tracer = global::tracer_with_scope(instrumentation_scope());
    // Most samplers leave out what is below a span that was left out.
    let above = SpanContext::new(
        TraceId::from(1),
        SpanId::from(1),
        TraceFlags::default(),
        true,
        TraceState::NONE,
    );
    let parent = Context::new().with_remote_span_context(above.clone());
    let probe = tracer.build_with_context(tracer.span_builder("llmobs"), &parent);
    let ids = opentelemetry::trace::Span::span_context(&probe);
    let real = ids.is_valid() && ids.span_id() != above.span_id();
    // Its drop would export it.
    std::mem::forget(probe);
    mode.decide(if real { Mode::Attached(tracer) } else { Mode::Own });
}

//! The trace backend: spans in the user's provider, or ids of our own.

mod ids;
mod parent;
mod sampler;
#[cfg(feature = "tracing-opentelemetry")]
mod tracing_span;

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use llmobs_core::semconv::attribute;
use llmobs_core::{
    Innermost, Kind, LocalBackend, OpenSpan, Record, Recorder, SpanIdentity, SpanKind, SpanStart,
    TraceBackend, TraceId, TraceVerdict,
};
use opentelemetry::trace::{SpanBuilder, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue, global};

use self::ids::{identity, remote_context, span_context};
use self::parent::{Parent, Source};
pub(crate) use self::sampler::{Sampler, Share};
use crate::attributes::{Attribute, Room};
use crate::mode::{Mode, ModeCell, instrumentation_scope};
use crate::quiet::say;
use crate::span::{SpanView, shown};
use crate::style::Style;
use crate::tail::Link;

/// Spans where OpenTelemetry is, or may be.
///
/// The mode is decided at the first operation, since many services set their provider late: a
/// provider given in code, else a valid global one, else none, for good. The global provider is
/// never set from here.
///
/// - *Attached*: spans are started on the caller with the user's tracer and ended by the recorder's
///   thread with all they have to say. Whether they are sampled, and what becomes of them after
///   their end, is the provider's business; with a [`TailSampled`](crate::TailSampled) in it they
///   are kept and left out as their records are.
/// - *Own*: ids are ours, and the records are exported as spans by [`OtlpSink`](crate::OtlpSink).
///   Spans that the application opens with OpenTelemetry inside nest below ours all the same.
#[derive(Debug, Default)]
pub struct OtelBackend {
    mode: ModeCell,
    sampler: Sampler,
    style: Style,
    /// The recorder, where it samples whole traces.
    tail: OnceLock<Arc<Link>>,
}

/// What a span of ours carries: the context to attach around what runs inside.
struct Handle {
    context: Context,
    /// The user's tracer started the span, so we end it.
    started: bool,
    /// It was started with the name of a provider.
    named: bool,
    /// It was started with an operation, and what else samplers are to see.
    described: bool,
}

impl OtelBackend {
    /// A backend that looks for a global provider at the first operation.
    pub fn new() -> Self {
        Self::default()
    }

    /// A backend attached to `provider`.
    pub fn attached<P>(provider: &P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Send + Sync + 'static,
        <P::Tracer as Tracer>::Span: Send + Sync + 'static,
    {
        let tracer = provider.tracer_with_scope(instrumentation_scope());
        let backend = Self::new();
        backend.mode.decide(Mode::Attached(global::BoxedTracer::new(Box::new(tracer))));
        backend
    }

    pub(crate) fn with(mode: ModeCell, sampler: Sampler, style: Style) -> Self {
        Self { mode, sampler, style, tail: OnceLock::new() }
    }

    /// Starts the first span, and decides by what comes of it.
    fn resolve(&self, start: &SpanStart<'_>, parent: Parent) -> OpenSpan {
        let tracer = global::tracer_with_scope(instrumentation_scope());
        if let Some(span) = attached(&tracer, start, &parent) {
            self.mode.decide(Mode::Attached(tracer));
            return span;
        }
        // A suppressed context hides a provider that is there: it decides nothing.
        if !parent.context.is_telemetry_suppressed() {
            self.mode.decide(Mode::Own);
            if parent.source == Source::OpenTelemetry {
                say(|| {
                    tracing::warn!(
                        target: "llmobs",
                        "an OpenTelemetry span is current but no tracer provider was found: spans \
                         go through llmobs' own pipeline; give it the provider, or set the global \
                         one before the first call, with the same version of the opentelemetry crate"
                    );
                });
            }
        }
        self.own(start, parent, true)
    }

    /// A span with ids of ours, to be exported or not.
    fn own(&self, start: &SpanStart<'_>, parent: Parent, exported: bool) -> OpenSpan {
        let above = match parent.source {
            Source::Layer(identity) => Some(identity),
            _ => identity(&parent.context),
        };
        let mut span = LocalBackend::child_of(above, start.ids);
        let kept = self.sampler.keeps(span.identity, above);
        span.identity.sampled = exported && kept && !parent.context.is_telemetry_suppressed();
        let ours = span_context(span.identity, Some(&parent.context));
        let context = parent.context.with_remote_span_context(ours);
        span.handle =
            Some(Arc::new(Handle { context, started: false, named: false, described: false }));
        span
    }

    fn start_in(&self, start: &SpanStart<'_>, parent: Parent) -> OpenSpan {
        let span = self.start_somewhere(start, parent);
        self.takes_part(span.identity);
        span
    }

    /// Whoever holds the spans of the trace is to wait for what tail sampling decides.
    fn takes_part(&self, identity: SpanIdentity) {
        if let Some(link) = self.tail.get().filter(|_| identity.sampled) {
            link.take_part(identity.trace_id);
        }
    }

    fn start_somewhere(&self, start: &SpanStart<'_>, parent: Parent) -> OpenSpan {
        match self.mode.get() {
            Some(Mode::Own) => self.own(start, parent, true),
            Some(Mode::Attached(tracer)) => {
                // Suppressed, or shut down: only the record will tell of it.
                attached(tracer, start, &parent).unwrap_or_else(|| self.own(start, parent, false))
            }
            None => self.resolve(start, parent),
        }
    }
}

impl TraceBackend for OtelBackend {
    fn start(&self, start: &SpanStart<'_>) -> OpenSpan {
        self.start_in(start, Parent::find(&start.innermost))
    }

    fn start_below(&self, start: &SpanStart<'_>, parent: Option<&OpenSpan>) -> OpenSpan {
        self.start_in(start, Parent::given(parent, self.mode.is_attached()))
    }

    #[cfg(feature = "tracing-opentelemetry")]
    fn of_tracing(
        &self,
        subscriber: &tracing::Dispatch,
        span: &tracing::span::Id,
    ) -> Option<SpanIdentity> {
        let identity = tracing_span::identity_of(subscriber, span)?;
        self.takes_part(identity);
        Some(identity)
    }

    fn current(&self, innermost: &Innermost<'_>) -> Option<OpenSpan> {
        let parent = Parent::find(innermost);
        match parent.source {
            Source::OpenTelemetry => {
                let identity = identity(&parent.context)?;
                let handle = Handle {
                    context: parent.context,
                    started: false,
                    named: false,
                    described: false,
                };
                Some(OpenSpan { identity, parent_span_id: None, handle: Some(Arc::new(handle)) })
            }
            Source::Layer(identity) if !self.mode.is_attached() => {
                Some(OpenSpan { identity, parent_span_id: None, handle: None })
            }
            Source::Foreign => innermost.tracing.cloned(),
            Source::Layer(_) | Source::Scope => innermost.scope.cloned(),
        }
    }

    fn attach(&self, span: &OpenSpan, run: &mut dyn FnMut()) {
        let context = match handle(span) {
            Some(handle) => Some(handle.context.clone()),
            None if span.is_remote() => remote_context(span.identity),
            // A span the user's provider knows nothing of would be a parent nobody can find.
            None if self.mode.is_attached() => None,
            None => {
                let ours = span_context(span.identity, None);
                Some(Context::map_current(|current| current.with_remote_span_context(ours)))
            }
        };
        let _attached = context.map(Context::attach);
        run();
    }

    fn finish(&self, span: OpenSpan, record: Option<&Record>) {
        #[cfg(feature = "tracing-opentelemetry")]
        if span.handle.is_none() && self.mode.get().is_none() {
            // A span of tracing-opentelemetry's, and none of ours so far: whose are they to be?
            tracing_span::decide(&self.mode);
        }
        let Some(Handle { context, started: true, named, described }) = handle(&span) else {
            return;
        };
        // A processor that exports at once does so on this thread, and is not to be traced.
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        let span = context.span();
        let Some(record) = record else {
            span.set_attribute(KeyValue::new(attribute::LLMOBS_LOST, true));
            span.end();
            return;
        };
        let shown = shown(record, &self.style);
        let view = SpanView::of(&shown, &self.style, Room::default());
        if let Some(view) = view.filter(|_| span.is_recording()) {
            span.update_name(view.name);
            // The SDK keeps both values of a key that is set twice.
            let mut attributes = view.attributes;
            let call = *described && record.kind == Kind::Interaction;
            attributes.retain(|attribute| match attribute.key.as_str() {
                attribute::PROVIDER_NAME => !named,
                attribute::OPERATION_NAME => !described,
                key => !(call && STARTED.contains(&key)),
            });
            span.set_attributes(attributes.into_iter().map(Attribute::into_pair));
            if let Some(description) = view.error {
                span.set_status(Status::error(description));
            }
        }
        span.end_with_timestamp(record.ended_at().map_or_else(SystemTime::now, Into::into));
    }

    fn tail_sampled(&self, recorder: &Recorder) {
        let _ = self.tail.set(Link::new(recorder, self.mode.clone()));
    }

    fn decided(&self, trace_id: TraceId, verdict: &TraceVerdict) {
        if let Some(link) = self.tail.get() {
            // A processor that exports at once does so on this thread, and is not to be traced.
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            link.decided(trace_id, verdict);
        }
    }

    fn nothing_decided(&self) {
        if let Some(link) = self.tail.get() {
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            link.over();
        }
    }

    fn tick(&self) {
        if let Some(link) = self.tail.get() {
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            link.tick();
        }
    }

    fn mode(&self) -> Option<&'static str> {
        Some(match self.mode.get()? {
            Mode::Attached(_) => "attached",
            Mode::Own => "own",
        })
    }
}

fn handle(span: &OpenSpan) -> Option<&Handle> {
    let handle: &(dyn Any + Send + Sync) = span.handle.as_deref()?;
    handle.downcast_ref()
}

/// Starts the span with `tracer`; `None` when that is a no-op, or suppressed, or shut down.
fn attached<T>(tracer: &T, start: &SpanStart<'_>, parent: &Parent) -> Option<OpenSpan>
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    let builder = SpanBuilder::from_name(start.name.clone())
        .with_kind(match start.kind {
            SpanKind::Client => opentelemetry::trace::SpanKind::Client,
            _ => opentelemetry::trace::SpanKind::Internal,
        })
        .with_start_time(start.at)
        .with_attributes(sampling_attributes(start));
    let span = tracer.build_with_context(builder, &parent.context);
    let parent_identity = identity(&parent.context);
    let context = parent.context.with_span(span);
    // A no-op tracer hands the parent's ids on, or none.
    let new = |own: &SpanIdentity| parent_identity.is_none_or(|p| p.span_id != own.span_id);
    let identity = identity(&context).filter(new)?;
    Some(OpenSpan {
        identity,
        parent_span_id: parent_identity.map(|parent| parent.span_id),
        handle: Some(Arc::new(Handle {
            context,
            started: true,
            named: start.provider.is_some(),
            described: start.operation.is_some(),
        })),
    })
}

/// What samplers are to see, by the conventions; set when the span starts, and not again. So is the
/// provider, where it is known by then: else the server's address says as much.
const STARTED: [&str; 3] =
    [attribute::OPERATION_NAME, attribute::SERVER_ADDRESS, attribute::SERVER_PORT];

fn sampling_attributes(start: &SpanStart<'_>) -> Vec<KeyValue> {
    let mut started = Vec::with_capacity(4);
    started.extend(start.operation.map(|name| KeyValue::new(attribute::OPERATION_NAME, name)));
    started.extend(
        start.provider.map(|name| KeyValue::new(attribute::PROVIDER_NAME, name.to_owned())),
    );
    if let Some((address, port)) = start.server {
        started.push(KeyValue::new(attribute::SERVER_ADDRESS, address.to_owned()));
        if let Some(port) = port {
            started.push(KeyValue::new(attribute::SERVER_PORT, i64::from(port)));
        }
    }
    started
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("context", &self.context).finish_non_exhaustive()
    }
}

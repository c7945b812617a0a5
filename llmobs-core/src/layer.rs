//! Ids for `tracing` spans in services without OpenTelemetry.

use std::sync::{Arc, OnceLock};

use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::id::{Ids, RandomIds};
use crate::record::{Outcome, StepKind};
use crate::recorder::Recorder;
use crate::scope::{Place, Scope, TracingSpan, enter_tracing, exit_tracing, here};
use crate::span::{LocalBackend, OpenSpan, SpanIdentity};
use crate::step::OpenStep;
use crate::time::{Clock, SystemClock, Timestamp};
use crate::worker::Message;

/// A `tracing` layer that lets `tracing` spans take their place between ours.
///
/// For services without OpenTelemetry: add it to the subscriber, and a call made inside an
/// `info_span!` becomes that span's child, and a `tracing` span opened inside a traced function
/// becomes that function's. A `tracing` span that something observed hangs below is recorded as a
/// step, so that no parent is missing; all others leave no trace.
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let subscriber = tracing_subscriber::registry().with(llmobs_core::layer());
/// tracing::subscriber::with_default(subscriber, || {
///     let span = tracing::info_span!("handle request");
///     assert!(!span.is_disabled());
/// });
/// ```
pub fn layer() -> Layer {
    Layer { clock: SystemClock::default() }
}

/// See [`layer`].
#[derive(Clone, Debug)]
pub struct Layer {
    clock: SystemClock,
}

/// What the layer keeps in a span.
struct Kept {
    span: Arc<TracingSpan>,
    at: Timestamp,
    began: u64,
    scope: Option<Scope>,
}

impl<S> tracing_subscriber::Layer<S> for Layer
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let Some(span) = cx.span(id) else { return };
        let kept = |id: &Id| {
            let span = cx.span(id)?;
            let extensions = span.extensions();
            extensions.get::<Kept>().map(|kept| Arc::clone(&kept.span))
        };
        let mut scope = None;
        let (parent, identity) = if attributes.is_contextual() {
            // A scope entered inside the current `tracing` span stands between it and this one.
            let place @ Place { .. } = here();
            let tracing = place.tracing_span;
            let around = place.scope.as_ref().and_then(Scope::span).map(|span| span.identity);
            let identity = tracing.as_ref().map(|span| span.identity).or(around);
            scope = place.scope;
            (tracing, identity)
        } else {
            let parent = attributes.parent().and_then(kept);
            let identity = parent.as_ref().map(|parent| parent.identity);
            (parent, identity)
        };
        let ids: &dyn Ids = &RandomIds;
        let OpenSpan { identity, parent_span_id, .. } = LocalBackend::child_of(identity, ids);
        let used = OnceLock::new();
        let id = id.into_u64();
        let kept = Kept {
            span: Arc::new(TracingSpan { id, identity, parent_span_id, parent, used }),
            at: self.clock.now(),
            began: self.clock.elapsed(),
            scope,
        };
        span.extensions_mut().insert(kept);
    }

    fn on_enter(&self, id: &Id, cx: Context<'_, S>) {
        let Some(span) = cx.span(id) else { return };
        let entered = span.extensions().get::<Kept>().map(|kept| Arc::clone(&kept.span));
        if let Some(entered) = entered {
            enter_tracing(&entered);
        }
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        exit_tracing(id.into_u64());
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        let Some(span) = cx.span(&id) else { return };
        let Some(kept) = span.extensions_mut().remove::<Kept>() else { return };
        let Some(recorder) = kept.span.used.get().cloned() else { return };
        if !recorder.reserve() {
            return;
        }
        let SpanIdentity { .. } = kept.span.identity;
        let open = OpenSpan {
            identity: kept.span.identity,
            parent_span_id: kept.span.parent_span_id,
            handle: None,
        };
        let scope = kept.scope.unwrap_or_default().with_span(&recorder, open, None);
        let step = OpenStep {
            scope,
            group: None,
            recorder: Recorder::clone(&recorder),
            kind: StepKind::Span,
            name: span.name().into(),
            at: kept.at,
            began: kept.began,
            ended: self.clock.elapsed(),
            failure: None,
            outcome: Outcome::Completed,
            items: None,
            details: None,
        };
        recorder.send(Message::StepEnded(Box::new(step)));
    }
}

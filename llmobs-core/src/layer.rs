//! `tracing` spans among ours: ids for those of services without OpenTelemetry, records for those of
//! other LLM crates.

mod fields;
mod foreign;
mod name;
mod span;

use std::borrow::Cow;
use std::sync::Arc;

use tracing::Dispatch;
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

pub(crate) use self::fields::Fields;
use self::foreign::Below;
pub(crate) use self::foreign::{Foreign, SpanEnd};
use self::name::name_in;
pub(crate) use self::span::TracingSpan;
use self::span::{Home, Is};
use crate::contain::contained;
use crate::id::{Ids, RandomIds};
use crate::record::{Outcome, StepKind};
use crate::recorder::Recorder;
use crate::scope::{Place, Scope, enter_tracing, exit_tracing, here};
use crate::span::{Innermost, LocalBackend};
use crate::step::OpenStep;
use crate::time::{Clock, SystemClock, Timestamp};
use crate::worker::Message;

/// A `tracing` layer that lets `tracing` spans take their place between ours, and turns those of
/// other LLM crates into records.
///
/// A span that names a `gen_ai.operation.name`, as rig, genai and others make them, is recorded: a
/// call to a model as an interaction, with models, tokens and what else the span tells, and a tool,
/// an agent or a workflow as a step. The times are the span's, and
/// [`latency.clock`](crate::LatencyClock::Span) says so. Fields with messages are looked at only where
/// capture allows them. A call that is observed on its way as well is recorded once, by the better
/// observer: it takes the span's place.
///
/// A call made inside any other span becomes that span's child, and a `tracing` span opened inside a
/// traced function becomes that function's. A `tracing` span that something observed hangs below is
/// recorded as a step, so that no parent is missing; all others leave no trace. A field `otel.name`
/// names it, as it does for tracing-opentelemetry.
///
/// Beside tracing-opentelemetry, in any order, spans are that one's, ids and all: records have them,
/// and llmobs exports none a second time to the provider. (The trace backend must know of it: feature
/// `tracing-opentelemetry`.)
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
    Layer { clock: SystemClock::default(), subscriber: Home::default() }
}

/// See [`layer`].
#[derive(Debug)]
pub struct Layer {
    clock: SystemClock,
    subscriber: Home,
}

impl Clone for Layer {
    fn clone(&self) -> Self {
        // It may be put into another subscriber.
        layer()
    }
}

/// What the layer keeps in a span.
struct Kept {
    span: Arc<TracingSpan>,
    at: Timestamp,
    began: u64,
    scope: Option<Scope>,
    /// The name that its fields give it.
    name: Option<String>,
}

fn kept<S>(cx: &Context<'_, S>, id: &Id) -> Option<Arc<TracingSpan>>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let span = cx.span(id)?;
    let extensions = span.extensions();
    extensions.get::<Kept>().map(|kept| Arc::clone(&kept.span))
}

impl Layer {
    /// Ids of a span that is nothing but a span.
    fn any(&self, place: &Place, parent: Option<&TracingSpan>, contextual: bool) -> Is {
        // A scope entered inside the current `tracing` span stands between it and this one.
        let around = place.scope.as_ref().and_then(Scope::span).filter(|_| contextual);
        let above = parent.and_then(TracingSpan::open).or_else(|| around.cloned());
        let ids: &dyn Ids = &RandomIds;
        let open = LocalBackend::child_of(above.map(|above| above.identity), ids);
        Is::Any { identity: open.identity, parent_span_id: open.parent_span_id }
    }

    /// An operation that another crate's span tells of.
    fn foreign<S>(
        &self,
        attributes: &Attributes<'_>,
        parent: Option<&(Arc<TracingSpan>, Option<Scope>)>,
        place: &Place,
        cx: &Context<'_, S>,
    ) -> Option<Foreign>
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    {
        let recorder = place.scope.as_ref().and_then(Scope::recorder_ref).cloned();
        let recorder =
            recorder.or_else(Recorder::process_wide).filter(|recorder| recorder.is_enabled())?;
        let of_tracing = |id: &Id| {
            let subscriber = self.subscriber.get()?;
            contained(|| recorder.backend().of_tracing(&subscriber, id)).flatten()
        };
        let mut around = place.scope.clone().unwrap_or_default();
        // Told apart by hand, a current parent is no other than the current one.
        let explicit = attributes.parent().map(Id::into_u64);
        let is_current = explicit.is_some_and(|id| {
            let innermost = place.tracing_span.as_ref().map(|span| span.id());
            innermost.or(place.tracing_at_entry) == Some(id)
        });
        let mut below = Below::default();
        if attributes.is_contextual() || is_current {
            recorder.place();
            let innermost = Innermost {
                scope: around.span(),
                tracing_at_entry: place.tracing_at_entry,
                tracing: place.tracing.as_ref(),
            };
            below.ours = contained(|| recorder.backend().current(&innermost)).flatten();
            let ours = below.ours.as_ref();
            below.known = if is_current {
                attributes.parent().and_then(of_tracing)
            } else {
                let scope = around.span().map(|span| span.identity);
                let opened_since =
                    ours.filter(|ours| ours.handle.is_some() && Some(ours.identity) != scope);
                let current = || {
                    let current = cx.lookup_current().filter(|_| place.tracing_span.is_some())?;
                    of_tracing(&current.id())
                };
                let known = opened_since.map(|ours| ours.identity).or_else(current);
                known.or_else(|| ours.map(|ours| ours.identity))
            };
        } else if let Some((parent, scope)) = parent {
            parent.mark(&recorder);
            around = scope.clone().unwrap_or_default();
            if let Some(foreign) = parent.foreign() {
                foreign.resolve(parent);
                around.go_inside(foreign);
            }
            below.ours = parent.open().or_else(|| around.span().cloned());
            below.known = attributes.parent().and_then(of_tracing);
        } else {
            // No `tracing` span is to be the parent; a scope of ours is none.
            below.ours = around.span().cloned();
        }
        Foreign::begin(&recorder, attributes, around, below)
    }

    /// Finds the subscriber where nobody told of it, as lists of layers do not.
    fn look_around(&self) {
        if !self.subscriber.is_known() {
            tracing::dispatcher::get_default(|current| {
                let layer = current.downcast_ref::<Self>();
                if layer.is_some_and(|layer| layer.subscriber.is(&self.subscriber)) {
                    self.subscriber.set(current);
                }
            });
        }
    }
}

impl<S> tracing_subscriber::Layer<S> for Layer
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        self.subscriber.set(subscriber);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let Some(span) = cx.span(id) else { return };
        if span.extensions().get::<Kept>().is_some() {
            // Another layer of ours in the same subscriber has seen it.
            return;
        }
        let place = here();
        let contextual = attributes.is_contextual();
        let explicit = attributes.parent().and_then(|id| {
            let span = cx.span(id)?;
            let extensions = span.extensions();
            let kept = extensions.get::<Kept>()?;
            Some((Arc::clone(&kept.span), kept.scope.clone()))
        });
        let parent = match contextual {
            true => place.tracing_span.clone(),
            false => explicit.as_ref().map(|(parent, _)| Arc::clone(parent)),
        };
        let foreign = Foreign::is_declared(attributes)
            .then(|| self.foreign(attributes, explicit.as_ref(), &place, &cx))
            .flatten();
        let (is, name) = match foreign {
            Some(foreign) => (Is::Foreign(Arc::new(foreign)), None),
            None => (
                self.any(&place, parent.as_deref(), contextual),
                name_in(attributes.metadata(), |visitor| attributes.record(visitor)),
            ),
        };
        let kept = Kept {
            span: Arc::new(TracingSpan::new(id.clone(), self.subscriber.clone(), is, parent)),
            at: self.clock.now(),
            began: self.clock.elapsed(),
            scope: place.scope.filter(|_| contextual),
            name,
        };
        span.extensions_mut().insert(kept);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        let Some(known) = kept(&cx, id) else { return };
        if let Some(foreign) = known.foreign() {
            self.look_around();
            foreign.resolve(&known);
            foreign.record(values);
            return;
        }
        let Some(span) = cx.span(id) else { return };
        let Some(name) = name_in(span.metadata(), |visitor| values.record(visitor)) else { return };
        if let Some(kept) = span.extensions_mut().get_mut::<Kept>() {
            kept.name = Some(name);
        }
    }

    fn on_enter(&self, id: &Id, cx: Context<'_, S>) {
        let Some(entered) = kept(&cx, id) else { return };
        self.look_around();
        if let Some(foreign) = entered.foreign() {
            foreign.resolve(&entered);
        }
        enter_tracing(&entered);
    }

    fn on_exit(&self, id: &Id, cx: Context<'_, S>) {
        exit_tracing(id.into_u64());
        if let Some(foreign) = kept(&cx, id).as_ref().and_then(|span| span.foreign()) {
            foreign.leave();
        }
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        let Some(span) = cx.span(&id) else { return };
        let Some(kept) = span.extensions_mut().remove::<Kept>() else { return };
        if let Some(foreign) = kept.span.foreign() {
            self.look_around();
            return Arc::clone(foreign).close(&kept.span);
        }
        let Some(recorder) = kept.span.recorder() else { return };
        let Some(open) = kept.span.open().filter(|_| recorder.reserve()) else { return };
        let step = OpenStep {
            scope: kept.scope.unwrap_or_default().with_span(recorder, open, None),
            group: None,
            recorder: recorder.clone(),
            kind: StepKind::Span,
            name: kept.name.map_or(Cow::Borrowed(span.name()), Cow::Owned),
            at: kept.at,
            began: kept.began,
            ended: self.clock.elapsed(),
            failure: None,
            outcome: Some(Outcome::Completed),
            items: None,
            details: None,
        };
        recorder.send(Message::StepEnded(Box::new(step)));
    }
}

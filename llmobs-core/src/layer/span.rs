//! A `tracing` span as the recorder knows it.

use std::sync::{Arc, OnceLock};

use tracing::Dispatch;
use tracing::dispatcher::WeakDispatch;
use tracing::span::Id;

use super::foreign::Foreign;
use crate::contain::contained;
use crate::id::SpanId;
use crate::recorder::Recorder;
use crate::span::{OpenSpan, SpanIdentity};

/// The subscriber a layer is in, once it knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Home(Arc<OnceLock<WeakDispatch>>);

impl Home {
    pub(super) fn get(&self) -> Option<Dispatch> {
        self.0.get()?.upgrade()
    }

    pub(super) fn set(&self, subscriber: &Dispatch) {
        let _ = self.0.set(subscriber.downgrade());
    }

    pub(super) fn is_known(&self) -> bool {
        self.0.get().is_some()
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A `tracing` span with ids of ours, or with those of what another crate observes itself.
#[derive(Debug)]
pub(crate) struct TracingSpan {
    pub(super) id: Id,
    subscriber: Home,
    pub(super) is: Is,
    pub(super) parent: Option<Arc<TracingSpan>>,
    /// Set at the first operation below.
    used: OnceLock<Used>,
}

/// What a span is to us.
#[derive(Debug)]
pub(super) enum Is {
    /// Some span of the application's.
    Any { identity: SpanIdentity, parent_span_id: Option<SpanId> },
    /// An operation that another crate tells of.
    Foreign(Arc<Foreign>),
}

/// What was observed below a span.
#[derive(Debug)]
struct Used {
    by: Recorder,
    /// The trace backend has the span from elsewhere.
    known: bool,
}

impl TracingSpan {
    pub(super) fn new(id: Id, subscriber: Home, is: Is, parent: Option<Arc<Self>>) -> Self {
        Self { id, subscriber, is, parent, used: OnceLock::new() }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id.into_u64()
    }

    /// The span to nest below.
    pub(crate) fn open(&self) -> Option<OpenSpan> {
        match &self.is {
            Is::Any { identity, parent_span_id } => Some(OpenSpan {
                identity: *identity,
                parent_span_id: *parent_span_id,
                handle: None,
            }),
            Is::Foreign(foreign) => foreign.span().cloned(),
        }
    }

    pub(crate) fn foreign(&self) -> Option<&Arc<Foreign>> {
        match &self.is {
            Is::Foreign(foreign) => Some(foreign),
            Is::Any { .. } => None,
        }
    }

    /// Ids that something else gave to the span.
    pub(super) fn known(&self, recorder: &Recorder) -> Option<SpanIdentity> {
        let subscriber = self.subscriber.get()?;
        contained(|| recorder.backend().of_tracing(&subscriber, &self.id)).flatten()
    }

    /// Notes that something observed by `recorder` hangs below this span, which makes it worth a
    /// record.
    pub(crate) fn mark(&self, recorder: &Recorder) {
        let mut span = Some(self);
        while let Some(unmarked) = span.filter(|span| span.used.get().is_none()) {
            let known = matches!(unmarked.is, Is::Any { .. }) && unmarked.known(recorder).is_some();
            let _ = unmarked.used.set(Used { by: recorder.clone(), known });
            span = unmarked.parent.as_deref();
        }
    }

    /// Who records the span, as a parent that would be missing else.
    pub(super) fn recorder(&self) -> Option<&Recorder> {
        self.used.get().filter(|used| !used.known).map(|used| &used.by)
    }
}

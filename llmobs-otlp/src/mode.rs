//! Whose spans they are: the user's provider's, or our own.

use std::sync::{Arc, OnceLock};

use llmobs_core::semconv::{SCHEMA_URL, SCOPE_NAME};
use opentelemetry::InstrumentationScope;
use opentelemetry::global::BoxedTracer;

/// The decision, shared by backend, sink and metrics; taken once, at the first operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModeCell(Arc<OnceLock<Mode>>);

#[derive(Debug)]
pub(crate) enum Mode {
    /// Spans are started and ended with the user's tracer.
    Attached(BoxedTracer),
    /// Spans are made from records and exported by our own sink.
    Own,
}

impl ModeCell {
    pub(crate) fn get(&self) -> Option<&Mode> {
        self.0.get()
    }

    /// Decides; the first decision stays.
    pub(crate) fn decide(&self, mode: Mode) -> &Mode {
        self.0.get_or_init(|| mode)
    }

    pub(crate) fn is_attached(&self) -> bool {
        matches!(self.get(), Some(Mode::Attached(_)))
    }
}

/// The instrumentation scope of our spans and metrics.
pub(crate) fn instrumentation_scope() -> InstrumentationScope {
    InstrumentationScope::builder(SCOPE_NAME)
        .with_version(env!("CARGO_PKG_VERSION"))
        .with_schema_url(SCHEMA_URL)
        .build()
}

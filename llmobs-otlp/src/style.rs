//! How records are written as spans, the same in both modes.

use std::sync::Arc;

use crate::compat::Compat;
use crate::otlp::Semconv;

/// What there was to choose about spans.
#[derive(Clone, Debug, Default)]
pub(crate) struct Style {
    pub(crate) compat: Arc<[Compat]>,
    #[expect(dead_code, reason = "spans of both states are the same so far")]
    pub(crate) semconv: Semconv,
}

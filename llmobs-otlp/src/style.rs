//! How records are written as spans, the same in both modes.

use std::sync::Arc;

use crate::compat::Compat;
use crate::otlp::Semconv;
use crate::span::Limits;

/// What there was to choose about spans.
#[derive(Clone, Debug, Default)]
pub(crate) struct Style {
    pub(crate) compat: Arc<[Compat]>,
    pub(crate) semconv: Semconv,
    pub(crate) limits: Limits,
}

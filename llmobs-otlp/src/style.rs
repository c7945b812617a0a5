//! How records are written as spans and events, the same in both modes.

use std::sync::Arc;

use crate::compat::Compat;
use crate::otlp::{ContentPlace, Semconv};

/// What there was to choose about spans and events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Style {
    pub(crate) compat: Arc<[Compat]>,
    #[expect(dead_code, reason = "spans of both states are the same so far")]
    pub(crate) semconv: Semconv,
    /// Where content that was captured goes.
    pub(crate) content: ContentPlace,
    /// Each generating call makes an event with its details.
    pub(crate) details: bool,
}

//! Checks what arrives over OTLP against the registries of the OpenTelemetry conventions.
//!
//! For the tests of llmobs: a receiver hands every request it decoded to a [`Checker`] and fails on
//! what no [`Exceptions`] declare. What is known comes from three files in one format: the GenAI
//! registry, `llmobs-otlp/semconv/llmobs.json` with our own names, and `registry/rules.json` with
//! what the conventions say in words only.
//!
//! ```
//! use llmobs_conformance::Checker;
//! use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
//!
//! // `None`, loudly, where the GenAI registry is not at hand.
//! if let Some(checker) = Checker::of_this_workspace()? {
//!     let arrived = ExportTraceServiceRequest::default();
//!     assert!(checker.check_traces(&arrived).is_empty());
//! }
//! # Ok::<(), llmobs_conformance::RegistryError>(())
//! ```

mod attributes;
mod checker;
mod content;
mod event;
mod exceptions;
mod metric;
mod registry;
mod scope;
mod span;
mod table;
mod value;
mod violation;

pub use crate::checker::{Checker, State};
pub use crate::exceptions::{Exception, Exceptions};
pub use crate::registry::{
    AttributeDef, AttributeUse, EventDef, Level, MetricDef, Registry, RegistryError, SpanDef, Type,
};
pub use crate::table::markdown;
pub use crate::violation::{Class, Signal, Violation};

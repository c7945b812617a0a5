//! OpenTelemetry for llmobs: spans, metrics and events, through a pipeline of our own or the user's provider.
//!
//! For those who assemble a recorder from its parts; applications use the `llmobs` crate, which
//! re-exports what they need.
//!
//! ```
//! use llmobs_core::Builder;
//! use llmobs_otlp::Otlp;
//!
//! let otlp = Otlp::new().endpoint("http://localhost:4318")?;
//! assert!(otlp.exports());
//! let builder = otlp.install(Builder::new().service("shop"));
//! assert!(builder.has_sinks());
//! # Ok::<(), llmobs_otlp::OtlpError>(())
//! ```
//!
//! # Two modes
//!
//! [`OtelBackend`] decides at the first operation. With a tracer provider of the application's,
//! given in code or set globally by then, llmobs is *attached*: our spans are that provider's, and
//! what becomes of them after their end is unknown to us. Without one, spans leave through the
//! *own* pipeline, where they are counted like every record: what is lost is known by cause, and a
//! flush says what is left.
//!
//! # Features
//!
//! - `tracing-opentelemetry`: tells `llmobs::layer()` which spans tracing-opentelemetry exports, so
//!   that none is exported twice, and finds the parent also where that runs with its context
//!   activation turned off. A `tracing` span opened *inside* a step is, in that set-up, no
//!   child of the step's when it has a `tracing` parent of its own: tracing-opentelemetry looks no
//!   further.
//! - `tls`: exports to `https` endpoints, through rustls.
//! - `grpc`: exports over gRPC, too.
//! - `prometheus`: metrics that Prometheus scrapes.

#![doc = include_str!("../METRICS.md")]

mod attributes;
mod backend;
mod compat;
mod event;
mod metrics;
mod mode;
mod otlp;
#[cfg(feature = "prometheus")]
mod prometheus;
mod quiet;
mod resource;
mod sink;
mod span;
mod style;
mod tail;
mod transport;

pub use self::backend::OtelBackend;
pub use self::compat::Compat;
pub use self::event::{EventSink, LoggerSink};
pub use self::metrics::OtlpMetrics;
pub use self::otlp::{
    Compression, ContentPlace, Destination, Otlp, OtlpError, Protocol, Semconv, Signal, Temporality,
};
#[cfg(feature = "prometheus")]
pub use self::prometheus::Prometheus;
pub use self::sink::OtlpSink;
pub use self::tail::{TailAccount, TailCounts, TailSampled};

/// The registry of the names under `llmobs.`: attributes, spans, metrics and events, as JSON in the
/// form of the GenAI registry that it extends.
///
/// Here for tools that check or document what arrives; `SEMCONV.md` beside it is the same for readers.
pub const REGISTRY: &str = include_str!("../semconv/llmobs.json");

//! LLM observability for Rust: what every call of `async-openai` took, cost and came to.
//!
//! For services that call models, most of all through `async-openai`. One line starts the recorder,
//! one makes the client, and call sites stay as they are:
//!
//! ```
//! # use async_openai::config::OpenAIConfig;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let file = tempfile::tempdir()?.keep().join("llmobs.jsonl");
//! # let llmobs = llmobs::builder().file(&file).start()?;
//! # let _ = "
//! let llmobs = llmobs::init()?;
//! # ";
//! let client = llmobs::openai::client(OpenAIConfig::new());
//! // … every call of `client` is now a record, a span and metrics.
//! llmobs::openai::assert_instrumented(&client);
//! # drop(llmobs);
//! # std::fs::remove_dir_all(file.parent().unwrap())?;
//! # Ok(())
//! # }
//! ```
//!
//! # Where it goes
//!
//! With an OTLP endpoint in the environment (`OTEL_EXPORTER_OTLP_ENDPOINT`), spans, metrics and
//! events go there; without one, records go to `llmobs.jsonl` in the working directory, and one line
//! on standard error says so. [`builder`] says the same things in code.
//!
//! # What is told
//!
//! Each call is one [`Record`]: model and version, tokens, time to first token, time per output
//! token, where the time went, finish reason, outcome. Unknown is absent. A stream whose reader
//! left is [`Outcome::Dropped`], neither an error nor a success. Nothing that users or models say
//! is kept unless [`Capture`] allows it.
//!
//! # Steps of your own
//!
//! `#[trace_llm]` puts your prompt builders, retrievers, tools and agents into the same trace, and
//! [`scope()`] gives everything inside it a session, a user, tags, a prompt version. Steps tell what
//! they found ([`AsDocument`]), which call of a model they answer ([`AsToolCall`]), and their names
//! ([`AsAgent`], [`AsWorkflow`]); a [`Step`] by hand can say the same.
//!
//! # Prompts
//!
//! `prompt!` checks a template in the compiler, [`Template`] at run time. A call that sends the
//! text has the template's name, version and hash in its record, without anything in between.
//!
//! # Starting and stopping
//!
//! The [`Llmobs`] that [`init`] returns is a guard: its drop delivers what waits, and records calls
//! that are still open as [`Outcome::Unfinished`]. [`flush`](Recorder::flush) waits for what was recorded
//! so far, [`idle`](Recorder::idle) until nothing is open as well, [`shutdown`](Llmobs::shutdown) for
//! the end; each has a form for tasks (`…_async`) that needs no particular runtime and holds no thread.
//! [`Builder::on_panic`] sets a panic hook, for processes in which nothing is dropped.
//!
//! A recorder's threads are those of the process that started it. In a child made by `fork`, start one
//! there: one from before the fork has no threads, so what it is given is kept within its
//! [`Limits`] and goes nowhere. Flush, idle and shutdown then fail at once
//! ([`FlushError::is_forked`]) and turn it off, and its drop waits for nothing. As in every process with
//! threads, a lock that is held at the moment of the fork stays held in the child. The parent's
//! recorder goes on; its file and its spool are locked until both processes have ended.
//!
//! # Features
//!
//! - `openai` (default): the client and the service for `async-openai`.
//! - `macros` (default): `#[trace_llm]` and `prompt!`.
//! - `otlp` (default): spans, metrics and events over OTLP, or through an OpenTelemetry provider of yours.
//! - `grpc`: OTLP over gRPC, too.
//! - `prometheus`: metrics that Prometheus scrapes, from a port of ours or through your own router.
//! - `content` (default): captured content; without it nothing that users or models say can be kept,
//!   whatever [`Capture`] says.
//! - `gzip` (default), `brotli`: answers that the client does not decompress itself. What comes in an
//!   encoding that is not turned on is counted as [`Cut`]; the application gets it as ever.
//! - `estimate`: token counts where hosts send none, by tokenizers in the binary (turned on by
//!   `Builder::estimate` or `LLMOBS_ESTIMATE`).
//! - `http` (default): a layer for any other client, and for proxies.
//! - `reqwest-middleware`: a middleware for clients of that name.
//! - `layer`: [`layer()`](https://docs.rs/llmobs), records of the spans of other LLM crates such as rig
//!   and genai, and ids for `tracing` spans without OpenTelemetry.
//! - `tracing-opentelemetry`: right parents with its context activation turned off.
//! - `testing`: doubles and assertions for your tests.
//! - `tls`: HTTPS through rustls, when your own dependency on `async-openai` chose no TLS.

mod environment;
mod start;
#[cfg(feature = "testing")]
pub mod testing;

#[doc(hidden)]
pub use llmobs_core::__private;
pub use llmobs_core::{
    Agent, Amount, AmountError, AsAgent, AsDocument, AsDocuments, AsToolCall, AsWorkflow, Attempt,
    AttemptDetail, Backoff, Batch, BodyEnd, Call, CallRef, CallStart, Capture, Clock, Closing,
    Console, Consumer, ConsumerEnd, Content, Cost, CostSource, Cut, CutField, DecidedEarly,
    Decoder, Detector, DocumentRef, ErrorClass, Evaluated, Evaluation, Event, EventFacts, Failure,
    Fallback, FallbackAttempt, FlushError, Flushing, Fold, Found, Headers, IdError, Ids, InScope,
    InStep, Innermost, IterInStep, JsonLines, JsonLinesError, Kind, Latency, LatencyClock, Limits,
    Llmobs, LocalBackend, Logprobs, LossCause, LossReport, Losses, Memory, Meta, Notes,
    ObservedOpening, ObservedStream, OnPanic, OpenCalls, OpenSpan, Outcome, Params, PriceError,
    PriceTable, Processor, Prompt, ProviderNameError, ProviderNames, RateLimit, Reasoning, Record,
    Recorder, Redact, RedactError, RenderError, RequestId, Retrieval, Retrieved, Rotation, Route,
    Rule, SCHEMA, Safety, Sampling, Scope, ScopeExt, Sensitive, Server, Sink, SinkError,
    SinkLosses, SpanId, SpanIdentity, SpanKind, SpanStart, StartError, Step, StepKind,
    StreamInStep, StreamObserver, StreamStart, SystemClock, TailSampling, Tap, Target, Template,
    TemplateError, Term, Text, Timestamp, TimestampError, Tool, ToolCall, Totals, TpotSource,
    TraceBackend, TraceId, TraceVerdict, TransportError, Turn, Usage, UsagePolicy, UsageSource,
    Verdict, WeakRecorder, Wire, Workflow, fallback, observe_opening, observe_stream, scope,
    semconv,
};
#[cfg(feature = "layer")]
pub use llmobs_core::{Layer, layer};
#[cfg(feature = "macros")]
pub use llmobs_macros::{prompt, trace_llm};

pub use self::environment::EnvironmentError;
pub use self::start::{Builder, InitError, builder, init};

/// async-openai under observation.
#[cfg(feature = "openai")]
pub mod openai {
    pub use llmobs_openai::*;
}

/// Other clients: a layer for `tower` services of HTTP requests, a middleware for
/// `reqwest-middleware`.
///
/// ```
/// /// Any client that is a service of HTTP requests, observed.
/// fn observed<S>(client: S) -> llmobs::http::Observe<S> {
///     let observe = llmobs::http::ObserveLayer::new();
///     tower::ServiceBuilder::new().layer(observe).service(client)
/// }
/// ```
#[cfg(feature = "http")]
pub mod http {
    pub use llmobs_http::*;
}

/// OpenTelemetry: the own pipeline, or a provider of yours.
#[cfg(feature = "otlp")]
pub mod otlp {
    pub use llmobs_otlp::*;
}

/// The README's examples, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

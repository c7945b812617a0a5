//! The recorder, the record and the sinks behind llmobs.
//!
//! This crate is for those who write adapters, exporters and macros; applications use the `llmobs`
//! crate, which re-exports what they need.

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod alarm;
mod call;
mod capture;
#[doc(hidden)]
pub mod contain;
mod decoder;
mod delivery;
mod enabled;
mod fallback;
mod group;
mod hosts;
mod id;
#[cfg(feature = "layer")]
mod layer;
mod lifecycle;
mod loss;
mod media;
mod observe;
mod offline;
mod outlet;
mod pricing;
mod processor;
mod prompt;
mod provider;
mod queue;
mod record;
mod recorder;
mod redact;
mod sampling;
#[cfg(feature = "schema")]
mod schema;
mod scope;
pub mod semconv;
mod sensitive;
mod sink;
mod span;
mod spool;
mod step;
mod stream;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod threads;
mod time;
mod usage;
mod user_id;
mod worker;

pub use self::call::{
    Attempt, BodyEnd, Call, CallRef, CallStart, Propagation, RequestTap, Tap, TransportError,
};
pub use self::capture::Capture;
pub use self::decoder::{
    Closing, Decoder, Event, EventFacts, Fold, Headers, Reasoning, Route, Target, Text, Turn,
};
pub use self::delivery::Backoff;
pub use self::fallback::{Fallback, fallback};
pub use self::id::{IdError, Ids, RandomIds, RequestId, SpanId, TraceId};
#[cfg(feature = "layer")]
pub use self::layer::{Layer, layer};
pub use self::lifecycle::{Builder, Llmobs, OnPanic, StartError};
pub use self::loss::{DecidedEarly, LossCause, Losses, SinkLosses};
pub use self::media::is_binary;
pub use self::observe::{
    Notes, ObservedOpening, ObservedStream, StreamObserver, StreamStart, observe_opening,
    observe_stream,
};
pub use self::offline::{DecodeError, Exchange, Offline};
#[doc(hidden)]
pub use self::outlet::Outlet;
pub use self::pricing::{PriceError, PriceTable};
pub use self::processor::{Flushing, Processor, Verdict};
pub use self::prompt::{RenderError, Template, TemplateError};
pub use self::provider::{ProviderNameError, ProviderNames};
pub use self::record::{
    Agent, Amount, AmountError, AttemptDetail, Consumer, ConsumerEnd, Content, Cost, CostSource,
    Cut, CutField, DocumentRef, ErrorClass, Evaluated, Evaluation, Failure, FallbackAttempt, Kind,
    Latency, LatencyClock, Logprobs, LossReport, Memory, Meta, Outcome, Params, Prompt, RateLimit,
    Record, Retrieval, Retrieved, SCHEMA, Safety, Sampling, Server, StepKind, Term, Tool, ToolCall,
    Totals, TpotSource, Usage, UsageSource, Wire, Workflow, millis,
};
pub use self::recorder::{FlushError, Limits, OpenCalls, Recorder, WeakRecorder};
pub use self::redact::{Detector, Found, Redact, RedactError};
#[doc(hidden)]
pub use self::sampling::Decisions;
pub use self::sampling::{Rule, TailSampling, TraceVerdict};
#[cfg(feature = "schema")]
pub use self::schema::schema;
pub use self::scope::{InScope, Scope, ScopeExt, scope};
pub use self::sensitive::Sensitive;
pub use self::sink::{
    Batch, Console, JsonLines, JsonLinesError, JsonLinesWriter, Rotation, Sink, SinkError,
};
pub use self::span::{
    Innermost, LocalBackend, OpenSpan, SpanIdentity, SpanKind, SpanStart, TraceBackend,
};
pub use self::step::{
    AsAgent, AsDocument, AsDocuments, AsToolCall, AsWorkflow, InStep, IterInStep, Step,
    StreamInStep,
};
pub use self::stream::SseParser;
pub use self::time::{Clock, SystemClock, Timestamp, TimestampError};
pub use self::usage::UsagePolicy;

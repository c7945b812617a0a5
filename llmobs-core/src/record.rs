//! The record: one typed value per observed call or step, the source of every output.
//!
//! Spans, metrics and JSON lines are each derived from a [`Record`] in one function. A field that
//! is absent is unknown; nothing is filled in with zero. Units are in the names (`_ms`), times of
//! day are UTC.

mod attempt;
mod consumer;
mod content;
mod cost;
mod failure;
mod latency;
mod meta;
mod request;
mod response;
mod step;
mod totals;
mod usage;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::attempt::AttemptDetail;
pub use self::consumer::{Consumer, ConsumerEnd};
pub use self::content::{Content, Cut, CutField};
pub use self::cost::{Amount, AmountError, Cost, CostSource};
pub use self::failure::{ErrorClass, Failure};
pub use self::latency::{Latency, LatencyClock, TpotSource, millis};
pub use self::meta::{LossReport, Meta, SCHEMA};
pub use self::request::{Params, Prompt, Server};
pub use self::response::{Logprobs, RateLimit, Safety, ToolCall, Wire};
pub use self::step::{Agent, DocumentRef, Memory, Retrieval, Retrieved, Tool, Workflow};
pub use self::totals::{FallbackAttempt, Totals};
pub use self::usage::{Usage, UsageSource};
use crate::id::{RequestId, SpanId, TraceId};
use crate::semconv::operation;
use crate::span::SpanKind;
use crate::time::Timestamp;

/// A value of an open vocabulary: a registry's constant, or whatever was sent.
pub type Term = Cow<'static, str>;

/// One line of schema `llmobs/1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Record {
    /// What the line tells of.
    pub kind: Kind,
    /// Our own id of the operation, a UUIDv7.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// The id of the exchange in the input of `llmobs decode`; never set on live calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange_id: Option<String>,
    /// W3C trace id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    /// W3C span id of this operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<SpanId>,
    /// The span this one is a child of; absent on a root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<SpanId>,
    /// When the operation began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Name of the observed service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Deployment environment, such as `production`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Session or conversation the application named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// User the application named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The application's own labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,

    /// What kind of step this is; steps only.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub step: Option<StepKind>,
    /// Name of the step: the function's, unless one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The tool that ran; tool steps only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<Box<Tool>>,
    /// The agent that ran; on tools and plans the one that ran them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Box<Agent>>,
    /// The workflow that ran; workflow steps only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Box<Workflow>>,
    /// Where documents were looked for; retrievals only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retrieval: Option<Box<Retrieval>>,
    /// What was done with a memory; memory steps only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Box<Memory>>,
    /// Documents a retriever or a reranker gave back, or records of a memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retrieved: Option<Box<Retrieved>>,
    /// Items that were read of the stream or the iterator a step gave back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
    /// What else the application said of a step, by names of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, serde_json::Value>,

    /// Operation by the GenAI registry, such as `chat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Term>,
    /// Wire format of the call, such as `chat_completions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<Term>,
    /// Who answered, by the registry's names, else the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Term>,
    /// Who answered in place of a gateway, as the gateway tells it: by the registry's names, else by
    /// its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served_by: Option<Term>,
    /// Address the call went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
    /// Model asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Deployment of a model that the request's path named, as on Azure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// Exact model that answered, as the provider named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_version: Option<String>,
    /// The provider's fingerprint of its configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_fingerprint: Option<String>,
    /// Service tier the answer was served at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// Parameters of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<Box<Params>>,
    /// Whether the answer was asked for as a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// Prompt template the input was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Prompt>,
    /// All prompt templates that texts of the input were rendered from, in its order, those of
    /// earlier turns included; absent where that is `prompt` alone. Without variables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<Prompt>,

    /// Tokens of the input, cached ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens of the output, reasoning included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Token counts in detail, and where they come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What it cost; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Box<Cost>>,

    /// Call issued to first token, in milliseconds; streams only.
    #[serde(skip_serializing_if = "unknown")]
    pub ttft_ms: Option<f64>,
    /// Time per output token after the first, in milliseconds; streams only.
    #[serde(skip_serializing_if = "unknown")]
    pub tpot_ms: Option<f64>,
    /// Call issued to end, in milliseconds, retries included.
    #[serde(skip_serializing_if = "unknown")]
    pub total_latency_ms: Option<f64>,
    /// The latency split into its parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Box<Latency>>,
    /// How the application read the answer, where it is read through `observe_stream`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<Box<Consumer>>,
    /// What the server itself said about time, in milliseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", serialize_with = "finite")]
    pub server_timing: BTreeMap<String, f64>,

    /// Finish reason of the first choice, as sent; `_OTHER` for one that is no word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// Finish reasons by choice index; `null` where none was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finish_reasons: Vec<Option<String>>,
    /// How the operation ended.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub outcome: Option<Outcome>,
    /// What went wrong; failed operations only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<Failure>>,
    /// HTTP requests sent for this call, the last one included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// The attempts one by one, in the order they were sent, the first 16 of them; only of a call
    /// that took several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempt_details: Vec<AttemptDetail>,
    /// Rate limits as the last answer's headers told them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<Box<RateLimit>>,
    /// Whether a gateway answered from its cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_hit: Option<bool>,
    /// The provider's id of the HTTP request (`x-request-id`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_request_id: Option<String>,
    /// The provider's id of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_id: Option<String>,
    /// Status inside the answer (`completed`, `incomplete`, …), where the API has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_status: Option<String>,
    /// HTTP status of the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// What was counted on the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire: Option<Box<Wire>>,
    /// Tool calls the model asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Types of the output's items, in order, where the API has items: which of the provider's own
    /// tools ran shows here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output_item_types: Vec<String>,
    /// Log probabilities of the generated tokens, summed up.
    #[serde(skip_serializing_if = "Logprobs::unknown")]
    pub logprobs: Option<Logprobs>,
    /// What the provider's own filters said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety: Option<Box<Safety>>,
    /// Messages and documents; only where content capture was turned on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Box<Content>>,
    /// What happened below this step, summed up; agents, workflows and fallbacks only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<Box<Totals>>,
    /// Which attempt of a logical call this is, where the application falls back between models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<FallbackAttempt>,
    /// What was redacted in the content, by detector, and how often.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub redacted: BTreeMap<String, u64>,
    /// What was left out of this record, and how much of it there was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<Box<Cut>>,
    /// Head sampling left the trace out: no span of it is exported. Not part of the line.
    #[serde(skip)]
    pub unsampled: bool,
    /// Facts about the file or the recorder; `meta` lines only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<Box<Meta>>,
}

impl Record {
    /// End of the operation, where both its beginning and its length are known.
    pub fn ended_at(&self) -> Option<Timestamp> {
        Some(self.timestamp?.plus_millis(self.total_latency_ms?))
    }
}

/// JSON has no infinity and no NaN: a number that is none is as unknown as one that is absent.
fn unknown(number: &Option<f64>) -> bool {
    !number.is_some_and(f64::is_finite)
}

fn finite<S: Serializer>(
    numbers: &BTreeMap<String, f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(numbers.iter().filter(|(_, number)| number.is_finite()))
}

/// What a line tells of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// One logical call to a model.
    #[default]
    Interaction,
    /// One of the application's own steps around the calls.
    Step,
    /// A judgement of a call.
    Evaluation,
    /// The file or the recorder itself.
    Meta,
    /// Something a newer writer tells of; the recorder never makes one.
    #[serde(other)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown,
}

/// Reads a name of a vocabulary that may have grown since: a name not known here reads as absent.
fn known<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let name = Option::<String>::deserialize(deserializer)?;
    Ok(name.and_then(|name| {
        let name: StrDeserializer<'_, serde::de::value::Error> = name.as_str().into_deserializer();
        T::deserialize(name).ok()
    }))
}

/// What a step does, named as in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepKind {
    /// Builds a prompt.
    Prompt,
    /// Chooses a model or a path.
    Router,
    /// Fetches documents.
    Retrieval,
    /// Orders documents.
    Rerank,
    /// Embeds text by other means than an observed call.
    Embedding,
    /// Runs a tool.
    Tool,
    /// Runs an agent's loop.
    Agent,
    /// Runs several agents or steps as one.
    Workflow,
    /// Decides what an agent is to do next.
    Plan,
    /// Reads or writes what is remembered from one conversation to another.
    Memory,
    /// Runs steps in sequence.
    Chain,
    /// Checks input or output.
    Guardrail,
    /// Works on the answer.
    Postprocess,
    /// Judges an answer.
    Evaluator,
    /// Calls a model by other means than an observed client.
    Llm,
    /// One logical call that may take several models to answer.
    Fallback,
    /// A `tracing` span of the service, recorded because observed work hangs below it.
    Span,
}

impl StepKind {
    /// The name in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Router => "router",
            Self::Retrieval => "retrieval",
            Self::Rerank => "rerank",
            Self::Embedding => "embedding",
            Self::Tool => "tool",
            Self::Agent => "agent",
            Self::Workflow => "workflow",
            Self::Plan => "plan",
            Self::Memory => "memory",
            Self::Chain => "chain",
            Self::Guardrail => "guardrail",
            Self::Postprocess => "postprocess",
            Self::Evaluator => "evaluator",
            Self::Llm => "llm",
            Self::Fallback => "fallback",
            Self::Span => "span",
        }
    }

    /// The operation it is by the GenAI registry; `None` for kinds the registry does not know, and
    /// for a memory, of which there are several.
    pub fn operation(self) -> Option<&'static str> {
        Some(match self {
            Self::Retrieval => operation::RETRIEVAL,
            Self::Tool => operation::EXECUTE_TOOL,
            Self::Agent => operation::INVOKE_AGENT,
            Self::Workflow => operation::INVOKE_WORKFLOW,
            Self::Plan => operation::PLAN,
            _ => return None,
        })
    }

    /// What its span is by the registry: that of a store of documents or memories calls out.
    pub fn span_kind(self) -> SpanKind {
        match self {
            Self::Retrieval | Self::Memory => SpanKind::Client,
            _ => SpanKind::Internal,
        }
    }
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The answer came to its own end.
    Completed,
    /// An error was answered, or the connection failed.
    Failed,
    /// The answer stopped without an end marker and without an error.
    Interrupted,
    /// The reader left while the server was still sending.
    Dropped,
    /// Still open when the recorder shut down.
    Unfinished,
}

impl Outcome {
    /// The name in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Dropped => "dropped",
            Self::Unfinished => "unfinished",
        }
    }
}

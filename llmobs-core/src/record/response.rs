//! What was answered.

use serde::{Deserialize, Serialize};

/// Rate limits as the headers of the last answer told them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RateLimit {
    /// Requests allowed in the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_requests: Option<u64>,
    /// Tokens allowed in the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_tokens: Option<u64>,
    /// Requests left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining_requests: Option<u64>,
    /// Tokens left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining_tokens: Option<u64>,
    /// When the request window starts anew, as sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_requests: Option<String>,
    /// When the token window starts anew, as sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_tokens: Option<String>,
    /// How long the server asked to wait, in milliseconds.
    #[serde(skip_serializing_if = "super::unknown")]
    pub retry_after_ms: Option<f64>,
}

/// What was counted on the wire; events are counted from 0, `[DONE]` is not one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Wire {
    /// Events with data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// Comment lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comments: Option<u64>,
    /// Events, or bodies, that could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<u64>,
    /// Index of the first event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_event: Option<u64>,
    /// Index of the first event with generated output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_event: Option<u64>,
    /// Index of the last event with generated output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_token_event: Option<u64>,
    /// Events with generated output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_events: Option<u64>,
    /// Whether the stream's own end marker was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_marker: Option<bool>,
    /// Bytes of the response body that arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Bytes of the request body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_bytes: Option<u64>,
}

/// A tool call the model asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ToolCall {
    /// Choice the call belongs to.
    pub choice: u32,
    /// The provider's id of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name of the tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Arguments as sent; only where content capture was turned on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
}

/// Log probabilities of the generated tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Logprobs {
    /// Mean log probability of the chosen tokens, in nats.
    pub mean: f64,
    /// Mean entropy of the offered alternatives, in nats, what they leave of the probability
    /// counted as one more: a lower bound of the model's own. Absent when none were offered.
    #[serde(skip_serializing_if = "super::unknown")]
    pub entropy: Option<f64>,
    /// Tokens the two means are taken over.
    pub tokens: u64,
}

impl Logprobs {
    pub(super) fn unknown(logprobs: &Option<Self>) -> bool {
        !logprobs.is_some_and(|logprobs| logprobs.mean.is_finite())
    }
}

/// What the provider's own filters said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Safety {
    /// Filter results were sent.
    pub present: bool,
    /// Something was filtered.
    pub filtered: bool,
    /// Something was detected.
    pub detected: bool,
    /// Some severity was above safe.
    pub severity_not_safe: bool,
    /// The model refused.
    pub refusal: bool,
}

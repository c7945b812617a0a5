//! What happened below a step.

use serde::{Deserialize, Serialize};

use super::{Amount, Term};
use crate::id::SpanId;

/// Sums over everything below an agent, a workflow or a fallback, sub-agents included.
///
/// The calls' own records say the same one by one: whoever adds up records leaves these out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Totals {
    /// Calls to models.
    pub calls: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Times this very agent or workflow had a model generate: calls of its sub-agents are not
    /// counted, and the attempts of a fallback are one turn together. Zero on a fallback.
    pub turns: u64,
    /// Tool calls that models asked for.
    pub tool_calls: u64,
    /// Tools that ran, as steps.
    pub tools: u64,
    /// Agents that ran.
    pub agents: u64,
    /// Input tokens of the calls that have a count.
    pub input_tokens: u64,
    /// Output tokens of the calls that have a count.
    pub output_tokens: u64,
    /// What the calls with a known cost cost together, in units of the currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Amount>,
    /// Currency of the cost, by ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Term>,
    /// Calls whose cost is not in the sum, since it is unknown, or in another currency.
    #[serde(skip_serializing_if = "is_zero")]
    pub unpriced: u64,
    /// Calls without a count of tokens: the sums are that much short.
    #[serde(skip_serializing_if = "is_zero")]
    pub uncounted: u64,
    /// Calls of this very agent that had a model generate, failed ones and each attempt of a fallback
    /// included, sub-agents' not: for the metric; not part of the line. Live agents only.
    #[serde(skip)]
    pub own_inference_calls: Option<u64>,
    /// Tools that this very agent ran, as steps: for the metric; not part of the line. Live agents
    /// only.
    #[serde(skip)]
    pub own_tools: Option<u64>,
}

/// Place of a call among the attempts of one logical call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct FallbackAttempt {
    /// On a call: which attempt it was, from 1. On the logical call: the last attempt, the one that
    /// its outcome and its model are of.
    pub attempt: u32,
    /// Span of the logical call; on its attempts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<SpanId>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

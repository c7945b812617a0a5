//! How the application read an answer.

use serde::{Deserialize, Serialize};

use super::Term;

/// How the application read a stream, seen where it asks for the items.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Consumer {
    /// Items it was given, errors included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
    /// Call issued to first item given, in milliseconds.
    #[serde(skip_serializing_if = "super::unknown")]
    pub first_item_ms: Option<f64>,
    /// Time in which the application kept an item waiting, in milliseconds: from the moment it was
    /// given the stream or an item to its next question, summed over those questions that were
    /// answered at once. An upper bound, since when the item came to wait is not seen. Time in
    /// which the application waited for the stream is never in it.
    #[serde(skip_serializing_if = "super::unknown")]
    pub stall_ms: Option<f64>,
    /// Call issued to the end of the reading, in milliseconds.
    #[serde(skip_serializing_if = "super::unknown")]
    pub total_ms: Option<f64>,
    /// How the reading ended.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "super::known")]
    pub ended: Option<ConsumerEnd>,
    /// Type of the first error it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Term>,
    /// The observer panicked and was not asked again: what it would have told is missing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub observer_panicked: bool,
}

/// How the reading of a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConsumerEnd {
    /// The application asked until there was nothing more.
    Completed,
    /// It was given an error, whether it asked on or not.
    Failed,
    /// It left without asking to the end, as also those do who stop at the finish reason.
    Left,
}

impl ConsumerEnd {
    /// The name in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Left => "left",
        }
    }
}

//! Messages and documents, and what was left out of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Messages in the GenAI message format; each field only where its capture was turned on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Content {
    /// Messages sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_messages: Option<Value>,
    /// Messages generated, by choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_messages: Option<Value>,
    /// Instructions sent apart from the messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_instructions: Option<Value>,
    /// Tools offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_definitions: Option<Value>,
    /// What documents or memories were looked for by, a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<Value>,
    /// What a step was run with, by the names of the arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Value>,
    /// What a step gave back; of a stream or an iterator, the list of what was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Documents that were given back, or records of a memory, with their texts: the first of them,
    /// at most 128.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documents: Option<Value>,
}

/// What was left out of a record, so that nothing looks complete that is not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Cut {
    /// The request body was not read, or not whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_body: Option<CutField>,
    /// The response body was not read whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_body: Option<CutField>,
    /// Tags that were shortened or left out, by their number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<u64>,
    /// Captured content was shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<CutField>,
    /// Values that the prompt template was filled with were shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_variables: Option<CutField>,
    /// Captured values that were left out as a whole: there were too many, or they could not be
    /// written, or panicked when asked to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<u64>,
    /// Attributes, names and ids that were shortened, or left out for the same reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<u64>,
    /// Pieces of content that were captured and then left out as a whole, since a detector failed or
    /// content was forbidden in the meantime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<u64>,
}

/// One cut.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct CutField {
    /// Length of the original, in bytes; of a compressed body, decompressed as far as that went; of
    /// values of the application as JSON, as far as they were written.
    pub bytes: u64,
    /// Bytes of it that were left out; what was not decompressed counts as it came.
    pub missing: u64,
    /// SHA-256 of the original, in hex; absent when not all of it was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

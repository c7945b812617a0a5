//! What stands for messages in a build that keeps none.

use llmobs_core::Capture;
use serde_json::Value;

pub(super) fn from_chat(_: Value, _: Capture) -> Value {
    Value::Null
}

pub(super) fn from_input(_: Value, _: Capture) -> Value {
    Value::Null
}

pub(super) fn from_prompt(_: Value) -> Value {
    Value::Null
}

pub(super) fn tool_definitions(_: Value) -> Value {
    Value::Null
}

pub(super) fn content_part(_: Value) -> Value {
    Value::Null
}

/// Media that came as base64.
pub(super) fn blob(_: &str, _: Option<&str>, _: &str) -> Value {
    Value::Null
}

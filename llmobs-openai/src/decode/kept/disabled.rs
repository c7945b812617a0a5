//! What stands for texts in a build that keeps none.

use llmobs_core::CutField;
use serde_json::Value;

use super::Budget;

/// No text.
#[derive(Debug, Default)]
pub(in crate::decode) struct Text {}

impl Text {
    pub(in crate::decode) fn push(&mut self, _: &str, _: &mut Budget) {}

    pub(in crate::decode) fn replace(&mut self, _: &str, _: &mut Budget) {}

    pub(in crate::decode) fn is_empty(&self) -> bool {
        true
    }

    pub(in crate::decode) fn into_part(self, _: &str, _: &str) -> Value {
        Value::Null
    }

    pub(in crate::decode) fn take_cut(&mut self) -> Option<CutField> {
        None
    }

    pub(in crate::decode) fn into_string(self) -> String {
        String::new()
    }
}

pub(in crate::decode) fn mark(_: &mut Value, _: Option<CutField>) {}

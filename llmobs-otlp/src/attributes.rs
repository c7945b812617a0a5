//! Attributes of one span, metric point or resource: each key once, the important ones first.

use llmobs_core::Term;
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};

/// Attributes one span may have; SDKs and collectors drop what comes after these.
pub(crate) const LIMIT: usize = 128;

/// Attributes in the order they were added, which is the order of importance.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    list: Vec<KeyValue>,
    dropped: u32,
}

impl Attributes {
    pub(crate) fn push(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        let key = key.into();
        if self.list.len() >= LIMIT {
            self.dropped += 1;
        } else if self.list.iter().all(|known| known.key != key) {
            self.list.push(KeyValue::new(key, value));
        }
    }

    pub(crate) fn text(&mut self, key: &'static str, value: Option<&String>) {
        if let Some(value) = value {
            self.push(key, value.clone());
        }
    }

    pub(crate) fn term(&mut self, key: &'static str, value: Option<&Term>) {
        if let Some(value) = value {
            self.push(key, StringValue::from(value.clone()));
        }
    }

    pub(crate) fn count(&mut self, key: &'static str, value: Option<u64>) {
        if let Some(value) = value {
            self.push(key, i64::try_from(value).unwrap_or(i64::MAX));
        }
    }

    pub(crate) fn number(&mut self, key: &'static str, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.push(key, value);
        }
    }

    pub(crate) fn list(&mut self, key: &'static str, values: Vec<StringValue>) {
        if !values.is_empty() {
            self.push(key, Value::Array(Array::String(values)));
        }
    }

    /// How many found no room.
    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }

    pub(crate) fn into_vec(self) -> Vec<KeyValue> {
        self.list
    }
}

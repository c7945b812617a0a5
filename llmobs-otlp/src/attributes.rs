//! Attributes of one span, metric point or resource: each key once, the important ones first.

use llmobs_core::Term;
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};

use crate::span::{Form, clean, limits};

/// Attributes that are held at all.
const MOST: usize = 1_024;

/// Attributes in the order they were added, which is the order of importance.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    list: Vec<Attribute>,
    dropped: u32,
}

/// One attribute, and how it may be shortened.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) key: Key,
    pub(crate) value: Value,
    pub(crate) form: Form,
}

impl Attributes {
    /// Adds an attribute that is not there yet. One without a key counts as dropped.
    pub(crate) fn push(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        self.add(key.into(), value.into(), Form::Text);
    }

    /// Adds a JSON text, which stays one however short it has to be.
    pub(crate) fn json(&mut self, key: impl Into<Key>, json: String, form: Form) {
        self.add(key.into(), json.into(), form);
    }

    fn add(&mut self, key: Key, value: Value, form: Form) {
        match limits::key(key) {
            Some(key) if self.list.iter().any(|known| known.key == key) => {}
            Some(key) if self.list.len() < MOST => {
                self.list.push(Attribute { key, value: cleaned(value, form), form });
            }
            _ => self.dropped += 1,
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

    /// Those that are there, and how many found no room.
    pub(crate) fn into_parts(self) -> (Vec<Attribute>, u32) {
        (self.list, self.dropped)
    }

    pub(crate) fn into_vec(self) -> Vec<KeyValue> {
        let pairs = self.list.into_iter();
        pairs.map(|Attribute { key, value, .. }| KeyValue::new(key, value)).collect()
    }
}

/// The value without characters that backends refuse.
fn cleaned(value: Value, form: Form) -> Value {
    match value {
        Value::String(text) if form == Form::Text => clean::text(text.into()).into(),
        Value::String(json) => clean::json(json.into()).into(),
        Value::Array(Array::String(texts)) => {
            let texts = texts.into_iter().map(|text| clean::text(text.into()).into());
            Value::Array(Array::String(texts.collect()))
        }
        other => other,
    }
}

//! How much of a span leaves.

use std::sync::Arc;

use opentelemetry::{Array, Key, KeyValue, StringValue, Value};
use sha2::{Digest, Sha256};

use super::cut::{self, Form};
use crate::attributes::{Attribute, Attributes};
use llmobs_core::semconv::attribute;

/// Attributes one span may have unless told otherwise; SDKs and collectors drop what comes after.
const COUNT: usize = 128;
/// Bytes the attributes of one span may have together, so that it fits into a request.
const SPAN: usize = 3 << 20;
/// Bytes an attribute takes beside its key and its value.
const AROUND: usize = 24;
/// Longest name of a span, in bytes.
const NAME: usize = 1 << 10;
/// Ids of more characters than these have a whole batch refused by some.
const ID: usize = 250;
/// Characters of an id's hash: enough of it to tell ids apart.
const HASH: usize = 32;
/// What is shortened as an id.
const IDS: [&str; 3] = [attribute::SESSION_ID, attribute::USER_ID, attribute::CONVERSATION_ID];

/// How many attributes a span may have, and how long each may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) count: usize,
    /// Bytes of one value.
    pub(crate) bytes: Option<usize>,
    /// The same for single attributes.
    pub(crate) of: Arc<[(String, usize)]>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { count: COUNT, bytes: None, of: [].into() }
    }
}

impl Limits {
    fn of(&self, key: &str) -> usize {
        let own = self.of.iter().rev().find(|(name, _)| name == key).map(|(_, bytes)| *bytes);
        own.or(self.bytes).unwrap_or(usize::MAX)
    }

    /// A span's attributes as they leave, with the number of those that were left out.
    pub(crate) fn kept(&self, attributes: Attributes) -> (Vec<KeyValue>, u32) {
        let (all, mut dropped) = attributes.into_parts();
        let mut kept: Vec<Attribute> = Vec::with_capacity(all.len());
        for Attribute { key, value, form } in all {
            let limit = self.of(key.as_str());
            let value = match value {
                Value::String(text) if IDS.contains(&key.as_str()) => Value::from(id(text.into())),
                other => other,
            };
            match within(value, form, limit) {
                Some(value) => kept.push(Attribute { key, value, form }),
                None => dropped += 1,
            }
        }
        let lengths: Vec<_> = kept.iter().map(Attribute::bytes).collect();
        let Some(level) = level(&lengths, SPAN) else {
            return (kept.into_iter().map(Attribute::into_pair).collect(), dropped);
        };
        let mut pairs = Vec::with_capacity(kept.len());
        for Attribute { key, value, form } in kept {
            match within(value, form, level) {
                Some(value) => pairs.push(KeyValue::new(key, value)),
                None => dropped += 1,
            }
        }
        (pairs, dropped)
    }
}

/// The name of a span.
pub(crate) fn name(name: String) -> String {
    cut::text(super::clean::text(name), NAME)
}

/// An id as it is, or its beginning and a hash of all of it: the same for the same id.
fn id(id: String) -> String {
    if id.len() <= ID || id.chars().count() <= ID {
        return id;
    }
    let hash = Sha256::digest(&id);
    let mut short: String = id.chars().take(ID - HASH - 1).collect();
    short.push('-');
    for byte in hash.iter().take(HASH / 2) {
        short.extend(
            [byte >> 4, byte & 0xf]
                .map(|digit| char::from_digit(digit.into(), 16))
                .into_iter()
                .flatten(),
        );
    }
    short
}

/// A value that is no longer than `limit`; `None` where nothing of it can be that short.
fn within(value: Value, form: Form, limit: usize) -> Option<Value> {
    match value {
        Value::String(text) => {
            let text = String::from(text);
            Some(
                match form {
                    Form::Text => cut::text(text, limit),
                    form => cut::json(text, form, limit)?,
                }
                .into(),
            )
        }
        Value::Array(array) => list(array, limit).map(Value::Array),
        number => Some(number),
    }
}

/// A list with its texts no longer than `limit`, less as many of the last as do not fit.
fn list(array: Array, limit: usize) -> Option<Array> {
    fn fitting<T>(mut items: Vec<T>, bytes: impl Fn(&T) -> usize, limit: usize) -> Option<Vec<T>> {
        let mut used = 2usize;
        let kept = items.iter().take_while(|item| {
            used = used.saturating_add(bytes(item));
            used <= limit
        });
        let kept = kept.count();
        items.truncate(kept);
        (kept > 0).then_some(items)
    }
    Some(match array {
        Array::String(texts) => {
            let each = limit.saturating_sub(6);
            let texts = texts.into_iter();
            let texts = texts.map(|text| StringValue::from(cut::text(text.into(), each))).collect();
            Array::String(fitting(texts, |text: &StringValue| text.as_str().len() + 4, limit)?)
        }
        Array::Bool(items) => Array::Bool(fitting(items, |_| 6, limit)?),
        Array::I64(items) => Array::I64(fitting(items, |_| 12, limit)?),
        Array::F64(items) => Array::F64(fitting(items, |_| 12, limit)?),
        other => other,
    })
}

/// The length that values are cut to so that all of them fit together; `None` where they do.
fn level(lengths: &[usize], limit: usize) -> Option<usize> {
    let whole = |level: usize| lengths.iter().map(|length| level.min(*length) + AROUND).sum();
    let whole = |level| -> usize { whole(level) };
    if whole(usize::MAX) <= limit {
        return None;
    }
    let (mut fits, mut exceeds) = (0, limit);
    while fits + 1 < exceeds {
        let level = fits.midpoint(exceeds);
        if whole(level) <= limit { fits = level } else { exceeds = level }
    }
    Some(fits)
}

impl Attribute {
    fn bytes(&self) -> usize {
        let value = match &self.value {
            Value::String(text) => text.as_str().len(),
            Value::Array(Array::String(texts)) => {
                texts.iter().map(|text| text.as_str().len() + 4).sum()
            }
            Value::Array(Array::I64(items)) => items.len() * 12,
            Value::Array(Array::F64(items)) => items.len() * 12,
            Value::Array(Array::Bool(items)) => items.len() * 6,
            _ => 8,
        };
        value + self.key.as_str().len()
    }

    fn into_pair(self) -> KeyValue {
        KeyValue::new(self.key, self.value)
    }
}

/// A key that backends take; `None` for one that says nothing.
pub(crate) fn key(key: Key) -> Option<Key> {
    if key.as_str().is_empty() {
        return None;
    }
    if key.as_str().contains(char::is_control) {
        return Some(Key::from(super::clean::text(key.as_str().replace(['\t', '\n', '\r'], " "))));
    }
    Some(key)
}

//! How much of a span leaves.

use std::borrow::Cow;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::content::Part;
use super::cut::{self, Form};
use crate::attributes::{Attribute, Attributes, Text, Value};
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
    pub(crate) fn kept<'r>(&self, attributes: Attributes<'r>) -> (Vec<Attribute<'r>>, u32) {
        let (mut kept, mut dropped) = attributes.into_parts();
        for Attribute { key, value, .. } in &mut kept {
            if let Value::Text(text) = value
                && text.as_str().len() > ID
                && IDS.contains(&key.as_str())
            {
                text.replace(id);
            }
        }
        if self.bytes.is_some() || !self.of.is_empty() {
            dropped += shorten(&mut kept, |key| self.of(key));
        }
        let whole: usize = kept.iter().map(|attribute| attribute.bytes() + AROUND).sum();
        if whole > SPAN {
            let lengths: Vec<_> = kept.iter().map(Attribute::bytes).collect();
            let level = level(&lengths, SPAN).unwrap_or(usize::MAX);
            dropped += shorten(&mut kept, |_| level);
        }
        (kept, dropped)
    }
}

impl Limits {
    /// Structured content as it leaves: no longer as JSON than its attributes on a span may be. What
    /// cannot be that short is left out, and counted.
    pub(crate) fn structured<'r>(&self, parts: Vec<Part<'r>>) -> (Vec<Part<'r>>, u32) {
        let texts: Vec<_> = parts.iter().map(|part| part.value.to_string()).collect();
        let lengths: Vec<_> = texts.iter().map(String::len).collect();
        let level = level(&lengths, SPAN).unwrap_or(usize::MAX);
        let all = parts.len();
        let fitting = parts.into_iter().zip(texts).filter_map(|(mut part, text)| {
            let limit = self.of(&part.key).min(level);
            if text.len() > limit {
                let shorter = serde_json::from_str(&cut::json(text, part.form, limit)?).ok()?;
                part.value = Cow::Owned(shorter);
            }
            Some(part)
        });
        let kept: Vec<_> = fitting.collect();
        let dropped = all - kept.len();
        (kept, dropped as u32)
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

/// Shortens each value to the limit of its key, and tells how many had to go.
fn shorten(all: &mut Vec<Attribute<'_>>, limit: impl Fn(&str) -> usize) -> u32 {
    let before = all.len();
    all.retain_mut(|Attribute { key, value, form }| within(value, *form, limit(key.as_str())));
    (before - all.len()) as u32
}

/// Makes a value no longer than `limit`; false where nothing of it can be that short.
fn within(value: &mut Value<'_>, form: Form, limit: usize) -> bool {
    match value {
        Value::Text(text) if text.as_str().len() <= limit => true,
        Value::Text(text) => {
            let whole = std::mem::replace(text, Text::Static("")).into_string();
            let shorter = match form {
                Form::Text => Some(cut::text(whole, limit)),
                form => cut::json(whole, form, limit),
            };
            shorter.map(|shorter| *text = shorter.into()).is_some()
        }
        Value::Texts(texts) => {
            let each = limit.saturating_sub(6);
            for text in texts.iter_mut().filter(|text| text.as_str().len() > each) {
                text.replace(|text| cut::text(text, each));
            }
            fitting(texts, |text| text.as_str().len() + 4, limit)
        }
        Value::Numbers(numbers) => fitting(numbers, |_| 12, limit),
        Value::Bool(_) | Value::I64(_) | Value::F64(_) => true,
    }
}

/// Takes as many of the last items as do not fit; false where none fits.
fn fitting<T>(items: &mut Vec<T>, bytes: impl Fn(&T) -> usize, limit: usize) -> bool {
    let mut used = 2usize;
    let kept = items.iter().take_while(|item| {
        used = used.saturating_add(bytes(item));
        used <= limit
    });
    let kept = kept.count();
    items.truncate(kept);
    kept > 0
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

impl Attribute<'_> {
    fn bytes(&self) -> usize {
        let value = match &self.value {
            Value::Text(text) => text.as_str().len(),
            Value::Texts(texts) => texts.iter().map(|text| text.as_str().len() + 4).sum(),
            Value::Numbers(numbers) => numbers.len() * 12,
            Value::Bool(_) | Value::I64(_) | Value::F64(_) => 8,
        };
        value + self.key.as_str().len()
    }
}

/// Makes a key one that backends take; false for one that says nothing.
pub(crate) fn keep(key: &mut Text<'_>) -> bool {
    if key.as_str().contains(char::is_control) {
        key.replace(|key| super::clean::text(key.replace(['\t', '\n', '\r'], " ")));
    }
    !key.as_str().is_empty()
}

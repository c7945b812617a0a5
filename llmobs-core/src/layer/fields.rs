//! The fields of another crate's span, as far as they say something of a record.

mod known;

use std::fmt::{self, Write};

use serde_json::Value as Json;
use tracing::field::{Field, Visit};

pub(super) use self::known::SHORT;
use self::known::{CONTENT, limit};
use crate::capture::Capture;
use crate::record::Outcome;
use crate::recorder::Recorder;
use crate::semconv::error_type::OTHER;
use crate::semconv::{attribute as a, foreign as f};
use crate::step::prefix;

/// Values by field, the last one of each.
#[derive(Debug)]
pub(crate) struct Fields {
    recorder: Recorder,
    capture: Capture,
    values: Vec<(&'static str, Value)>,
    /// Bytes of content that was too long, or found no room.
    pub(crate) missing: u64,
    /// Room for payload that is taken.
    held: usize,
}

#[derive(Debug)]
enum Value {
    Text(String),
    Count(i128),
    Number(f64),
    Flag(bool),
}

impl Fields {
    pub(crate) fn new(recorder: &Recorder, capture: Capture) -> Self {
        let recorder = recorder.clone();
        Self { recorder, capture, values: Vec::new(), missing: 0, held: 0 }
    }

    /// Drops the content.
    pub(crate) fn forget(&mut self) {
        self.values.retain(|(name, _)| limit(name, Capture::NONE).is_some());
        self.recorder.queue().release_bytes(std::mem::take(&mut self.held));
    }

    /// Takes what was recorded later.
    pub(crate) fn merge(&mut self, mut later: Self) {
        for (name, value) in std::mem::take(&mut later.values) {
            self.put(name, value);
        }
        self.missing += later.missing;
        self.held += std::mem::take(&mut later.held);
    }

    fn put(&mut self, name: &'static str, value: Value) {
        match self.values.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.values.push((name, value)),
        }
    }

    fn limit(&self, field: &Field) -> Option<usize> {
        limit(field.name(), self.capture)
    }

    fn keep(&mut self, field: &Field, text: String, limit: usize, whole: bool) {
        if limit == CONTENT {
            let room = whole && self.recorder.queue().reserve_bytes(text.len());
            if !room {
                self.missing += text.len() as u64;
                return;
            }
            self.held += text.len();
        }
        self.put(field.name(), Value::Text(text));
    }

    fn find(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// A text that is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let text = match self.find(name)? {
            Value::Text(text) => unquoted(text),
            Value::Count(count) => count.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Flag(flag) => flag.to_string(),
        };
        Some(text).filter(|text| !text.is_empty())
    }

    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        self.whole(name)
    }

    pub(crate) fn whole<N: TryFrom<i128>>(&self, name: &str) -> Option<N> {
        let count = match self.find(name)? {
            Value::Count(count) => *count,
            Value::Text(text) => text.trim().parse().ok()?,
            Value::Number(number) if number.fract() == 0.0 => *number as i128,
            Value::Number(_) | Value::Flag(_) => return None,
        };
        N::try_from(count).ok()
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        let number = match self.find(name)? {
            Value::Number(number) => *number,
            Value::Count(count) => *count as f64,
            Value::Text(text) => text.trim().parse().ok()?,
            Value::Flag(_) => return None,
        };
        Some(number).filter(|number| number.is_finite())
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.find(name)? {
            Value::Flag(flag) => Some(*flag),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Words: a JSON list, as fields have it for want of lists, or one word.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let Some(text) = self.text(name) else { return Vec::new() };
        match serde_json::from_str(&text) {
            Ok(Json::Array(words)) => {
                let word = |word: Json| match word {
                    Json::String(word) => Some(word),
                    _ => None,
                };
                words.into_iter().filter_map(word).collect()
            }
            _ => vec![text],
        }
    }

    /// What failed, where something did: by its type, which is no sentence.
    pub(crate) fn failure(&self) -> Option<String> {
        let kind = self.text(a::ERROR_TYPE).or_else(|| self.text(f::TOOL_ERROR_TYPE));
        let status = self.text(f::OTEL_STATUS_CODE);
        let failed = status.is_some_and(|status| status.eq_ignore_ascii_case(f::status::ERROR));
        let kind = kind.map(|kind| if kind.contains(' ') { OTHER.to_owned() } else { kind });
        kind.or_else(|| failed.then(|| OTHER.to_owned()))
    }

    /// How the operation ended, as far as that was told: an answer was there, or an error.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        let answered = [
            a::RESPONSE_ID,
            a::RESPONSE_MODEL,
            a::RESPONSE_FINISH_REASONS,
            a::USAGE_INPUT_TOKENS,
            a::USAGE_OUTPUT_TOKENS,
            f::USAGE_PROMPT_TOKENS,
            f::USAGE_COMPLETION_TOKENS,
            f::TOOL_OUTCOME,
        ];
        let status = self.text(f::OTEL_STATUS_CODE);
        if self.failure().is_some() {
            return Some(Outcome::Failed);
        }
        let ok = status.is_some_and(|status| status.eq_ignore_ascii_case(f::status::OK));
        let told = ok || answered.iter().any(|name| self.find(name).is_some());
        told.then_some(Outcome::Completed)
    }

    /// Content as it was written: JSON, or a text.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        match self.find(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Content as JSON; a text that is none stays one.
    pub(crate) fn json(&self, name: &str) -> Option<Json> {
        let text = self.raw(name)?;
        Some(serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned())))
    }
}

/// A text recorded by its `Debug` comes in quotes.
pub(super) fn unquoted(text: &str) -> String {
    let quoted = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    let unquoted = quoted.then(|| serde_json::from_str(text).ok()).flatten();
    unquoted.unwrap_or_else(|| text.to_owned())
}

impl Drop for Fields {
    fn drop(&mut self) {
        self.recorder.queue().release_bytes(self.held);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if self.limit(field).is_some() {
            self.put(field.name(), Value::Number(value));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record_i128(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_i128(field, value.into());
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        if self.limit(field).is_some() {
            self.put(field.name(), Value::Count(value));
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        if let Ok(value) = i128::try_from(value) {
            self.record_i128(field, value);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if self.limit(field).is_some() {
            self.put(field.name(), Value::Flag(value));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(limit) = self.limit(field) {
            let kept = prefix(value, limit);
            let whole = kept.len() == value.len();
            self.keep(field, kept.to_owned(), limit, whole);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if let Some(limit) = self.limit(field) {
            let mut bounded = Bounded::new(limit);
            let whole = write!(bounded, "{value:?}").is_ok();
            self.keep(field, bounded.text, limit, whole);
        }
    }

    fn record_error(&mut self, _: &Field, _: &(dyn std::error::Error + 'static)) {
        // Its text may quote content; none of the fields that are read is an error.
    }
}

/// A text that takes no more than fits.
pub(super) struct Bounded {
    pub(super) text: String,
    limit: usize,
}

impl Bounded {
    pub(super) fn new(limit: usize) -> Self {
        Self { text: String::new(), limit }
    }
}

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let kept = prefix(more, self.limit - self.text.len());
        self.text.push_str(kept);
        if kept.len() == more.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

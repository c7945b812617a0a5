//! Attributes of one span, metric point or resource: each key once, the important ones first.

mod value;

use llmobs_core::Term;
use opentelemetry::KeyValue;

pub(crate) use self::value::{Text, Value};
use crate::span::{Form, clean, limits};

/// Attributes that are held at all.
const MOST: usize = 1_024;
/// Attributes that few spans have more of.
const USUAL: usize = 40;

/// Attributes in the order they were added, which is the order of importance.
#[derive(Debug, Default)]
pub(crate) struct Attributes<'r> {
    list: Vec<Attribute<'r>>,
    keys: Keys,
    dropped: u32,
}

/// One attribute, and how it may be shortened.
#[derive(Debug)]
pub(crate) struct Attribute<'r> {
    pub(crate) key: Text<'r>,
    pub(crate) value: Value<'r>,
    pub(crate) form: Form,
}

/// Which keys may be there already: most are told from all others without looking through the list.
#[derive(Clone, Copy, Debug, Default)]
struct Keys([u64; 4]);

impl<'r> Attributes<'r> {
    /// Adds an attribute that is not there yet. One without a key counts as dropped.
    pub(crate) fn push(&mut self, key: impl Into<Text<'r>>, value: impl Into<Value<'r>>) {
        self.add(key.into(), value.into(), Form::Text);
    }

    /// Adds a JSON text, which stays one however short it has to be.
    pub(crate) fn json(&mut self, key: impl Into<Text<'r>>, json: String, form: Form) {
        self.add(key.into(), json.into(), form);
    }

    fn add(&mut self, key: Text<'r>, value: Value<'r>, form: Form) {
        let Some(key) = limits::key(key) else {
            self.dropped += 1;
            return;
        };
        let text = key.as_str();
        if self.keys.may_have(text) && self.list.iter().any(|known| known.key.as_str() == text) {
            return;
        }
        if self.list.len() == MOST {
            self.dropped += 1;
            return;
        }
        if self.list.capacity() == 0 {
            self.list.reserve(USUAL);
        }
        self.keys.add(text);
        self.list.push(Attribute { key, value: cleaned(value, form), form });
    }

    pub(crate) fn text(&mut self, key: &'static str, value: Option<&'r String>) {
        if let Some(value) = value {
            self.push(key, value);
        }
    }

    pub(crate) fn term(&mut self, key: &'static str, value: Option<&'r Term>) {
        if let Some(value) = value {
            self.push(key, value);
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

    pub(crate) fn list(&mut self, key: &'static str, values: Vec<Text<'r>>) {
        if !values.is_empty() {
            self.push(key, Value::Texts(values));
        }
    }

    /// Those that are there, and how many found no room.
    pub(crate) fn into_parts(self) -> (Vec<Attribute<'r>>, u32) {
        (self.list, self.dropped)
    }

    pub(crate) fn into_vec(self) -> Vec<KeyValue> {
        self.list.into_iter().map(Attribute::into_pair).collect()
    }
}

impl Attribute<'_> {
    /// The same as OpenTelemetry's SDK takes it.
    pub(crate) fn into_pair(self) -> KeyValue {
        KeyValue::new(self.key, self.value)
    }
}

impl Keys {
    /// The word and the bit of a key: what tells ours apart is their lengths and their ends.
    fn place(key: &str) -> (usize, u64) {
        let mix = |hash: u32, byte: &u8| hash.wrapping_mul(31).wrapping_add(u32::from(*byte));
        let end = key.len().saturating_sub(8);
        let end = key.as_bytes().get(end..).unwrap_or_default();
        let hash = end.iter().fold(key.len() as u32, mix).wrapping_mul(0x9e37_79b9) >> 24;
        ((hash >> 6) as usize, 1 << (hash & 63))
    }

    fn may_have(self, key: &str) -> bool {
        let (word, bit) = Self::place(key);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }

    fn add(&mut self, key: &str) {
        let (word, bit) = Self::place(key);
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= bit;
        }
    }
}

/// The value without characters that backends refuse.
fn cleaned(mut value: Value<'_>, form: Form) -> Value<'_> {
    match &mut value {
        Value::Text(text) if form == Form::Text => clean::lent(text),
        Value::Text(json) => json.replace(clean::json),
        Value::Texts(texts) => texts.iter_mut().for_each(clean::lent),
        _ => {}
    }
    value
}

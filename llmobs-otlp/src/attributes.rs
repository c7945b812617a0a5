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

/// Where the attributes of a span were, for those of the next.
#[derive(Debug, Default)]
pub(crate) struct Room(Vec<Attribute<'static>>);

/// One attribute, and how it may be shortened.
#[derive(Debug)]
pub(crate) struct Attribute<'r> {
    pub(crate) key: Text<'r>,
    pub(crate) value: Value<'r>,
    pub(crate) form: Form,
}

/// Which keys may be there already: most are told from all others without looking through the list.
#[derive(Debug, Default)]
struct Keys([u64; 4]);

impl Room {
    pub(crate) fn of(mut list: Vec<Attribute<'_>>) -> Self {
        list.clear();
        // What borrows nothing, as nothing does, may borrow for ever; the memory is taken over.
        Self(list.into_iter().map_while(|_| None).collect())
    }
}

impl<'r> Attributes<'r> {
    /// None yet, to be held there.
    pub(crate) fn within(room: Room) -> Self {
        Self { list: room.0, ..Self::default() }
    }

    /// Adds an attribute that is not there yet. One without a key counts as dropped.
    pub(crate) fn push(&mut self, key: impl Into<Text<'r>>, value: impl Into<Value<'r>>) {
        self.add(Attribute { key: key.into(), value: value.into(), form: Form::Text });
    }

    /// Adds a JSON text, which stays one however short it has to be.
    pub(crate) fn json(&mut self, key: impl Into<Text<'r>>, json: String, form: Form) {
        self.add(Attribute { key: key.into(), value: json.into(), form });
    }

    fn add(&mut self, mut attribute: Attribute<'r>) {
        let Attribute { key, value, form } = &mut attribute;
        if !key.is_static() && !limits::keep(key) {
            self.dropped += 1;
            return;
        }
        let text = key.as_str();
        let seen = self.keys.seen(text);
        if seen && self.list.iter().any(|known| known.key.as_str() == text) {
            return;
        }
        if self.list.len() == MOST {
            self.dropped += 1;
            return;
        }
        if self.list.capacity() == 0 {
            self.list.reserve(USUAL);
        }
        clean(value, *form);
        self.list.push(attribute);
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
    /// Whether the key may have been seen before; from now on it has.
    fn seen(&mut self, key: &str) -> bool {
        // What tells ours apart is their lengths and their ends.
        let end = key.as_bytes().last_chunk().map_or(0, |end| u32::from_le_bytes(*end));
        let hash = (end ^ key.len() as u32).wrapping_mul(0x9e37_79b9) >> 24;
        let bit = 1 << (hash & 63);
        let Some(word) = self.0.get_mut((hash >> 6) as usize) else { return true };
        let seen = *word & bit != 0;
        *word |= bit;
        seen
    }
}

/// Takes out characters that backends refuse.
fn clean(value: &mut Value<'_>, form: Form) {
    match value {
        Value::Text(text) if form == Form::Text => clean::lent(text),
        Value::Text(json) => json.replace(clean::json),
        Value::Texts(texts) => texts.iter_mut().for_each(clean::lent),
        _ => {}
    }
}

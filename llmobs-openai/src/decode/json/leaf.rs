//! What leaves hold, once somebody asks.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::Raw;

/// Whether a member is a string that is not empty.
pub(in crate::decode) fn has_text(raw: Raw<'_>) -> bool {
    raw.is_some_and(|raw| raw.get().starts_with('"') && raw.get().len() > 2)
}

/// A member that is a string, as it was sent.
pub(in crate::decode) fn string(raw: Raw<'_>) -> Raw<'_> {
    raw.filter(|raw| raw.get().starts_with('"'))
}

/// Whether a member is an object or array with anything in it.
pub(in crate::decode) fn has_members(raw: Raw<'_>) -> bool {
    raw.is_some_and(|raw| {
        let inner = raw.get().get(1..raw.get().len() - 1).unwrap_or_default();
        raw.get().starts_with(['{', '[']) && !inner.trim().is_empty()
    })
}

/// The string a member holds.
pub(in crate::decode) fn text<'a>(raw: Raw<'a>) -> Option<Cow<'a, str>> {
    let json = raw?.get();
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    // Half of a surrogate pair is no text, but no reason to lose the rest either.
    Some(Cow::Owned(match serde_json::from_str::<String>(json) {
        Ok(text) => text,
        Err(_) => String::from_utf8_lossy(&serde_json::from_str::<Bytes>(json).ok()?.0).into(),
    }))
}

/// The string a member holds, unless it is empty.
pub(in crate::decode) fn some_text<'a>(raw: Raw<'a>) -> Option<Cow<'a, str>> {
    if has_text(raw) { text(raw) } else { None }
}

/// The number a member holds.
pub(in crate::decode) fn number(raw: Raw<'_>) -> Option<f64> {
    raw?.get().parse().ok().filter(|number: &f64| number.is_finite())
}

/// The count a member holds; `5.0` is one, `-1` is none.
pub(in crate::decode) fn count(raw: Raw<'_>) -> Option<u64> {
    if let Ok(count) = raw?.get().parse() {
        return Some(count);
    }
    let whole = |number: &f64| number.fract() == 0.0 && (0.0..=2f64.powi(53)).contains(number);
    number(raw).filter(whole).map(|number| number as u64)
}

/// The truth value a member holds.
pub(in crate::decode) fn flag(raw: Raw<'_>) -> Option<bool> {
    raw?.get().parse().ok()
}

/// A string's bytes, which need not be text.
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor;

        impl Visitor<'_> for BytesVisitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }

        deserializer.deserialize_bytes(BytesVisitor)
    }
}

//! A value that is used like any other and printed by nobody.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Serialize, Serializer};

/// What stands in the value's place.
const PLACEHOLDER: &str = "[sensitive]";

/// A value that no capture, log or panic message can print: `Debug`, `Display` and `Serialize` write
/// `[sensitive]`.
///
/// For arguments of functions under `#[trace_llm]`, variables of prompts, and fields of the structs
/// among them. The value itself is one `*` away; what is then made of it (a `String` that it is
/// formatted into, a message to a model) is an ordinary value again.
///
/// ```
/// use llmobs_core::Sensitive;
///
/// let name = Sensitive::new("Ada Lovelace".to_owned());
/// assert_eq!(format!("{name} {name:?}"), "[sensitive] [sensitive]");
/// assert_eq!(name.len(), 12);
/// assert_eq!(name.into_inner(), "Ada Lovelace");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sensitive<T: ?Sized>(T);

impl<T> Sensitive<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Sensitive<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: ?Sized> Deref for Sensitive<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> DerefMut for Sensitive<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: ?Sized> AsRef<T> for Sensitive<T> {
    fn as_ref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PLACEHOLDER)
    }
}

impl<T: ?Sized> fmt::Display for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(PLACEHOLDER)
    }
}

impl<T: ?Sized> Serialize for Sensitive<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(PLACEHOLDER)
    }
}

/// Reads the value itself: requests and settings have it as it is.
impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Sensitive<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

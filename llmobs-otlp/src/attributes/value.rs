//! Values as they are on the way out: lent by the record as far as they can be.

use std::borrow::Cow;

use llmobs_core::Term;
use opentelemetry::{Array, Key, StringValue};

/// A text: of this crate, of the record, or made of both.
#[derive(Clone, Debug)]
pub(crate) enum Text<'r> {
    Static(&'static str),
    Lent(&'r str),
    Owned(String),
}

/// A value of one attribute.
#[derive(Debug)]
pub(crate) enum Value<'r> {
    Bool(bool),
    I64(i64),
    F64(f64),
    Text(Text<'r>),
    Texts(Vec<Text<'r>>),
    Numbers(Vec<f64>),
}

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Lent(text) => text,
            Self::Owned(text) => text,
        }
    }

    /// Whether it is one of this crate's, which are as they have to be.
    pub(crate) fn is_static(&self) -> bool {
        matches!(self, Self::Static(_))
    }

    pub(crate) fn into_string(self) -> String {
        match self {
            Self::Owned(text) => text,
            other => other.as_str().to_owned(),
        }
    }

    /// Takes the text to make another of it.
    pub(crate) fn replace(&mut self, other: impl FnOnce(String) -> String) {
        let own = std::mem::replace(self, Self::Static(""));
        *self = Self::Owned(other(own.into_string()));
    }
}

impl From<&'static str> for Text<'_> {
    fn from(text: &'static str) -> Self {
        Self::Static(text)
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Owned(text)
    }
}

impl<'r> From<&'r String> for Text<'r> {
    fn from(text: &'r String) -> Self {
        Self::Lent(text)
    }
}

impl From<Term> for Text<'_> {
    fn from(term: Term) -> Self {
        match term {
            Cow::Borrowed(text) => Self::Static(text),
            Cow::Owned(text) => Self::Owned(text),
        }
    }
}

impl<'r> From<&'r Term> for Text<'r> {
    fn from(term: &'r Term) -> Self {
        match term {
            Cow::Borrowed(text) => Self::Static(text),
            Cow::Owned(text) => Self::Lent(text),
        }
    }
}

impl<'r, T: Into<Text<'r>>> From<T> for Value<'r> {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::I64(number)
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::F64(number)
    }
}

impl From<Text<'_>> for Key {
    fn from(text: Text<'_>) -> Self {
        match text {
            Text::Static(text) => Self::from_static_str(text),
            other => other.into_string().into(),
        }
    }
}

impl From<Text<'_>> for StringValue {
    fn from(text: Text<'_>) -> Self {
        match text {
            Text::Static(text) => text.into(),
            other => other.into_string().into(),
        }
    }
}

impl From<Value<'_>> for opentelemetry::Value {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Bool(flag) => Self::Bool(flag),
            Value::I64(number) => Self::I64(number),
            Value::F64(number) => Self::F64(number),
            Value::Text(text) => Self::String(text.into()),
            Value::Texts(texts) => {
                Self::Array(Array::String(texts.into_iter().map(Into::into).collect()))
            }
            Value::Numbers(numbers) => Self::Array(Array::F64(numbers)),
        }
    }
}

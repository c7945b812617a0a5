//! What is wrong with something that arrived.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where it is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Signal {
    /// A span.
    Span,
    /// A metric, or one of its points.
    Metric,
    /// A log record that is an event.
    Event,
    /// The resource of any of them.
    Resource,
    /// The instrumentation scope of any of them.
    Scope,
}

/// In which way it is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Class {
    /// An attribute that no registry has and that is not declared as the application's.
    UnknownAttribute,
    /// An attribute that the conventions have given up.
    DeprecatedAttribute,
    /// An attribute that this kind of span, metric or event does not have.
    AttributeNotAllowed,
    /// An attribute that the conventions took away from this kind of span on purpose.
    ForbiddenAttribute,
    /// A value of another type than the registered one.
    WrongType,
    /// A number that is none.
    NotFinite,
    /// A key that is there twice.
    DuplicateAttribute,
    /// More attributes than SDKs and backends take.
    TooManyAttributes,
    /// A text longer than its attribute may be.
    TooLong,
    /// A required attribute is missing.
    MissingRequired,
    /// An attribute is missing whose condition is met.
    MissingConditional,
    /// An attribute is there although its condition is not met, or with a value it must not have.
    ConditionNotMet,
    /// A value outside of an enum, or beside a well-known one that means the same.
    UnknownEnumValue,
    /// A value of an enum that the conventions have given up.
    DeprecatedEnumValue,
    /// Content that is no JSON where spans have JSON texts, or a text where events have structure.
    ContentForm,
    /// Content that its schema refuses.
    ContentSchema,
    /// A span that is none of those the registries know.
    UnknownOperation,
    /// A span's name is not put together as its type asks for.
    SpanName,
    /// A span's kind is not its type's.
    SpanKind,
    /// The status is OK, which is the application's to say.
    StatusOk,
    /// The status is ERROR without an `error.type`, or there is one without the status.
    StatusError,
    /// A description where there is no error.
    StatusDescription,
    /// An id that is missing, all zero or of a wrong length.
    BadId,
    /// A time that is missing, or an end before its start.
    BadTime,
    /// A metric that no registry has.
    UnknownMetric,
    /// A metric that the conventions have given up.
    DeprecatedMetric,
    /// Another instrument than the registered one.
    WrongInstrument,
    /// Another unit than the registered one.
    WrongUnit,
    /// Other histogram boundaries than the conventions ask for.
    WrongBuckets,
    /// A point whose numbers do not agree with each other, or that has none.
    BadPoint,
    /// An event that no registry has, or a log record without an event's name.
    UnknownEvent,
    /// An event without a text that says in short what it is.
    MissingBody,
    /// A body that is structure, or longer than one line.
    BadBody,
    /// Another severity than the conventions ask for.
    WrongSeverity,
    /// The name of the instrumentation scope, or our names under somebody else's.
    ScopeName,
    /// The version of the instrumentation scope.
    ScopeVersion,
    /// The schema that the names follow.
    SchemaUrl,
}

impl Class {
    /// The name in the file of exceptions.
    pub fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// In which way.
    pub class: Class,
    /// Where.
    pub signal: Signal,
    /// The type of the span, or the name of the metric or event; empty where there is none.
    pub kind: String,
    /// The name of the span, metric or event as it arrived.
    pub name: String,
    /// Key of the attribute, when it is about one.
    pub attribute: Option<String>,
    /// What arrived and what should have.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { class, signal, kind, name, attribute, detail } = self;
        let signal = format!("{signal:?}").to_lowercase();
        write!(f, "{class}: {signal}")?;
        if !name.is_empty() {
            write!(f, " {name:?}")?;
        }
        if kind != name && !kind.is_empty() {
            write!(f, " ({kind})")?;
        }
        if let Some(attribute) = attribute {
            write!(f, ", {attribute}")?;
        }
        write!(f, ": {detail}")
    }
}

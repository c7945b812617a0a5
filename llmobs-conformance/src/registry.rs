//! The registries: what is known of attributes, spans, metrics and events.

mod load;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// Attributes, spans, metrics and events, of several files put together.
#[derive(Clone, Debug, Default, Deserialize)]
#[non_exhaustive]
pub struct Registry {
    /// By key; templates without their last part.
    #[serde(default)]
    pub attributes: BTreeMap<String, AttributeDef>,
    /// Attributes that several spans, metrics or events share, by the group's name.
    #[serde(default)]
    pub groups: BTreeMap<String, BTreeMap<String, AttributeUse>>,
    /// By id. What arrives is checked against the first whose [`SpanDef::matches`] fit.
    #[serde(default)]
    pub spans: BTreeMap<String, SpanDef>,
    /// By name.
    #[serde(default)]
    pub metrics: BTreeMap<String, MetricDef>,
    /// By name.
    #[serde(default)]
    pub events: BTreeMap<String, EventDef>,
    /// Attributes the conventions have given up, and what took their place.
    #[serde(default)]
    pub deprecated: BTreeMap<String, String>,
    /// The schema that the names follow.
    #[serde(default)]
    pub schema_url: String,
    /// Name of the instrumentation scope.
    #[serde(default)]
    pub scope: String,
}

/// An attribute.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct AttributeDef {
    /// Type of its values; `None` for an attribute of which only rules are known here.
    #[serde(default, rename = "type")]
    pub kind: Option<Type>,
    /// `development` or `stable`.
    #[serde(default)]
    pub stability: String,
    /// What it means, its unit, and when it is absent.
    #[serde(default)]
    pub brief: String,
    /// More about it.
    #[serde(default)]
    pub note: String,
    /// Whether values outside of an enum are fine where none of its members means the same.
    #[serde(default)]
    pub open: bool,
    /// Other spellings of an enum's members, and the member each stands for.
    #[serde(default)]
    pub aliases: BTreeMap<String, String>,
    /// Members of an enum the conventions have given up, and what took their place.
    #[serde(default)]
    pub deprecated_values: BTreeMap<String, String>,
    /// Name of the JSON Schema of its content.
    #[serde(default)]
    pub schema: Option<String>,
    /// Longest text, in characters.
    #[serde(default)]
    pub max_length: Option<usize>,
    /// The only value it may have.
    #[serde(default)]
    pub only: Option<Value>,
    /// A value it must not have.
    #[serde(default)]
    pub never: Option<Value>,
    /// It is there only beside all of these; `null` stands for any value.
    #[serde(default)]
    pub only_with: BTreeMap<String, Value>,
    /// It must be there, where it may, beside any of these; `null` stands for any value.
    #[serde(default)]
    pub required_with: BTreeMap<String, Value>,
    /// Its number is at most that of this attribute.
    #[serde(default)]
    pub at_most: Option<String>,
    /// What it would otherwise be at most or only beside does not matter beside any of these.
    #[serde(default)]
    pub unless: BTreeMap<String, Value>,
    /// The backend that reads it, where it is sent only for one.
    #[serde(default)]
    pub compat: Option<String>,
}

/// Type of an attribute's values.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "RawType")]
#[non_exhaustive]
pub enum Type {
    /// One of the plain ones: `string`, `int`, `double`, `boolean`, and arrays of them (`string[]`).
    Plain(String),
    /// JSON text on spans, structure in events.
    Any,
    /// Keys of which only the beginning is fixed, with values of this type.
    Template(String),
    /// A text, mostly one of these.
    Enum(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawType {
    Text(String),
    Enum {
        #[serde(rename = "enum")]
        members: Vec<String>,
    },
}

impl From<RawType> for Type {
    fn from(raw: RawType) -> Self {
        match raw {
            RawType::Enum { members } => Self::Enum(members),
            RawType::Text(text) if text == "any" => Self::Any,
            RawType::Text(text) => {
                let of = text.strip_prefix("template[").and_then(|inner| inner.strip_suffix(']'));
                of.map_or_else(|| Self::Plain(text.clone()), |of| Self::Template(of.to_owned()))
            }
        }
    }
}

/// How much an attribute is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Level {
    /// Always there.
    Required,
    /// There when its condition is met.
    ConditionallyRequired,
    /// There when it is known.
    Recommended,
    /// There when somebody turned it on.
    OptIn,
}

/// An attribute of a certain span, metric or event.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct AttributeUse {
    /// How much it is asked for.
    pub level: Level,
    /// Its condition, in words.
    #[serde(default)]
    pub when: String,
}

/// A type of span.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SpanDef {
    /// The registered type it is one of.
    #[serde(rename = "type")]
    pub kind_of: String,
    /// `client` or `internal`.
    pub kind: String,
    /// What spans of this type stand for.
    pub brief: String,
    /// The name, in words; the first part in backticks is taken for its pattern.
    pub name_note: String,
    /// The name's pattern, in place of the one in [`name_note`](Self::name_note): words and
    /// attributes in braces, several with `|` between for the first of them that is there. A word
    /// whose attribute is absent is left out.
    pub name: String,
    /// Another span whose attributes, kind and name it has.
    pub extends: Option<String>,
    /// A span is of this type when its attributes have one of these values; an empty list asks for
    /// the attribute's absence.
    pub matches: BTreeMap<String, Vec<String>>,
    /// Groups of attributes it has.
    pub groups: Vec<String>,
    /// Attributes it has.
    pub attributes: BTreeMap<String, AttributeUse>,
    /// Attributes it must not have, and why.
    pub forbidden: BTreeMap<String, String>,
}

/// A metric.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MetricDef {
    /// `counter`, `updowncounter`, `gauge` or `histogram`.
    pub instrument: String,
    /// Unit, as UCUM has it.
    pub unit: String,
    /// What it measures.
    pub brief: String,
    /// Boundaries of a histogram; empty where none are asked for.
    pub buckets: Vec<f64>,
    /// Groups of attributes it has.
    pub groups: Vec<String>,
    /// Attributes it has.
    pub attributes: BTreeMap<String, AttributeUse>,
}

/// An event.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct EventDef {
    /// What happened.
    pub brief: String,
    /// Number of the severity; 0 where none is asked for.
    pub severity: i32,
    /// Groups of attributes it has.
    pub groups: Vec<String>,
    /// Attributes it has.
    pub attributes: BTreeMap<String, AttributeUse>,
    /// One of these is there.
    pub one_of: Vec<String>,
}

impl Registry {
    /// Puts registries together, each as JSON text: a later one adds to what is in the ones before,
    /// members to enums and attributes to spans.
    ///
    /// # Errors
    ///
    /// When one of them is no registry.
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, RegistryError> {
        load::merged(texts)
    }

    /// The same for a file and texts to be added.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or one of them is no registry.
    pub fn with_file(file: &Path, added: &[&str]) -> Result<Self, RegistryError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| RegistryError::Unreadable { path: file.to_owned(), source })?;
        load::merged(std::iter::once(text.as_str()).chain(added.iter().copied()))
    }

    /// The attribute with this key, and the name it is registered under.
    pub fn attribute(&self, key: &str) -> Option<(&str, &AttributeDef)> {
        if let Some((name, def)) = self.attributes.get_key_value(key) {
            return def.kind.is_some().then_some((name.as_str(), def));
        }
        key.match_indices('.').rev().find_map(|(at, _)| {
            let (name, def) = self.attributes.get_key_value(key.get(..at)?)?;
            matches!(def.kind, Some(Type::Template(_))).then_some((name.as_str(), def))
        })
    }
}

/// Why there is no registry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A file cannot be read.
    #[error("a registry cannot be read from {}", path.display())]
    Unreadable {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no JSON of the registries' form.
    #[error("a registry is not of the registries' form")]
    Malformed(#[from] serde_json::Error),
    /// A JSON Schema of content is none.
    #[error("the schema of {name} is no JSON Schema: {why}")]
    Schema {
        /// Name of the schema.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something refers to what is not there.
    #[error("{from} refers to {to}, which is not registered")]
    Dangling {
        /// The span, metric or event.
        from: String,
        /// What it refers to.
        to: String,
    },
    /// The GenAI registry is missing where it must not be.
    #[error("there is no registry of the conventions at {}", path.display())]
    Missing {
        /// Where it should be.
        path: std::path::PathBuf,
    },
}

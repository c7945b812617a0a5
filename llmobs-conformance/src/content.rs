//! Content: JSON texts on spans, structure in events, both by the conventions' schemas.

use std::collections::BTreeMap;
use std::path::Path;

use jsonschema::Validator;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use serde_json::Value;

use crate::registry::RegistryError;
use crate::value;

/// The schemas of content, by name.
#[derive(Debug, Default)]
pub(crate) struct Schemas(BTreeMap<String, Validator>);

impl Schemas {
    /// Those of a folder.
    pub(crate) fn of(folder: &Path) -> Result<Self, RegistryError> {
        let unreadable = |source| RegistryError::Unreadable { path: folder.to_owned(), source };
        let mut schemas = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
            let text = std::fs::read_to_string(&path).map_err(unreadable)?;
            let mut schema = serde_json::from_str(&text)?;
            without_references(&mut schema);
            let validator = jsonschema::validator_for(&schema).map_err(|err| {
                RegistryError::Schema { name: name.to_owned(), why: err.to_string() }
            })?;
            schemas.insert(name.to_owned(), validator);
        }
        Ok(Self(schemas))
    }

    /// What a schema says against some content.
    pub(crate) fn against(&self, schema: &str, content: &Value) -> Option<String> {
        let Some(validator) = self.0.get(schema) else {
            return Some(format!("there is no schema {schema}"));
        };
        let error = validator.iter_errors(content).next()?;
        let (at, error) = (error.instance_path().to_string(), error.to_string());
        let error: String = error.chars().take(300).collect();
        Some(if at.is_empty() { error } else { format!("at {at}: {error}") })
    }
}

/// Takes references to elsewhere for any object: the only one is to the schema of schemas, by which
/// the parameters of a tool are the application's business, and not ours.
fn without_references(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let elsewhere = object.get("$ref").and_then(Value::as_str);
            if elsewhere.is_some_and(|target| !target.starts_with('#')) {
                object.remove("$ref");
                object.insert("type".to_owned(), "object".into());
            }
            object.values_mut().for_each(without_references);
        }
        Value::Array(items) => items.iter_mut().for_each(without_references),
        _ => {}
    }
}

/// The content as JSON; what is wrong with its form otherwise.
pub(crate) fn parsed(value: &Any, structured: bool) -> Result<Value, String> {
    match value {
        Any::StringValue(text) if !structured => {
            serde_json::from_str(text).map_err(|err| format!("no JSON ({err})"))
        }
        // A text is the structure of what is a text: only what reads as structure is not it.
        Any::StringValue(text) => match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(_) | Value::Array(_)) => {
                Err("a JSON text, where events have structure".to_owned())
            }
            _ => Ok(Value::String(text.clone())),
        },
        other if structured => {
            value::json(other).ok_or_else(|| format!("{} is no content", value::type_name(other)))
        }
        other => Err(format!("{}, where spans have JSON texts", value::type_name(other))),
    }
}

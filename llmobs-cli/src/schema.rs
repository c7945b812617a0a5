//! The JSON Schema of a line.

use llmobs_core::{Record, SCHEMA};
use serde_json::{Value, json};

/// The schema of a [`Record`], with a line break at its end.
pub(crate) fn text() -> String {
    let mut schema = Value::from(schemars::schema_for!(Record));
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("$id".to_owned(), json!(format!("urn:{}", SCHEMA.replace('/', ":"))));
        fields.insert("title".to_owned(), json!(SCHEMA));
    }
    format!("{schema:#}\n")
}

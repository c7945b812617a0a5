//! The published schema of a line.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::{Map, Value, json};

use crate::record::{Record, SCHEMA};

/// JSON Schema (draft 2020-12) of one line of schema `llmobs/1`, made from [`Record`] and its parts.
///
/// It is open on purpose, as readers must be: fields it does not name are allowed, and vocabularies
/// such as `kind` and `outcome` list what is known and take any other text. The file
/// `schema/llmobs-1.json` of this crate holds the same.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .for_serialize()
        .with_transform(RecursiveTransform(open_vocabulary as fn(&mut Schema)))
        .with_transform(RecursiveTransform(join_lines as fn(&mut Schema)));
    let mut schema = settings.into_generator().into_root_schema_for::<Record>();
    let id = SCHEMA.replace('/', ":record:");
    schema.insert("$id".into(), format!("urn:{id}").into());
    schema.insert("title".into(), format!("One line of {SCHEMA}").into());
    schema.to_value()
}

/// Lets a vocabulary grow: what a type lists is known, any other text is a later version's.
fn open_vocabulary(schema: &mut Schema) {
    let Some(map) = schema.as_object_mut() else { return };
    let known: Vec<Value> = match (map.remove("oneOf"), map.remove("enum")) {
        (Some(Value::Array(known)), None) if known.iter().all(is_name) => known,
        (None, Some(Value::Array(names))) if names.iter().all(Value::is_string) => {
            map.remove("type");
            names.into_iter().map(|name| json!({ "const": name })).collect()
        }
        (one_of, names) => {
            put_back(map, "oneOf", one_of);
            put_back(map, "enum", names);
            return;
        }
    };
    let later = json!({ "type": "string", "description": "A value of a later version." });
    map.insert("anyOf".into(), known.into_iter().chain([later]).collect());
}

/// Where a doc comment was wrapped means nothing to a reader of the schema.
fn join_lines(schema: &mut Schema) {
    let description = schema.get("description").and_then(Value::as_str);
    if let Some(text) = description {
        let paragraphs: Vec<_> = text.split("\n\n").map(|text| text.replace('\n', " ")).collect();
        schema.insert("description".into(), paragraphs.join("\n\n").into());
    }
}

fn is_name(schema: &Value) -> bool {
    schema.get("const").is_some_and(Value::is_string)
}

fn put_back(map: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(key.to_owned(), value);
    }
}

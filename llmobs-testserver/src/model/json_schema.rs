//! Values that fit a JSON Schema, made from a text.

use serde_json::{Map, Value, json};

/// Schemas nested deeper than this are filled with null.
const MAX_DEPTH: usize = 8;

/// The value at a JSON pointer, null where there is none.
pub(super) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// A value of this schema; `string` decides on strings without an `enum`, and `question` is where
/// numbers and the names of an `enum` are looked for.
pub(super) fn fill(schema: &Value, question: &str, string: &str) -> Value {
    fill_at(schema, question, string, 0)
}

fn fill_at(schema: &Value, question: &str, string: &str, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    if let Some(values) = schema["enum"].as_array() {
        let lower = question.to_lowercase();
        let mentioned = values
            .iter()
            .find(|value| value.as_str().is_some_and(|text| lower.contains(&text.to_lowercase())));
        return mentioned.or(values.first()).cloned().unwrap_or_default();
    }
    // `["string", "null"]` is how strict schemas write an optional field.
    let kind =
        schema["type"].as_str().or_else(|| at(schema, "/type/0").as_str()).unwrap_or("string");
    match kind {
        "object" => {
            let mut fields = Map::new();
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                fields.insert(name.clone(), fill_at(field, question, string, depth + 1));
            }
            Value::Object(fields)
        }
        "array" => json!([fill_at(&schema["items"], question, string, depth + 1)]),
        "integer" | "number" => number(question).into(),
        "boolean" => true.into(),
        "null" => Value::Null,
        _ => string.into(),
    }
}

/// The first whole number in the question, or 1.
fn number(question: &str) -> u64 {
    question
        .split(|c: char| !c.is_ascii_digit())
        .find_map(|digits| digits.parse().ok())
        .unwrap_or(1)
}

/// What a question is about: an identifier, else a name, else its last word.
pub(super) fn subject(question: &str) -> &str {
    let words = || {
        question
            .split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'))
            .filter(|word| !word.is_empty())
    };
    let identifier = words().find(|word| word.contains(|c: char| c.is_ascii_digit()));
    let name =
        || words().skip(1).find(|word| word.len() > 1 && word.starts_with(char::is_uppercase));
    identifier.or_else(name).or_else(|| words().next_back()).unwrap_or(question)
}

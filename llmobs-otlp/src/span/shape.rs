//! Content that is not in the form of the conventions' schemas, brought into it.
//!
//! What is read from the wire is in that form. Records made by hand may hold less strict ones: a
//! text in the place of a part, a tool without a type.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::cut::{Form, Item};

/// Type of a tool that does not say.
const FUNCTION: &str = "function";

/// Brings a content into its form; touches nothing that has it.
pub(super) fn repair(value: &mut Cow<'_, Value>, form: Form) {
    if !fits(value, form) {
        let whole = std::mem::take(value.to_mut());
        *value.to_mut() = repaired(whole, form);
    }
}

fn fits(value: &Value, form: Form) -> bool {
    let has = |key: &str| value.get(key).is_some_and(Value::is_string);
    match form {
        Form::Messages | Form::Parts | Form::Tools | Form::Documents => {
            value.as_array().is_some_and(|items| items.iter().all(|item| fits(item, form.item())))
        }
        Form::Item(Item::Message) => {
            has("role") && value.get("parts").is_some_and(|parts| fits(parts, Form::Parts))
        }
        Form::Item(Item::Part) => has("type"),
        Form::Item(Item::Tool) => has("type") && has("name"),
        Form::Item(Item::Document) => value.is_object(),
        Form::Json | Form::Text => true,
    }
}

fn repaired(value: Value, form: Form) -> Value {
    if fits(&value, form) {
        return value;
    }
    match (form, value) {
        (Form::Messages | Form::Parts | Form::Tools | Form::Documents, value) => {
            let items = match value {
                Value::Array(items) => items,
                Value::Null => Vec::new(),
                single => vec![single],
            };
            items.into_iter().map(|item| repaired(item, form.item())).collect()
        }
        (Form::Item(Item::Message), Value::Object(mut message)) => {
            let parts = message.remove("parts").or_else(|| message.remove("content"));
            let parts = repaired(parts.unwrap_or_default(), Form::Parts);
            message.insert("parts".to_owned(), parts);
            or_insert(&mut message, "role", "");
            Value::Object(message)
        }
        (Form::Item(Item::Message), other) => {
            json!({"role": "", "parts": [repaired(other, Form::Item(Item::Part))]})
        }
        (Form::Item(Item::Part), Value::Object(mut part)) => {
            or_insert(&mut part, "type", "unknown");
            Value::Object(part)
        }
        (Form::Item(Item::Part), other) => json!({"type": "text", "content": text(other)}),
        (Form::Item(Item::Tool), Value::Object(mut tool)) => {
            or_insert(&mut tool, "type", FUNCTION);
            // Tools of the provider's own are known by their type.
            let name = tool.get("type").and_then(Value::as_str).unwrap_or(FUNCTION).to_owned();
            or_insert(&mut tool, "name", &name);
            Value::Object(tool)
        }
        (Form::Item(Item::Tool), other) => json!({"type": FUNCTION, "name": text(other)}),
        (Form::Item(Item::Document), other) => json!({"content": other}),
        (Form::Json | Form::Text, value) => value,
    }
}

fn or_insert(fields: &mut Map<String, Value>, key: &str, text: &str) {
    if !fields.get(key).is_some_and(Value::is_string) {
        fields.insert(key.to_owned(), text.into());
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

//! Values of attributes.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use serde_json::Value;

/// The value of an attribute; `None` where there is none, or no such attribute.
pub(crate) fn of<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Any> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    attribute.value.as_ref()?.value.as_ref()
}

/// An attribute's text.
pub(crate) fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match of(attributes, key)? {
        Any::StringValue(text) => Some(text),
        _ => None,
    }
}

/// The type, as registries name it.
pub(crate) fn type_name(value: &Any) -> String {
    match value {
        Any::StringValue(_) => "string".into(),
        Any::BoolValue(_) => "boolean".into(),
        Any::IntValue(_) => "int".into(),
        Any::DoubleValue(_) => "double".into(),
        Any::BytesValue(_) => "bytes".into(),
        Any::KvlistValue(_) => "map".into(),
        Any::ArrayValue(array) => {
            let types: std::collections::BTreeSet<_> = array
                .values
                .iter()
                .map(|item| item.value.as_ref().map_or_else(|| "nothing".into(), type_name))
                .collect();
            let types: Vec<_> = types.into_iter().collect();
            format!("{}[]", types.join("|"))
        }
        _ => "a value of another kind".into(),
    }
}

/// The same as JSON; bytes have none.
pub(crate) fn json(value: &Any) -> Option<Value> {
    let inner = |value: &AnyValue| value.value.as_ref().map_or(Some(Value::Null), json);
    Some(match value {
        Any::StringValue(text) => text.as_str().into(),
        Any::BoolValue(flag) => (*flag).into(),
        Any::IntValue(number) => (*number).into(),
        Any::DoubleValue(number) => (*number).into(),
        Any::ArrayValue(array) => {
            Value::Array(array.values.iter().map(inner).collect::<Option<_>>()?)
        }
        Any::KvlistValue(list) => {
            let pair = |pair: &KeyValue| {
                let value = pair.value.as_ref().map_or(Some(Value::Null), inner)?;
                Some((pair.key.clone(), value))
            };
            Value::Object(list.values.iter().map(pair).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// Whether all numbers in it are numbers.
pub(crate) fn is_finite(value: &Any) -> bool {
    match value {
        Any::DoubleValue(number) => number.is_finite(),
        Any::ArrayValue(array) => {
            array.values.iter().filter_map(|item| item.value.as_ref()).all(is_finite)
        }
        _ => true,
    }
}

pub(crate) fn number(value: &Any) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "counts of tokens are far below")]
        Any::IntValue(number) => Some(*number as f64),
        Any::DoubleValue(number) => Some(*number),
        _ => None,
    }
}

/// Whether what is asked for holds: `null` for any value, a list for one of several.
pub(crate) fn is(attributes: &[KeyValue], key: &str, asked: &Value) -> bool {
    let Some(found) = of(attributes, key) else { return false };
    match asked {
        Value::Null => true,
        Value::Array(any) => json(found).is_some_and(|found| any.contains(&found)),
        one => json(found).as_ref() == Some(one),
    }
}

/// Whether a type of span fits: an empty list asks for absence.
pub(crate) fn fits(attributes: &[KeyValue], matches: &BTreeMap<String, Vec<String>>) -> bool {
    matches.iter().all(|(key, values)| match text(attributes, key) {
        None => values.is_empty(),
        Some(found) => values.iter().any(|value| value == found),
    })
}

/// For messages: no longer than a line.
pub(crate) fn short(value: &Any) -> String {
    let text = json(value).map_or_else(|| type_name(value), |value| value.to_string());
    if text.chars().count() > 160 {
        return text.chars().take(160).chain(['…']).collect();
    }
    text
}

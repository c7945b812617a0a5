//! Structured values.

use opentelemetry::logs::AnyValue;
use opentelemetry::{Array, Value as Plain};
use opentelemetry_proto::tonic::common::v1 as wire;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Wire;
use serde_json::Value;

/// Levels that keep their structure. Each takes up to three of the hundred levels that most
/// protobuf decoders read of a request, and one value too deep would cost all that came with it.
const DEPTH: u32 = 24;

/// A value as OTLP has it; what is deeper than may be is JSON text.
pub(super) fn wire(value: &Value) -> wire::AnyValue {
    at_wire(value, DEPTH)
}

fn at_wire(value: &Value, depth: u32) -> wire::AnyValue {
    let value = match value {
        Value::Null => None,
        Value::Bool(flag) => Some(Wire::BoolValue(*flag)),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Some(Wire::IntValue(whole)),
            None => number.as_f64().map(Wire::DoubleValue),
        },
        Value::String(text) => Some(Wire::StringValue(text.clone())),
        _ if depth == 0 => Some(Wire::StringValue(value.to_string())),
        Value::Array(items) => {
            let values = items.iter().map(|item| at_wire(item, depth - 1)).collect();
            Some(Wire::ArrayValue(wire::ArrayValue { values }))
        }
        Value::Object(fields) => {
            let pair = |(key, value): (&String, &Value)| wire::KeyValue {
                key: key.clone(),
                value: Some(at_wire(value, depth - 1)),
                ..wire::KeyValue::default()
            };
            let values = fields.iter().map(pair).collect();
            Some(Wire::KvlistValue(wire::KeyValueList { values }))
        }
    };
    wire::AnyValue { value }
}

/// A value for a logger.
pub(super) fn logged(value: &Value) -> AnyValue {
    at_logged(value, DEPTH)
}

fn at_logged(value: &Value, depth: u32) -> AnyValue {
    match value {
        // There is no such value: what is null in an object is left out there.
        Value::Null => AnyValue::from("null"),
        Value::Bool(flag) => AnyValue::from(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => AnyValue::from(whole),
            None => AnyValue::from(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => AnyValue::from(text.clone()),
        _ if depth == 0 => AnyValue::from(value.to_string()),
        Value::Array(items) => items.iter().map(|item| at_logged(item, depth - 1)).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), at_logged(value, depth - 1)))
            .collect(),
    }
}

/// A plain attribute's value for a logger.
pub(super) fn plain(value: Plain) -> AnyValue {
    match value {
        Plain::Bool(flag) => flag.into(),
        Plain::I64(number) => number.into(),
        Plain::F64(number) => number.into(),
        Plain::String(text) => text.into(),
        Plain::Array(Array::Bool(items)) => items.into_iter().collect(),
        Plain::Array(Array::I64(items)) => items.into_iter().collect(),
        Plain::Array(Array::F64(items)) => items.into_iter().collect(),
        Plain::Array(Array::String(items)) => items.into_iter().collect(),
        other => other.to_string().into(),
    }
}

//! Spans in protobuf, written as they are found.
//!
//! The generated types own each text and each id they hold: filling them takes longer than all that
//! becomes of them. The numbers are the fields of `opentelemetry.proto.trace.v1.Span` and
//! `opentelemetry.proto.common.v1.AnyValue`; the tests read what is written with the generated types.

use prost::encoding::{WireType, encoded_len_varint};

use crate::attributes::{Attribute, Text, Value};

/// A key of a field up to the fifteenth, and the length of eight fixed bytes with theirs.
const KEY: usize = 1;
const FIXED64: usize = KEY + 8;

/// Writes bytes or a text, unless there are none.
pub(super) fn bytes(tag: u32, bytes: &[u8], out: &mut Vec<u8>) {
    if !bytes.is_empty() {
        delimited(tag, bytes.len(), out);
        out.extend_from_slice(bytes);
    }
}

/// Writes the beginning of a message of this length.
pub(super) fn delimited(tag: u32, len: usize, out: &mut Vec<u8>) {
    key(tag, WireType::LengthDelimited, out);
    raw(len as u64, out);
}

pub(super) fn varint(tag: u32, number: u64, out: &mut Vec<u8>) {
    key(tag, WireType::Varint, out);
    raw(number, out);
}

pub(super) fn fixed64(tag: u32, number: u64, out: &mut Vec<u8>) {
    key(tag, WireType::SixtyFourBit, out);
    out.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn fixed32(tag: u32, number: u32, out: &mut Vec<u8>) {
    key(tag, WireType::ThirtyTwoBit, out);
    out.extend_from_slice(&number.to_le_bytes());
}

fn key(tag: u32, wire_type: WireType, out: &mut Vec<u8>) {
    raw(u64::from(tag << 3 | wire_type as u32), out);
}

/// A number in as many bytes as it takes: one, as a rule.
fn raw(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Bytes of a field with its key and its length.
fn field(len: usize) -> usize {
    KEY + encoded_len_varint(len as u64) + len
}

/// Writes an attribute, a `KeyValue`.
pub(super) fn attribute(tag: u32, attribute: &Attribute<'_>, out: &mut Vec<u8>) {
    let (key, value) = (attribute.key.as_str(), &attribute.value);
    let list = list(value);
    let len = any(value, list);
    delimited(tag, field(key.len()) + field(len), out);
    bytes(1, key.as_bytes(), out);
    delimited(2, len, out);
    match value {
        Value::Text(text) => one(text, out),
        Value::Bool(flag) => varint(2, u64::from(*flag), out),
        Value::I64(number) => varint(3, *number as u64, out),
        Value::F64(number) => fixed64(4, number.to_bits(), out),
        Value::Texts(texts) => {
            delimited(5, list, out);
            for text in texts {
                delimited(1, field(text.as_str().len()), out);
                one(text, out);
            }
        }
        Value::Numbers(numbers) => {
            delimited(5, list, out);
            for number in numbers {
                delimited(1, FIXED64, out);
                fixed64(4, number.to_bits(), out);
            }
        }
    }
}

/// A text that is there although it may be empty.
fn one(text: &Text<'_>, out: &mut Vec<u8>) {
    delimited(1, text.as_str().len(), out);
    out.extend_from_slice(text.as_str().as_bytes());
}

/// Bytes of a value; `list` are those of the items, where it has some.
fn any(value: &Value<'_>, list: usize) -> usize {
    match value {
        Value::Text(text) => field(text.as_str().len()),
        Value::Bool(_) => KEY + 1,
        Value::I64(number) => KEY + encoded_len_varint(*number as u64),
        Value::F64(_) => FIXED64,
        Value::Texts(_) | Value::Numbers(_) => field(list),
    }
}

fn list(value: &Value<'_>) -> usize {
    match value {
        Value::Texts(texts) => texts.iter().map(|text| field(field(text.as_str().len()))).sum(),
        Value::Numbers(numbers) => numbers.len() * field(FIXED64),
        _ => 0,
    }
}

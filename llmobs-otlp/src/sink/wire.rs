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

#[inline]
fn key(tag: u32, wire_type: WireType, out: &mut Vec<u8>) {
    raw(u64::from(tag << 3 | wire_type as u32), out);
}

/// A number in as many bytes as it takes: one, as a rule.
#[inline]
fn raw(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Bytes of a field with its key and its length.
#[inline]
fn field(len: usize) -> usize {
    KEY + encoded_len_varint(len as u64) + len
}

/// Writes an attribute, a `KeyValue`.
pub(super) fn attribute(tag: u32, attribute: &Attribute<'_>, out: &mut Vec<u8>) {
    let key = attribute.key.as_str();
    match &attribute.value {
        Value::Text(text) => {
            pair(tag, key, field(text.as_str().len()), out);
            one(text, out);
        }
        Value::Bool(flag) => {
            pair(tag, key, KEY + 1, out);
            varint(2, u64::from(*flag), out);
        }
        Value::I64(number) => {
            pair(tag, key, KEY + encoded_len_varint(*number as u64), out);
            varint(3, *number as u64, out);
        }
        Value::F64(number) => {
            pair(tag, key, FIXED64, out);
            fixed64(4, number.to_bits(), out);
        }
        Value::Texts(texts) => {
            let len = texts.iter().map(|text| field(field(text.as_str().len()))).sum();
            pair(tag, key, field(len), out);
            delimited(5, len, out);
            for text in texts {
                delimited(1, field(text.as_str().len()), out);
                one(text, out);
            }
        }
        Value::Numbers(numbers) => {
            let len = numbers.len() * field(FIXED64);
            pair(tag, key, field(len), out);
            delimited(5, len, out);
            for number in numbers {
                delimited(1, FIXED64, out);
                fixed64(4, number.to_bits(), out);
            }
        }
    }
}

/// Writes a key, and the beginning of its value of this length.
#[inline]
fn pair(tag: u32, key: &str, value: usize, out: &mut Vec<u8>) {
    const LEN: u8 = WireType::LengthDelimited as u8;
    let short = 2 * (KEY + 1) + key.len() + value;
    // Nearly all of them: each tag and each length is a byte.
    if tag < 0x10 && short < 0x80 {
        out.extend_from_slice(&[
            (tag << 3) as u8 | LEN,
            short as u8,
            1 << 3 | LEN,
            key.len() as u8,
        ]);
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(&[2 << 3 | LEN, value as u8]);
    } else {
        delimited(tag, field(key.len()) + field(value), out);
        bytes(1, key.as_bytes(), out);
        delimited(2, value, out);
    }
}

/// A text that is there although it may be empty.
#[inline]
fn one(text: &Text<'_>, out: &mut Vec<u8>) {
    delimited(1, text.as_str().len(), out);
    out.extend_from_slice(text.as_str().as_bytes());
}

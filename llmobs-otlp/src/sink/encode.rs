//! Records as spans on the wire.

use std::mem::take;

use llmobs_core::{Record, SpanKind};
use opentelemetry_proto::tonic::trace::v1::Status;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as WireKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;

use super::wire;
use crate::attributes::Room;
use crate::span::{SpanView, shown};
use crate::style::Style;

/// The trace flag for sampled: what is not sampled is not here.
const SAMPLED: u32 = 1;

/// What a record is as a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Span,
    /// It is none, or is not to be exported.
    Nothing,
    /// Nobody knows when it was, and a span must say so.
    Undated,
}

/// Writes the span of a record, if it is one. The room is for its attributes, as that of the span
/// before it was.
pub(super) fn span(record: &Record, style: &Style, room: &mut Room, out: &mut Vec<u8>) -> Made {
    if record.unsampled {
        return Made::Nothing;
    }
    let (Some(trace_id), Some(span_id)) = (record.trace_id, record.span_id) else {
        return Made::Nothing;
    };
    let shown = shown(record, style);
    let Some(view) = SpanView::of(&shown, style, take(room)) else { return Made::Nothing };
    let Some(start) = view.start else { return Made::Undated };
    let over = view.attributes.len().saturating_sub(style.limits.count);
    let dropped = view.dropped.saturating_add(u32::try_from(over).unwrap_or(u32::MAX));
    let kind = match view.kind {
        SpanKind::Client => WireKind::Client,
        _ => WireKind::Internal,
    };
    wire::bytes(1, &trace_id.to_bytes(), out);
    wire::bytes(2, &span_id.to_bytes(), out);
    if let Some(parent) = record.parent_span_id {
        wire::bytes(4, &parent.to_bytes(), out);
    }
    wire::bytes(5, view.name.as_bytes(), out);
    wire::varint(6, kind as u64, out);
    wire::fixed64(7, start.unix_nanos(), out);
    wire::fixed64(8, view.end.unwrap_or(start).unix_nanos(), out);
    for attribute in view.attributes.iter().take(style.limits.count) {
        wire::attribute(9, attribute, out);
    }
    if dropped > 0 {
        wire::varint(10, u64::from(dropped), out);
    }
    if let Some(message) = view.error {
        let status = Status { message, code: StatusCode::Error.into() };
        wire::bytes(15, &status.encode_to_vec(), out);
    }
    wire::fixed32(16, SAMPLED, out);
    *room = Room::of(view.attributes);
    Made::Span
}

//! Records as spans on the wire.

use llmobs_core::{Record, SpanKind};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as WireKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use crate::span::SpanView;
use crate::style::Style;

/// The trace flag for sampled: what is not sampled is not here.
const SAMPLED: u32 = 1;

/// The span of a record; `None` when it is none, or is not to be exported.
pub(super) fn span(record: &Record, style: &Style) -> Option<Span> {
    if record.unsampled {
        return None;
    }
    let (trace_id, span_id) = (record.trace_id?, record.span_id?);
    let view = SpanView::of(record, style)?;
    let start = view.start?;
    let parent = record.parent_span_id.map(|id| id.to_bytes().to_vec());
    let dropped_attributes_count = view.attributes.dropped();
    Some(Span {
        trace_id: trace_id.to_bytes().to_vec(),
        span_id: span_id.to_bytes().to_vec(),
        parent_span_id: parent.unwrap_or_default(),
        flags: SAMPLED,
        name: view.name,
        kind: match view.kind {
            SpanKind::Client => WireKind::Client,
            _ => WireKind::Internal,
        }
        .into(),
        start_time_unix_nano: start.unix_nanos(),
        end_time_unix_nano: view.end.unwrap_or(start).unix_nanos(),
        attributes: view.attributes.into_vec().iter().map(Into::into).collect(),
        dropped_attributes_count,
        status: view.error.map(|message| Status { message, code: StatusCode::Error.into() }),
        ..Span::default()
    })
}

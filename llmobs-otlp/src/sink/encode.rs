//! Records as OTLP requests.

use std::sync::Arc;

use llmobs_core::semconv::{SCHEMA_URL, SCOPE_NAME};
use llmobs_core::{Record, SpanKind};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as WireKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use crate::resource::Resource;
use crate::span::SpanView;
use crate::style::Style;

/// Encoded spans one request may hold; servers refuse bodies of some tens of megabytes.
const MAX_BYTES: usize = 4 << 20;
/// The trace flag for sampled: what is not sampled is not here.
const SAMPLED: u32 = 1;

/// One request, encoded.
pub(super) struct Request {
    pub(super) body: Vec<u8>,
    pub(super) spans: u64,
}

/// Spans of one service, as many as one request may hold.
struct Group<'a> {
    service: Option<&'a str>,
    environment: Option<&'a str>,
    spans: Vec<Span>,
    bytes: usize,
}

/// The requests that export `records`: the same each time for the same records.
pub(super) fn requests(
    records: &[Arc<Record>],
    resource: &Resource,
    style: &Style,
) -> impl Iterator<Item = Request> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for record in records {
        let Some(span) = span(record, style) else { continue };
        let bytes = span.encoded_len();
        let (service, environment) = (record.service.as_deref(), record.environment.as_deref());
        let fits = |group: &&mut Group<'_>| {
            let same = group.service == service && group.environment == environment;
            same && group.bytes + bytes <= MAX_BYTES
        };
        match groups.iter_mut().rev().find(fits) {
            Some(group) => {
                group.spans.push(span);
                group.bytes += bytes;
            }
            None => groups.push(Group { service, environment, spans: vec![span], bytes }),
        }
    }
    groups.into_iter().map(|group| group.encode(resource))
}

impl Group<'_> {
    fn encode(self, resource: &Resource) -> Request {
        let spans = self.spans.len() as u64;
        let attributes = resource.attributes(self.service, self.environment);
        let resource = v1::Resource {
            attributes: attributes.iter().map(Into::into).collect(),
            ..v1::Resource::default()
        };
        let scope = InstrumentationScope {
            name: SCOPE_NAME.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(resource),
                scope_spans: vec![ScopeSpans {
                    scope: Some(scope),
                    spans: self.spans,
                    schema_url: SCHEMA_URL.to_owned(),
                }],
                schema_url: String::new(),
            }],
        };
        Request { body: request.encode_to_vec(), spans }
    }
}

/// The span of a record; `None` when it is none, or is not to be exported.
fn span(record: &Record, style: &Style) -> Option<Span> {
    if record.unsampled {
        return None;
    }
    let (trace_id, span_id) = (record.trace_id?, record.span_id?);
    let view = SpanView::of(record, style)?;
    let start = view.start?;
    let parent = record.parent_span_id.map(|id| id.to_bytes().to_vec());
    let over = view.attributes.len().saturating_sub(style.limits.count);
    let dropped_attributes_count =
        view.dropped.saturating_add(u32::try_from(over).unwrap_or(u32::MAX));
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
        attributes: view.attributes.iter().take(style.limits.count).map(Into::into).collect(),
        dropped_attributes_count,
        status: view.error.map(|message| Status { message, code: StatusCode::Error.into() }),
        ..Span::default()
    })
}

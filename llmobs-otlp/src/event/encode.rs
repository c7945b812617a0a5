//! Events as OTLP requests.

use std::sync::Arc;

use llmobs_core::Record;
use llmobs_core::semconv::{SCHEMA_URL, SCOPE_NAME};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1;
use prost::Message;

use super::value::wire;
use super::{Event, events};
use crate::resource::Resource;
use crate::style::Style;

/// Encoded events one request may hold; servers refuse bodies of some tens of megabytes.
const MAX_BYTES: usize = 4 << 20;

/// One request, encoded.
pub(super) struct Request {
    pub(super) body: Vec<u8>,
    pub(super) events: u64,
}

/// Events of one service, as many as one request may hold.
struct Group<'a> {
    service: Option<&'a str>,
    environment: Option<&'a str>,
    events: Vec<LogRecord>,
    bytes: usize,
}

/// The requests that export the events of `records`: the same each time for the same records.
pub(super) fn requests(
    records: &[Arc<Record>],
    resource: &Resource,
    style: &Style,
) -> impl Iterator<Item = Request> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for record in records {
        let (service, environment) = (record.service.as_deref(), record.environment.as_deref());
        for event in events(record, style) {
            let event = log_record(event);
            let bytes = event.encoded_len();
            let fits = |group: &&mut Group<'_>| {
                let same = group.service == service && group.environment == environment;
                same && group.bytes + bytes <= MAX_BYTES
            };
            match groups.iter_mut().rev().find(fits) {
                Some(group) => {
                    group.events.push(event);
                    group.bytes += bytes;
                }
                None => groups.push(Group { service, environment, events: vec![event], bytes }),
            }
        }
    }
    groups.into_iter().map(|group| group.encode(resource))
}

impl Group<'_> {
    fn encode(self, resource: &Resource) -> Request {
        let events = self.events.len() as u64;
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
        let request = ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource: Some(resource),
                scope_logs: vec![ScopeLogs {
                    scope: Some(scope),
                    log_records: self.events,
                    schema_url: SCHEMA_URL.to_owned(),
                }],
                schema_url: String::new(),
            }],
        };
        Request { body: request.encode_to_vec(), events }
    }
}

fn log_record(event: Event<'_>) -> LogRecord {
    let plain = event.attributes.iter().map(Into::into);
    let structured = event.content.iter().map(|(key, value)| KeyValue {
        key: (*key).to_owned(),
        value: Some(wire(value)),
        ..KeyValue::default()
    });
    LogRecord {
        time_unix_nano: event.at.unix_nanos(),
        // Made where it happened: the two are one by the specification.
        observed_time_unix_nano: event.at.unix_nanos(),
        severity_number: event.severity.map_or(0, |severity| severity as i32),
        severity_text: event.severity.map_or("", |severity| severity.name()).to_owned(),
        attributes: plain.chain(structured).collect(),
        body: Some(AnyValue { value: Some(Value::StringValue(event.body)) }),
        dropped_attributes_count: event.dropped,
        flags: u32::from(event.sampled && event.trace_id.is_some()),
        trace_id: event.trace_id.map(|id| id.to_bytes().to_vec()).unwrap_or_default(),
        span_id: event.span_id.map(|id| id.to_bytes().to_vec()).unwrap_or_default(),
        event_name: event.name.to_owned(),
    }
}

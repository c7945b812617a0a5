//! Events as log records on the wire.

use llmobs_core::Record;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use super::value::wire;
use super::{Event, events};
use crate::style::Style;

/// The events of a record as log records.
pub(super) fn log_records(record: &Record, style: &Style) -> impl Iterator<Item = LogRecord> {
    events(record, style).into_iter().map(log_record)
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

//! The sink of the own pipeline: events as log records, over OTLP.

use std::time::Duration;

use llmobs_core::{Batch, Sink, SinkError};
use prost::Message;

use super::encode::log_records;
use crate::resource::Resource;
use crate::style::Style;
use crate::transport::{Endpoint, LINGER, Shipper};

/// Exports events as log records; see [`Otlp::install`](crate::Otlp::install).
///
/// Each failed call is an event, each evaluation, and where it was asked for each generating call
/// with its details. Records without events are taken, and nothing is sent of them. What an endpoint
/// refuses is searched for what is bad in it, as in [`OtlpSink`](crate::OtlpSink).
#[derive(Debug)]
pub struct EventSink {
    style: Style,
    shipper: Shipper,
}

impl EventSink {
    pub(crate) fn new(resource: Resource, style: Style, endpoint: Endpoint) -> Self {
        let shipper = Shipper::new("otlp_events", "events", resource, endpoint);
        Self { style, shipper }
    }
}

impl Sink for EventSink {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        let style = &self.style;
        self.shipper.ship(batch.records, |record, give| {
            log_records(record, style).for_each(|event| give(&event.encode_to_vec()));
            true
        })
    }

    fn linger(&self) -> Duration {
        LINGER
    }

    fn name(&self) -> &str {
        self.shipper.name()
    }
}

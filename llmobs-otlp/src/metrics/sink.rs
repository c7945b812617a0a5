//! Exports on their way to one endpoint.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use llmobs_core::{Batch, Kind, Record, Sink, SinkError};

use crate::resource::Resource;
use crate::transport::{Endpoint, Load, Packed, Shipper};

/// Where a record that is none has an encoded request: a spool keeps records alone.
const REQUEST: &str = "request";

/// An encoded request as something that can wait.
pub(super) fn keep(request: &[u8]) -> Record {
    let request = (REQUEST.to_owned(), BASE64.encode(request).into());
    Record { kind: Kind::Meta, attributes: [request].into(), ..Record::default() }
}

fn request(record: &Record) -> Option<Vec<u8>> {
    BASE64.decode(record.attributes.get(REQUEST)?.as_str()?).ok()
}

/// Sends exports, in the order they were made in.
#[derive(Debug)]
pub(super) struct MetricsSink {
    shipper: Shipper,
}

impl MetricsSink {
    pub(super) fn new(to: Endpoint) -> Self {
        // Each request says itself what it is about.
        Self { shipper: Shipper::new("otlp_metrics", "points", Resource::default(), to) }
    }
}

impl Sink for MetricsSink {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        let loads = |(n, record): (usize, &Arc<Record>)| {
            Load::of_request(&request(record).unwrap_or_default(), n)
        };
        let records = batch.records;
        self.shipper.forward(records, |_| Packed {
            loads: records.iter().enumerate().flat_map(loads).collect(),
            unfit: Vec::new(),
        })
    }

    fn name(&self) -> &str {
        self.shipper.name()
    }
}

//! The sink of the own pipeline: events as log records, over OTLP.

use std::sync::Arc;

use llmobs_core::{Batch, Record, RequestId, Sink, SinkError};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use prost::Message;

use super::encode::requests;
use crate::resource::Resource;
use crate::style::Style;
use crate::transport::{Endpoint, Transport};

/// Exports events as log records; see [`Otlp::install`](crate::Otlp::install).
///
/// Each failed call is an event, each evaluation, and where it was asked for each generating call
/// with its details. Records without events are taken, and nothing is sent of them.
#[derive(Debug)]
pub struct EventSink {
    resource: Resource,
    style: Style,
    transport: Transport,
    progress: Progress,
}

/// How far a batch that had to be offered again has come.
#[derive(Debug, Default)]
struct Progress {
    /// Number of records, and address and id of the first: the same only for the same batch.
    batch: Option<(usize, usize, Option<RequestId>)>,
    requests: usize,
    refused: u64,
    message: String,
}

impl EventSink {
    pub(crate) fn new(resource: Resource, style: Style, endpoint: Endpoint) -> Self {
        let transport = Transport::new(endpoint);
        Self { resource, style, transport, progress: Progress::default() }
    }

    fn export(&mut self, records: &[Arc<Record>]) -> Result<(), SinkError> {
        let progress = &mut self.progress;
        for request in requests(records, &self.resource, &self.style).skip(progress.requests) {
            match self.transport.send(request.body) {
                Ok(answer) => {
                    if let Some((rejected, message)) = rejected(&answer) {
                        progress.refuse(rejected.min(request.events), message);
                    }
                }
                Err(err) if err.retryable => {
                    let error = SinkError::retryable(err.message);
                    let error = err.source.into_iter().fold(error, SinkError::caused_by);
                    return Err(err.retry_after.into_iter().fold(error, SinkError::retry_after));
                }
                Err(err) => progress.refuse(request.events, err.message),
            }
            progress.requests += 1;
        }
        match std::mem::take(progress) {
            Progress { refused: 0, .. } => Ok(()),
            Progress { refused, message, .. } => Err(SinkError::partial(refused, message)),
        }
    }
}

impl Progress {
    fn refuse(&mut self, events: u64, message: String) {
        self.refused += events;
        self.message = message;
    }
}

impl Sink for EventSink {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        let len = batch.records.len();
        let this =
            batch.records.first().map(|first| (len, Arc::as_ptr(first).addr(), first.request_id));
        if self.progress.batch != this {
            self.progress = Progress { batch: this, ..Progress::default() };
        }
        self.export(batch.records)
    }

    fn name(&self) -> &str {
        "otlp-events"
    }
}

/// Events the endpoint did not take out of a request it answered with success. Many send the field
/// always; empty, it says nothing.
fn rejected(answer: &[u8]) -> Option<(u64, String)> {
    let partial = ExportLogsServiceResponse::decode(answer).ok()?.partial_success?;
    let rejected = u64::try_from(partial.rejected_log_records).ok().filter(|n| *n > 0)?;
    Some((rejected, format!("the endpoint rejected {rejected} events: {}", partial.error_message)))
}

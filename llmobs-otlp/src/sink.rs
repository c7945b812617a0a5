//! The sink of the own pipeline: records as spans, over OTLP.

mod encode;

use std::sync::Arc;

use llmobs_core::{Batch, Record, Sink, SinkError, SpanId};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

use self::encode::requests;
use crate::mode::ModeCell;
use crate::resource::Resource;
use crate::style::Style;
use crate::transport::{Endpoint, Transport};

/// Exports records as spans; see [`Otlp::install`](crate::Otlp::install).
///
/// Once the backend is attached to a provider of the user's, the spans are that provider's: the
/// sink then takes all records and sends none.
#[derive(Debug)]
pub struct OtlpSink {
    mode: ModeCell,
    resource: Resource,
    style: Style,
    transport: Transport,
    progress: Progress,
}

/// How far a batch that had to be offered again has come.
#[derive(Debug, Default)]
struct Progress {
    /// Number of records, and address and span of the first: the same only for the same batch.
    batch: Option<(usize, usize, Option<SpanId>)>,
    requests: usize,
    refused: u64,
    message: String,
}

impl OtlpSink {
    pub(crate) fn new(
        mode: ModeCell,
        resource: Resource,
        style: Style,
        endpoint: Endpoint,
    ) -> Self {
        let transport = Transport::new(endpoint);
        Self { mode, resource, style, transport, progress: Progress::default() }
    }

    fn export(&mut self, records: &[Arc<Record>]) -> Result<(), SinkError> {
        let progress = &mut self.progress;
        for request in requests(records, &self.resource, &self.style).skip(progress.requests) {
            match self.transport.send(request.body) {
                Ok(answer) => {
                    if let Some((rejected, message)) = rejected(&answer) {
                        progress.refuse(rejected.min(request.spans), message);
                    }
                }
                Err(err) if err.retryable => {
                    let error = SinkError::retryable(err.message);
                    let error = err.source.into_iter().fold(error, SinkError::caused_by);
                    return Err(err.retry_after.into_iter().fold(error, SinkError::retry_after));
                }
                Err(err) => progress.refuse(request.spans, err.message),
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
    fn refuse(&mut self, spans: u64, message: String) {
        self.refused += spans;
        self.message = message;
    }
}

impl Sink for OtlpSink {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        if self.mode.is_attached() {
            return Ok(());
        }
        let len = batch.records.len();
        let this =
            batch.records.first().map(|first| (len, Arc::as_ptr(first).addr(), first.span_id));
        if self.progress.batch != this {
            self.progress = Progress { batch: this, ..Progress::default() };
        }
        self.export(batch.records)
    }

    fn name(&self) -> &str {
        "otlp"
    }
}

/// Spans the endpoint did not take out of a request it answered with success. Many send the field
/// always; empty, it says nothing.
fn rejected(answer: &[u8]) -> Option<(u64, String)> {
    let partial = ExportTraceServiceResponse::decode(answer).ok()?.partial_success?;
    let rejected = u64::try_from(partial.rejected_spans).ok().filter(|rejected| *rejected > 0)?;
    Some((rejected, format!("the endpoint rejected {rejected} spans: {}", partial.error_message)))
}

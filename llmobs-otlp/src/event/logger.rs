//! The application's own logger, in place of an export of ours.

use std::fmt;

use llmobs_core::semconv::SCOPE_NAME;
use llmobs_core::{Batch, Sink, SinkError};
use opentelemetry::logs::{AnyValue, LogRecord, Logger, Severity};
use opentelemetry::{SpanId, TraceFlags, TraceId};

use super::value::{logged, plain};
use super::{Event, events};
use crate::style::Style;

/// A logger of whatever kind.
pub(crate) trait Emit: Send + Sync {
    fn emit(&self, event: Event<'_>);
}

impl<L: Logger + Send + Sync> Emit for L {
    fn emit(&self, event: Event<'_>) {
        let level = event.severity.unwrap_or(Severity::Info);
        if !self.event_enabled(level, SCOPE_NAME, Some(event.name)) {
            return;
        }
        let mut record = self.create_log_record();
        record.set_event_name(event.name);
        record.set_timestamp(event.at.into());
        record.set_observed_timestamp(event.at.into());
        if let Some(severity) = event.severity {
            record.set_severity_number(severity);
            record.set_severity_text(severity.name());
        }
        record.set_body(AnyValue::from(event.body));
        if let Some(trace_id) = event.trace_id {
            let trace_id = TraceId::from_bytes(trace_id.to_bytes());
            let span_id = event.span_id.map(|id| SpanId::from_bytes(id.to_bytes()));
            let flags = if event.sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
            record.set_trace_context(trace_id, span_id.unwrap_or(SpanId::INVALID), Some(flags));
        }
        record.add_attributes(event.attributes.into_iter().map(|it| (it.key, plain(it.value))));
        record.add_attributes(event.content.into_iter().map(|(key, value)| (key, logged(value))));
        Logger::emit(self, record);
    }
}

impl fmt::Debug for dyn Emit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emit").finish_non_exhaustive()
    }
}

/// Emits events with a logger of the application's; see
/// [`Otlp::logger_provider`](crate::Otlp::logger_provider).
///
/// What becomes of them then is the provider's business.
#[derive(Debug)]
pub struct LoggerSink {
    style: Style,
    logger: Box<dyn Emit>,
}

impl LoggerSink {
    pub(crate) fn new(style: Style, logger: Box<dyn Emit>) -> Self {
        Self { style, logger }
    }
}

impl Sink for LoggerSink {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        for record in batch.records {
            events(record, &self.style).into_iter().for_each(|event| self.logger.emit(event));
        }
        Ok(())
    }

    fn name(&self) -> &str {
        "logger"
    }
}

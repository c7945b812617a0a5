//! Where events go, and content.

use opentelemetry::logs::LoggerProvider;

use super::{ContentPlace, Otlp, OtlpError};
use crate::event::EventSink;
use crate::mode::instrumentation_scope;
use crate::style::Style;

impl Otlp {
    /// Sets where events go, the path included. Defaults to no export.
    ///
    /// # Errors
    ///
    /// Those of [`endpoint`](Self::endpoint).
    pub fn logs_endpoint(self, url: &str) -> Result<Self, OtlpError> {
        self.first(|first| first.logs_endpoint(url))
    }

    /// Sets where content goes that the recorder captures. Defaults to spans and, where there are
    /// events with content, to events.
    pub fn content(mut self, place: ContentPlace) -> Self {
        self.content = Some(place);
        self
    }

    /// Whether every generating call also makes an event,
    /// `gen_ai.client.inference.operation.details`, with all that its span says and the content as
    /// structured values. Defaults to no, and to yes once [`content`](Self::content) is set to go to
    /// events.
    pub fn details(mut self, details: bool) -> Self {
        self.details = Some(details);
        self
    }

    /// Emits events with `provider`, in place of an export of our own. Defaults to our own export,
    /// also where spans are attached: there is no global provider of loggers.
    pub fn logger_provider<P>(mut self, provider: &P) -> Self
    where
        P: LoggerProvider,
        P::Logger: Send + Sync + 'static,
    {
        self.logger = Some(Box::new(provider.logger_with_scope(instrumentation_scope())));
        self
    }

    /// The sinks of events alone, for records that were not observed here: one for each destination
    /// that has an endpoint for log records.
    pub fn event_sinks(&self) -> Vec<EventSink> {
        let endpoints = self.endpoints(|to| &to.logs).into_iter();
        endpoints.map(|to| EventSink::new(self.resource.clone(), self.style(), to)).collect()
    }

    pub(super) fn style(&self) -> Style {
        let content = self.content.unwrap_or_default();
        let asked = self.content.is_some_and(ContentPlace::on_events);
        Style {
            compat: self.compat.as_slice().into(),
            semconv: self.semconv,
            content,
            details: self.details.unwrap_or(asked),
        }
    }
}

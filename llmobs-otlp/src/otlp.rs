//! Set-up: from code and from the `OTEL_*` environment.

mod choice;
mod env;
mod error;
mod signal;

use std::time::Duration;

use llmobs_core::Builder;
use opentelemetry::global::BoxedTracer;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::trace::{Tracer, TracerProvider};

pub use self::choice::{Semconv, Temporality};
pub use self::error::OtlpError;
use self::signal::Signal;
use crate::backend::{OtelBackend, Sampler};
use crate::compat::Compat;
use crate::metrics::{OtlpMetrics, OwnMetrics};
use crate::mode::{Mode, ModeCell, instrumentation_scope};
use crate::resource::Resource;
use crate::sink::OtlpSink;
use crate::span::Limits;
use crate::style::Style;

/// Where spans and metrics go.
///
/// Setters in code win over the environment they are called after.
#[derive(Debug)]
#[must_use = "nothing is exported until it is installed"]
pub struct Otlp {
    disabled: bool,
    traces: Signal,
    metrics: Signal,
    sampler: Sampler,
    interval: Duration,
    temporality: Temporality,
    semconv: Semconv,
    resource: Resource,
    compat: Vec<Compat>,
    limits: Limits,
    tracer: Option<BoxedTracer>,
    meter: Option<Meter>,
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            disabled: false,
            traces: Signal::default(),
            metrics: Signal::default(),
            sampler: Sampler::default(),
            interval: Duration::from_secs(60),
            temporality: Temporality::default(),
            semconv: Semconv::default(),
            resource: Resource::default(),
            compat: Vec::new(),
            limits: Limits::default(),
            tracer: None,
            meter: None,
        }
    }
}

impl Otlp {
    /// No endpoint and no provider: ids and nesting only, unless a global provider is found.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the process's environment; see [`from_lookup`](Self::from_lookup).
    ///
    /// # Errors
    ///
    /// When a variable has a value that cannot be followed.
    pub fn from_env() -> Result<Self, OtlpError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads the environment as `lookup` tells it. An empty value counts as none.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `OTEL_SDK_DISABLED` | `true`: nothing is installed |
    /// | `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER` | `otlp`, or `none` for no export of our own |
    /// | `OTEL_EXPORTER_OTLP_ENDPOINT` | where to export to, less `/v1/traces` and `/v1/metrics` |
    /// | `OTEL_EXPORTER_OTLP_{TRACES,METRICS}_ENDPOINT` | the same for one signal, used as it is |
    /// | `OTEL_EXPORTER_OTLP[_{TRACES,METRICS}]_HEADERS` | `name=value` pairs, percent-encoded |
    /// | `OTEL_EXPORTER_OTLP[_{TRACES,METRICS}]_TIMEOUT` | milliseconds; 10,000 by default |
    /// | `OTEL_EXPORTER_OTLP[_{TRACES,METRICS}]_PROTOCOL` | `http/protobuf` |
    /// | `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` | `cumulative`, `delta`, `lowmemory` |
    /// | `OTEL_METRIC_EXPORT_INTERVAL` | milliseconds; 60,000 by default |
    /// | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | which spans of our own pipeline are exported; `parentbased_always_on` by default |
    /// | `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, `OTEL_ATTRIBUTE_COUNT_LIMIT` | attributes of one span of our own pipeline; 128 by default |
    /// | `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` | see [`attribute_limit`](Self::attribute_limit) |
    /// | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | the resource |
    ///
    /// Without an endpoint nothing is exported, unless an exporter is set to `otlp` by name: then
    /// the endpoint is `http://localhost:4318`.
    ///
    /// # Errors
    ///
    /// When a variable that is needed has a value that cannot be followed.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, OtlpError> {
        env::read(&env::Environment::new(&lookup))
    }

    /// Sets where both signals go: `/v1/traces` and `/v1/metrics` are appended. Defaults to no
    /// export.
    ///
    /// # Errors
    ///
    /// When it is no http or https URL.
    pub fn endpoint(mut self, url: &str) -> Result<Self, OtlpError> {
        self.traces.url = Some(env::base(url, "v1/traces")?);
        self.metrics.url = Some(env::base(url, "v1/metrics")?);
        Ok(self)
    }

    /// Sets where spans go, the path included. Defaults to no export.
    ///
    /// # Errors
    ///
    /// When it is no http or https URL.
    pub fn traces_endpoint(mut self, url: &str) -> Result<Self, OtlpError> {
        self.traces.url = Some(env::url(url)?);
        Ok(self)
    }

    /// Sets where metrics go, the path included. Defaults to no export.
    ///
    /// # Errors
    ///
    /// When it is no http or https URL.
    pub fn metrics_endpoint(mut self, url: &str) -> Result<Self, OtlpError> {
        self.metrics.url = Some(env::url(url)?);
        Ok(self)
    }

    /// Adds a header to every request, in place of one of the same name. Defaults to none.
    ///
    /// # Errors
    ///
    /// When HTTP has no such header.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, OtlpError> {
        self.traces.header(name, value)?;
        self.metrics.header(name, value)?;
        Ok(self)
    }

    /// Sets how long one request may take. Defaults to 10 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.traces.timeout = timeout;
        self.metrics.timeout = timeout;
        self
    }

    /// Sets how often metrics are exported. Defaults to 60 seconds.
    pub fn metric_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets what metric points count from. Defaults to the start of the process.
    pub fn temporality(mut self, temporality: Temporality) -> Self {
        self.temporality = temporality;
        self
    }

    /// Sets which state of the conventions is followed. Defaults to the newest.
    pub fn semconv(mut self, semconv: Semconv) -> Self {
        self.semconv = semconv;
        self
    }

    /// Adds a resource attribute, such as `service.version`. Defaults to none; the service's name
    /// and environment are the recorder's.
    pub fn resource_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.resource.attributes.insert(0, (name.into(), value.into()));
        self
    }

    /// Sends what a backend reads beside the conventions. Defaults to none.
    pub fn compat(mut self, backend: Compat) -> Self {
        self.compat.push(backend);
        self
    }

    /// Attaches to `provider`: spans are its own. Defaults to the global provider, if one has been
    /// set by the first operation.
    pub fn tracer_provider<P>(mut self, provider: &P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Send + Sync + 'static,
        <P::Tracer as Tracer>::Span: Send + Sync + 'static,
    {
        let tracer = provider.tracer_with_scope(instrumentation_scope());
        self.tracer = Some(BoxedTracer::new(Box::new(tracer)));
        self
    }

    /// Takes metrics with `provider`. Defaults to the global provider when spans are attached to
    /// one, else to our own export.
    pub fn meter_provider(mut self, provider: &dyn MeterProvider) -> Self {
        self.meter = Some(provider.meter_with_scope(instrumentation_scope()));
        self
    }

    /// Sets how long the value of one attribute of a span may be, in bytes. Defaults to no limit.
    ///
    /// What is longer is cut so that it stays what it is: of a JSON text the longest texts in it are
    /// shortened, and only then items left out, the oldest messages first; a list loses its last
    /// items, and a text its end. Where something was cut, it says how much there was, as in
    /// `… [12345 bytes]`. An attribute that nothing of can be kept is dropped.
    ///
    /// Whatever is set here, a span is never larger than 4 MiB, and the ids of sessions, users and
    /// conversations never longer than 250 characters, since some backends refuse a whole batch
    /// over a longer one: of such an id the beginning is kept and a hash of all of it, the same for
    /// the same id. Control characters other than tabs and ends of lines are replaced.
    pub fn attribute_limit(mut self, bytes: usize) -> Self {
        self.limits.bytes = Some(bytes);
        self
    }

    /// Sets the same for one attribute, in place of the limit for all. Defaults to that.
    pub fn attribute_limit_of(mut self, name: impl Into<String>, bytes: usize) -> Self {
        let own = self.limits.of.iter().cloned().chain([(name.into(), bytes)]);
        self.limits.of = own.collect();
        self
    }

    fn style(&self) -> Style {
        let mut limits = self.limits.clone();
        let kept = self.compat.iter().filter_map(|backend| backend.value_bytes());
        limits.bytes = limits.bytes.into_iter().chain(kept).min();
        Style { compat: self.compat.clone().into(), semconv: self.semconv, limits }
    }

    /// Whether spans have somewhere to go: an endpoint, or a provider given in code.
    pub fn exports(&self) -> bool {
        !self.disabled && (self.tracer.is_some() || self.traces.endpoint().is_some())
    }

    /// Whether the environment has turned OpenTelemetry off.
    pub fn is_disabled(&self) -> bool {
        self.disabled
    }

    /// The sink alone, for records that were not observed here, such as those read from a file;
    /// `None` without an endpoint for spans.
    pub fn sink(&self) -> Option<OtlpSink> {
        let endpoint = self.traces.endpoint().filter(|_| !self.disabled)?;
        Some(OtlpSink::new(ModeCell::default(), self.resource.clone(), self.style(), endpoint))
    }

    /// Adds trace backend, sink and metrics to a recorder.
    ///
    /// Install it before the rules that sample, so that the metrics are taken of every operation.
    pub fn install(self, builder: Builder) -> Builder {
        if self.disabled {
            return builder;
        }
        let style = self.style();
        let Self { traces, metrics, sampler, interval, temporality, .. } = self;
        let Self { semconv, resource, tracer, meter, .. } = self;
        let mode = ModeCell::default();
        if let Some(tracer) = tracer {
            mode.decide(Mode::Attached(tracer));
        }
        let mut builder = builder.backend(OtelBackend::with(mode.clone(), sampler, style.clone()));
        if let Some(endpoint) = traces.endpoint().filter(|_| !mode.is_attached()) {
            builder = builder.sink(OtlpSink::new(mode.clone(), resource.clone(), style, endpoint));
        }
        let endpoint = metrics.endpoint();
        let own = endpoint.map(|to| OwnMetrics { to, interval, temporality, resource });
        builder.processor(OtlpMetrics::new(mode, semconv, meter, own))
    }
}

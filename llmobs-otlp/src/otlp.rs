//! Set-up: from code and from the `OTEL_*` environment.

mod choice;
mod destination;
mod env;
mod error;
mod events;
mod headers;
mod signal;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use llmobs_core::Builder;
use opentelemetry::global::BoxedTracer;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::trace::{Tracer, TracerProvider};

pub use self::choice::{Compression, ContentPlace, Protocol, Semconv, Signal, Temporality};
pub use self::destination::Destination;
pub use self::error::OtlpError;
use self::signal::Route;
use crate::backend::{OtelBackend, Sampler};
use crate::compat::Compat;
use crate::event::{Emit, LoggerSink};
use crate::metrics::{DEFAULT_LIMIT, MetricsPlan, OtlpMetrics, OwnMetrics};
use crate::mode::{Mode, ModeCell, instrumentation_scope};
#[cfg(feature = "prometheus")]
use crate::prometheus::Prometheus;
use crate::resource::Resource;
use crate::sink::OtlpSink;
use crate::span::Limits;
use crate::transport::Endpoint;

/// Where spans, metrics and events go.
///
/// Setters in code win over the environment they are called after. Those about endpoints and requests
/// are about the first destination; [`also`](Self::also) adds others, with what is set on them.
#[derive(Debug)]
#[must_use = "nothing is exported until it is installed"]
pub struct Otlp {
    disabled: bool,
    first: Destination,
    others: Vec<Destination>,
    sampler: Sampler,
    interval: Duration,
    temporality: Temporality,
    cardinality_limit: usize,
    semconv: Semconv,
    #[cfg(feature = "prometheus")]
    prometheus: Option<Prometheus>,
    resource: Resource,
    compat: Vec<Compat>,
    content: Option<ContentPlace>,
    details: Option<bool>,
    limits: Limits,
    tracer: Option<BoxedTracer>,
    meter: Option<Meter>,
    logger: Option<Box<dyn Emit>>,
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            disabled: false,
            first: Destination::default(),
            others: Vec::new(),
            sampler: Sampler::default(),
            interval: Duration::from_secs(60),
            temporality: Temporality::default(),
            cardinality_limit: DEFAULT_LIMIT,
            semconv: Semconv::default(),
            #[cfg(feature = "prometheus")]
            prometheus: None,
            resource: Resource::default(),
            compat: Vec::new(),
            content: None,
            details: None,
            limits: Limits::default(),
            tracer: None,
            meter: None,
            logger: None,
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
        Self::from_lookup(|name| std::env::var_os(name))
    }

    /// Reads the environment as `lookup` tells it, as text or as the system has it. An empty value counts as
    /// none; one that is no UTF-8 cannot be followed.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `OTEL_SDK_DISABLED` | `true`: nothing is installed |
    /// | `OTEL_{TRACES,METRICS,LOGS}_EXPORTER` | `otlp`, or `none` for no export of our own; for metrics also `prometheus`, with the feature of that name |
    /// | `OTEL_EXPORTER_PROMETHEUS_HOST`, `OTEL_EXPORTER_PROMETHEUS_PORT` | where metrics are served then; `localhost` and 9464 by default |
    /// | `LLMOBS_SEMCONV` | `latest`, `2026-08` or `both`: which state of the conventions is followed; `latest` by default |
    /// | `OTEL_EXPORTER_OTLP_ENDPOINT` | where to export to, less `/v1/traces`, `/v1/metrics` and `/v1/logs` |
    /// | `OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_ENDPOINT` | the same for one signal, used as it is |
    /// | `OTEL_EXPORTER_OTLP[_{TRACES,METRICS,LOGS}]_HEADERS` | `name=value` pairs, percent-encoded |
    /// | `OTEL_EXPORTER_OTLP[_{TRACES,METRICS,LOGS}]_TIMEOUT` | milliseconds; 10,000 by default |
    /// | `OTEL_EXPORTER_OTLP[_{TRACES,METRICS,LOGS}]_COMPRESSION` | `gzip`, or `none`, the default |
    /// | `OTEL_EXPORTER_OTLP[_{TRACES,METRICS,LOGS}]_PROTOCOL` | `http/protobuf`, the default, or `grpc` with the feature `grpc` |
    /// | `OTEL_EXPORTER_OTLP[_{TRACES,METRICS,LOGS}]_INSECURE` | `true`: a gRPC endpoint without a scheme is no https |
    /// | `OTEL_EXPORTER_OTLP[_{TRACES,METRICS,LOGS}]_CERTIFICATE` | a PEM file with certificates to trust; feature `tls` |
    /// | `OTEL_EXPORTER_OTLP[_{TRACES,METRICS,LOGS}]_CLIENT_{CERTIFICATE,KEY}` | PEM files with ours; feature `tls` |
    /// | `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` | `cumulative`, `delta`, `lowmemory` |
    /// | `OTEL_METRIC_EXPORT_INTERVAL` | milliseconds; 60,000 by default |
    /// | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | which spans of our own pipeline are exported; `parentbased_always_on` by default |
    /// | `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` | where captured content goes: `NO_CONTENT`, `SPAN_ONLY`, `EVENT_ONLY`, `SPAN_AND_EVENT`; `llmobs::init` also captures by it |
    /// | `OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT` | `true`: [`details`](Self::details) as events |
    /// | `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, `OTEL_ATTRIBUTE_COUNT_LIMIT` | attributes of one span of our own pipeline; 128 by default |
    /// | `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` | see [`attribute_limit`](Self::attribute_limit) |
    /// | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | the resource |
    ///
    /// Without an endpoint nothing is exported, unless an exporter is set to `otlp` by name: then
    /// the endpoint is `http://localhost:4318`, or `http://localhost:4317` for gRPC.
    ///
    /// # Errors
    ///
    /// When a variable that is needed has a value that cannot be followed, or nothing can listen where
    /// metrics are to be served.
    pub fn from_lookup<V: Into<OsString>>(
        lookup: impl Fn(&str) -> Option<V>,
    ) -> Result<Self, OtlpError> {
        env::read(&env::Environment::new(&|name| lookup(name).map(Into::into)))
    }

    /// Sets where all signals go: `/v1/traces`, `/v1/metrics` and `/v1/logs` are appended, but for
    /// gRPC. Defaults to no export.
    ///
    /// # Errors
    ///
    /// When it is no http or https URL, or https in a build without TLS.
    pub fn endpoint(self, url: &str) -> Result<Self, OtlpError> {
        self.first(|first| first.endpoint(url))
    }

    /// Sets where spans go, the path included. Defaults to no export.
    ///
    /// # Errors
    ///
    /// Those of [`endpoint`](Self::endpoint).
    pub fn traces_endpoint(self, url: &str) -> Result<Self, OtlpError> {
        self.first(|first| first.traces_endpoint(url))
    }

    /// Sets where metrics go, the path included. Defaults to no export.
    ///
    /// # Errors
    ///
    /// Those of [`endpoint`](Self::endpoint).
    pub fn metrics_endpoint(self, url: &str) -> Result<Self, OtlpError> {
        self.first(|first| first.metrics_endpoint(url))
    }

    /// Adds a header to every request, in place of one of the same name. Defaults to none.
    ///
    /// # Errors
    ///
    /// When HTTP has no such header.
    pub fn header(self, name: &str, value: &str) -> Result<Self, OtlpError> {
        self.first(|first| first.header(name, value))
    }

    /// Sets how long one request may take, its answer included. Defaults to 10 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.first = self.first.timeout(timeout);
        self
    }

    /// Sets whether requests are compressed. Defaults to no compression.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.first = self.first.compression(compression);
        self
    }

    /// Sets how requests are sent. Defaults to `http/protobuf`.
    ///
    /// # Errors
    ///
    /// When this build does not have the protocol, or no TLS for it.
    pub fn protocol(self, protocol: Protocol) -> Result<Self, OtlpError> {
        self.first(|first| first.protocol(protocol))
    }

    /// Trusts these certificates, in PEM, beside those the system trusts. Defaults to none.
    ///
    /// # Errors
    ///
    /// When they are no PEM, or this build has no feature `tls`.
    pub fn certificate(self, pem: &[u8]) -> Result<Self, OtlpError> {
        self.first(|first| first.certificate(pem))
    }

    /// Shows this certificate to the server, both in PEM. Defaults to none.
    ///
    /// # Errors
    ///
    /// When they are no PEM, or this build has no feature `tls`.
    pub fn client_certificate(self, pem: &[u8], key: &[u8]) -> Result<Self, OtlpError> {
        self.first(|first| first.client_certificate(pem, key))
    }

    /// Exports to `destination` as well. Defaults to no other.
    ///
    /// Each destination has queues, retries and accounts of its own, so that one that is down holds
    /// up no other. Its sinks are named by its host, such as `otlp@langfuse.internal:80`.
    pub fn also(mut self, destination: Destination) -> Self {
        self.others.push(destination);
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

    /// Sets how many sets of attributes each metric may have; what comes after them is added up under
    /// `otel.metric.overflow`. Zero counts as one. Defaults to 2,000.
    ///
    /// An own export counts anew from each delta; for a provider of yours the limit is ours, over the
    /// life of the recorder, beside the provider's own.
    pub fn cardinality_limit(mut self, sets: usize) -> Self {
        self.cardinality_limit = sets.max(1);
        self
    }

    /// Serves metrics at `http://{addr}/metrics` for Prometheus to scrape, such as at
    /// `127.0.0.1:9464`: beside an export or without one. The address is taken here, and given back
    /// when the recorder has shut down. Defaults to none; see [`Prometheus::bind`].
    ///
    /// # Errors
    ///
    /// When the address is none, or cannot be had.
    #[cfg(feature = "prometheus")]
    pub fn prometheus(self, addr: &str) -> Result<Self, OtlpError> {
        // What the environment has taken may be the very address.
        let this = Self { prometheus: None, ..self };
        Ok(this.scraped_by(&Prometheus::bind(addr)?))
    }

    /// Shows metrics through `prometheus`, which a router of the service's own may answer with.
    /// Defaults to none.
    #[cfg(feature = "prometheus")]
    pub fn scraped_by(mut self, prometheus: &Prometheus) -> Self {
        self.prometheus = Some(prometheus.clone());
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

    /// Whether spans have somewhere to go: an endpoint, or a provider given in code.
    pub fn exports(&self) -> bool {
        !self.disabled && (self.tracer.is_some() || self.goes_to(|to| &to.traces))
    }

    /// Whether the environment has turned OpenTelemetry off.
    pub fn is_disabled(&self) -> bool {
        self.disabled
    }

    /// The sink alone, for records that were not observed here, such as those read from a file;
    /// `None` without an endpoint for spans. With several it is the first; see [`sinks`](Self::sinks).
    pub fn sink(&self) -> Option<OtlpSink> {
        self.sinks().into_iter().next()
    }

    /// The sinks alone, one for each destination that has an endpoint for spans.
    pub fn sinks(&self) -> Vec<OtlpSink> {
        self.span_sinks(&ModeCell::default())
    }

    /// Adds trace backend, sinks and metrics to a recorder.
    ///
    /// Install it before the rules that sample, so that the metrics are taken of every operation.
    pub fn install(mut self, builder: Builder) -> Builder {
        if self.disabled {
            return builder;
        }
        let mode = ModeCell::default();
        if let Some(tracer) = self.tracer.take() {
            mode.decide(Mode::Attached(tracer));
        }
        let sinks = if mode.is_attached() { Vec::new() } else { self.span_sinks(&mode) };
        let events = if self.logger.is_none() { self.event_sinks() } else { Vec::new() };
        let (style, to) = (self.style(), self.endpoints(|to| &to.metrics));
        let Self { sampler, interval, temporality, semconv, resource, meter, logger, .. } = self;
        let builder = builder.backend(OtelBackend::with(mode.clone(), sampler, style.clone()));
        let builder = sinks.into_iter().fold(builder, Builder::sink);
        let builder = events.into_iter().fold(builder, Builder::sink);
        let builder = match logger {
            Some(logger) => builder.sink(LoggerSink::new(style, logger)),
            None => builder,
        };
        let own = (!to.is_empty()).then_some(OwnMetrics { to, interval, temporality });
        let plan = MetricsPlan {
            semconv,
            limit: self.cardinality_limit,
            resource,
            meter,
            own,
            #[cfg(feature = "prometheus")]
            prometheus: self.prometheus,
        };
        builder.processor(OtlpMetrics::new(mode, plan))
    }

    fn span_sinks(&self, mode: &ModeCell) -> Vec<OtlpSink> {
        let endpoints = self.endpoints(|to| &to.traces).into_iter();
        endpoints
            .map(|to| OtlpSink::new(mode.clone(), self.resource.clone(), self.style(), to))
            .collect()
    }

    fn first(
        mut self,
        change: impl FnOnce(Destination) -> Result<Destination, OtlpError>,
    ) -> Result<Self, OtlpError> {
        self.first = change(self.first)?;
        Ok(self)
    }

    fn destinations(&self) -> impl Iterator<Item = &Destination> {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn goes_to(&self, signal: impl Fn(&Destination) -> &Route) -> bool {
        self.destinations().any(|to| signal(to).has_endpoint())
    }

    /// Where a signal goes, each with a label that no other has.
    fn endpoints(&self, signal: impl Fn(&Destination) -> &Route) -> Vec<Endpoint> {
        if self.disabled {
            return Vec::new();
        }
        let mut labels = BTreeSet::new();
        let others = self.others.iter().map(&signal).filter_map(|route| {
            let host = route.host()?;
            let numbered = (2..).map(|n| format!("{host}#{n}"));
            let mut free = std::iter::once(host.clone()).chain(numbered);
            let label: Arc<str> = free.find(|label| !labels.contains(label))?.into();
            labels.insert(label.to_string());
            route.endpoint(Some(label))
        });
        signal(&self.first).endpoint(None).into_iter().chain(others).collect()
    }
}

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
use crate::metrics::{DEFAULT_LIMIT, MetricsPlan, OtlpMetrics, OwnMetrics};
use crate::mode::{Mode, ModeCell, instrumentation_scope};
#[cfg(feature = "prometheus")]
use crate::prometheus::Prometheus;
use crate::resource::Resource;
use crate::sink::OtlpSink;
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
    cardinality_limit: usize,
    semconv: Semconv,
    #[cfg(feature = "prometheus")]
    prometheus: Option<Prometheus>,
    resource: Resource,
    compat: Vec<Compat>,
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
            cardinality_limit: DEFAULT_LIMIT,
            semconv: Semconv::default(),
            #[cfg(feature = "prometheus")]
            prometheus: None,
            resource: Resource::default(),
            compat: Vec::new(),
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
    /// | `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER` | `otlp`, or `none` for no export of our own; for metrics also `prometheus`, with the feature of that name |
    /// | `OTEL_EXPORTER_PROMETHEUS_HOST`, `OTEL_EXPORTER_PROMETHEUS_PORT` | where metrics are served then; `localhost` and 9464 by default |
    /// | `LLMOBS_SEMCONV` | `latest`, `2026-08` or `both`: which state of the conventions is followed; `latest` by default |
    /// | `OTEL_EXPORTER_OTLP_ENDPOINT` | where to export to, less `/v1/traces` and `/v1/metrics` |
    /// | `OTEL_EXPORTER_OTLP_{TRACES,METRICS}_ENDPOINT` | the same for one signal, used as it is |
    /// | `OTEL_EXPORTER_OTLP[_{TRACES,METRICS}]_HEADERS` | `name=value` pairs, percent-encoded |
    /// | `OTEL_EXPORTER_OTLP[_{TRACES,METRICS}]_TIMEOUT` | milliseconds; 10,000 by default |
    /// | `OTEL_EXPORTER_OTLP[_{TRACES,METRICS}]_PROTOCOL` | `http/protobuf` |
    /// | `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` | `cumulative`, `delta`, `lowmemory` |
    /// | `OTEL_METRIC_EXPORT_INTERVAL` | milliseconds; 60,000 by default |
    /// | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | which spans of our own pipeline are exported; `parentbased_always_on` by default |
    /// | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | the resource |
    ///
    /// Without an endpoint nothing is exported, unless an exporter is set to `otlp` by name: then
    /// the endpoint is `http://localhost:4318`.
    ///
    /// # Errors
    ///
    /// When a variable that is needed has a value that cannot be followed, or nothing can listen where
    /// metrics are to be served.
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
        Some(OtlpSink::new(
            ModeCell::default(),
            self.resource.clone(),
            Style { compat: self.compat.clone().into(), semconv: self.semconv },
            endpoint,
        ))
    }

    /// Adds trace backend, sink and metrics to a recorder.
    ///
    /// Install it before the rules that sample, so that the metrics are taken of every operation.
    pub fn install(self, builder: Builder) -> Builder {
        if self.disabled {
            return builder;
        }
        let Self { traces, metrics, sampler, interval, temporality, .. } = self;
        let Self { semconv, cardinality_limit: limit, resource, compat, tracer, meter, .. } = self;
        let style = Style { compat: compat.into(), semconv };
        let mode = ModeCell::default();
        if let Some(tracer) = tracer {
            mode.decide(Mode::Attached(tracer));
        }
        let mut builder = builder.backend(OtelBackend::with(mode.clone(), sampler, style.clone()));
        if let Some(endpoint) = traces.endpoint().filter(|_| !mode.is_attached()) {
            builder = builder.sink(OtlpSink::new(mode.clone(), resource.clone(), style, endpoint));
        }
        let endpoint = metrics.endpoint();
        let own = endpoint.map(|to| OwnMetrics { to, interval, temporality });
        let plan = MetricsPlan {
            semconv,
            limit,
            resource,
            meter,
            own,
            #[cfg(feature = "prometheus")]
            prometheus: self.prometheus,
        };
        builder.processor(OtlpMetrics::new(mode, plan))
    }
}

//! Metrics that Prometheus scrapes: for services without a collector.

mod server;

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::metrics::Meter;
use opentelemetry_sdk::metrics::{MeterProviderBuilder, SdkMeterProvider};
use prometheus::{Registry, TextEncoder};

use self::server::Server;
use crate::mode::instrumentation_scope;
use crate::otlp::OtlpError;
use crate::quiet::say;

/// The metrics of a recorder, in the format that Prometheus scrapes.
///
/// Either it listens by itself, as [`Otlp::prometheus`](crate::Otlp::prometheus) has it, or what
/// [`render`](Self::render) gives is answered by the service's own router. It is empty until the
/// recorder it was given to has started, and again once that has shut down.
///
/// Names are Prometheus's own: `gen_ai.client.inference.duration` in seconds becomes
/// `gen_ai_client_inference_duration_seconds`, counters end in `_total`, and the resource is
/// `target_info`.
///
/// ```
/// use axum::{Router, routing::get};
/// use llmobs_core::Builder;
/// use llmobs_otlp::{Otlp, Prometheus};
///
/// let prometheus = Prometheus::new();
/// let builder = Otlp::new().scraped_by(&prometheus).install(Builder::new().service("shop"));
/// let page = async move || ([("content-type", Prometheus::CONTENT_TYPE)], prometheus.render());
/// let service: Router = Router::new().route("/metrics", get(page));
/// # let _ = (builder, service);
/// ```
#[derive(Clone)]
pub struct Prometheus(Arc<Shared>);

#[derive(Default)]
struct Shared {
    addr: Option<SocketAddr>,
    /// Until the recorder has started.
    listener: Mutex<Option<TcpListener>>,
    registry: Mutex<Option<Registry>>,
}

/// What runs while a recorder does.
pub(crate) struct Scraped {
    prometheus: Prometheus,
    provider: SdkMeterProvider,
    _server: Option<Server>,
}

impl Prometheus {
    /// What [`render`](Self::render) is answered with.
    pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// Metrics for the service's own router; nothing listens.
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Listens at `addr`, such as `127.0.0.1:9464`, from now on, and answers `GET /metrics` there for
    /// as long as the recorder it is given to runs. Port 0 is one that is free; see
    /// [`addr`](Self::addr).
    ///
    /// Whoever reaches the port reads the metrics: names of models and hosts, counts and costs, no
    /// content. Connections are few, short and limited in size, on a thread of its own.
    ///
    /// # Errors
    ///
    /// When the address is none, or cannot be had, since something else listens there.
    pub fn bind(addr: &str) -> Result<Self, OtlpError> {
        let failed = |kind| OtlpError::Listen { addr: addr.to_owned(), kind };
        let listener = TcpListener::bind(addr).map_err(|err| failed(err.kind()))?;
        listener.set_nonblocking(true).map_err(|err| failed(err.kind()))?;
        let addr = listener.local_addr().map_err(|err| failed(err.kind()))?;
        Ok(Self(Arc::new(Shared {
            addr: Some(addr),
            listener: Mutex::new(Some(listener)),
            registry: Mutex::default(),
        })))
    }

    /// Where it listens; `None` when nothing does.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.0.addr
    }

    /// The metrics as they are now, in the text format 0.0.4: answer it with
    /// [`CONTENT_TYPE`](Self::CONTENT_TYPE).
    pub fn render(&self) -> String {
        // Not under the lock: whoever collects asks the recorder.
        let registry = lock(&self.0.registry).clone();
        let families = registry.map(|registry| registry.gather()).unwrap_or_default();
        // What Prometheus cannot have is left out by the reader: names and labels are made valid.
        TextEncoder::new().encode_to_string(&families).unwrap_or_default()
    }

    /// Shows the metrics of a provider; of the last one, when there are several.
    pub(crate) fn start(self, provider: MeterProviderBuilder) -> Option<Scraped> {
        let registry = Registry::new();
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            // There is one scope: a label of every series would say the same.
            .scope_info_enabled(false)
            .build();
        let reader = match reader {
            Ok(reader) => reader,
            Err(err) => {
                say(|| {
                    tracing::warn!(target: "llmobs", error = %err, "metrics cannot be scraped");
                });
                return None;
            }
        };
        let provider = provider.with_reader(reader).build();
        *lock(&self.0.registry) = Some(registry);
        let listener = lock(&self.0.listener).take();
        let server = listener.and_then(|listener| Server::start(listener, self.clone()));
        Some(Scraped { prometheus: self, provider, _server: server })
    }
}

impl Default for Prometheus {
    fn default() -> Self {
        Self::new()
    }
}

impl Scraped {
    pub(crate) fn meter(&self) -> Meter {
        use opentelemetry::metrics::MeterProvider;

        self.provider.meter_with_scope(instrumentation_scope())
    }
}

impl Drop for Scraped {
    fn drop(&mut self) {
        *lock(&self.prometheus.0.registry) = None;
        let _ = self.provider.shutdown();
    }
}

impl fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prometheus").field("addr", &self.0.addr).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

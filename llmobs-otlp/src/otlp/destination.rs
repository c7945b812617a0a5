//! One place to export to.

use std::time::Duration;

use super::signal::Route;
use super::{Compression, OtlpError, Protocol, Signal};

/// A place that signals go to, beside others; see [`Otlp::also`](super::Otlp::also).
///
/// ```
/// use llmobs_otlp::{Compression, Destination, Otlp, Signal};
///
/// let traces = Destination::new("http://langfuse.internal/api/public/otel")?
///     .header("authorization", "Basic cGs6c2s=")?
///     .compression(Compression::Gzip)
///     .only(&[Signal::Traces]);
/// let otlp = Otlp::new().endpoint("http://localhost:4318")?.also(traces);
/// assert!(otlp.exports());
/// # Ok::<(), llmobs_otlp::OtlpError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing goes there until `Otlp::also` has it"]
pub struct Destination {
    pub(super) traces: Route,
    pub(super) metrics: Route,
    pub(super) logs: Route,
}

impl Default for Destination {
    /// Nowhere yet, for endpoints by signal.
    fn default() -> Self {
        Self {
            traces: Route::of(Signal::Traces),
            metrics: Route::of(Signal::Metrics),
            logs: Route::of(Signal::Logs),
        }
    }
}

impl Destination {
    /// All signals to `url`: `/v1/traces`, `/v1/metrics` and `/v1/logs` are appended, but for gRPC,
    /// which needs host and port alone.
    ///
    /// # Errors
    ///
    /// When it is no http or https URL, or https in a build without TLS.
    pub fn new(url: &str) -> Result<Self, OtlpError> {
        Self::default().endpoint(url)
    }

    /// Sets where all signals go, as [`new`](Self::new) does.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub fn endpoint(self, url: &str) -> Result<Self, OtlpError> {
        self.try_each(|route| route.base(url))
    }

    /// Sets where spans go, the path included. Defaults to nowhere, or what `new` was given.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub fn traces_endpoint(mut self, url: &str) -> Result<Self, OtlpError> {
        self.traces.exactly(url)?;
        Ok(self)
    }

    /// Sets where metrics go, the path included. Defaults to nowhere, or what `new` was given.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub fn metrics_endpoint(mut self, url: &str) -> Result<Self, OtlpError> {
        self.metrics.exactly(url)?;
        Ok(self)
    }

    /// Sets where log records go, the path included. Defaults to nowhere, or what `new` was given.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub fn logs_endpoint(mut self, url: &str) -> Result<Self, OtlpError> {
        self.logs.exactly(url)?;
        Ok(self)
    }

    /// Adds a header to every request, in place of one of the same name. Defaults to none.
    ///
    /// # Errors
    ///
    /// When HTTP has no such header.
    pub fn header(self, name: &str, value: &str) -> Result<Self, OtlpError> {
        self.try_each(|route| route.header(name, value))
    }

    /// Sets how long one request may take, its answer included. Defaults to 10 seconds.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.each(|route| route.timeout = timeout)
    }

    /// Sets whether requests are compressed. Defaults to no compression.
    pub fn compression(self, compression: Compression) -> Self {
        self.each(|route| route.compression = compression)
    }

    /// Sets how requests are sent. Defaults to `http/protobuf`.
    ///
    /// # Errors
    ///
    /// When this build does not have the protocol, or no TLS for it.
    pub fn protocol(self, protocol: Protocol) -> Result<Self, OtlpError> {
        self.try_each(|route| route.protocol(protocol))
    }

    /// Trusts these certificates, in PEM, beside those the system trusts. Defaults to none.
    ///
    /// # Errors
    ///
    /// When they are no PEM, or this build has no feature `tls`.
    pub fn certificate(self, pem: &[u8]) -> Result<Self, OtlpError> {
        self.try_each(|route| route.tls.trust(pem))
    }

    /// Shows this certificate to the server, both in PEM. Defaults to none.
    ///
    /// # Errors
    ///
    /// When they are no PEM, or this build has no feature `tls`.
    pub fn client_certificate(self, pem: &[u8], key: &[u8]) -> Result<Self, OtlpError> {
        self.try_each(|route| route.tls.identify(pem, key))
    }

    /// Sends these signals only. Defaults to all that have an endpoint.
    pub fn only(self, signals: &[Signal]) -> Self {
        self.each(|route| route.off = !signals.contains(&route.signal()))
    }

    fn each(mut self, mut set: impl FnMut(&mut Route)) -> Self {
        [&mut self.traces, &mut self.metrics, &mut self.logs].into_iter().for_each(&mut set);
        self
    }

    fn try_each(
        mut self,
        set: impl FnMut(&mut Route) -> Result<(), OtlpError>,
    ) -> Result<Self, OtlpError> {
        [&mut self.traces, &mut self.metrics, &mut self.logs].into_iter().try_for_each(set)?;
        Ok(self)
    }
}

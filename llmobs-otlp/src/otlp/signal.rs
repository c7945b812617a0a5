//! The way of one signal to one destination.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Compression, OtlpError, Protocol, Signal};
use crate::transport::{Endpoint, Tls, https_is_spoken};

/// The way of one signal to one destination.
#[derive(Clone)]
pub(super) struct Route {
    signal: Signal,
    to: Option<To>,
    headers: HeaderMap,
    pub(super) timeout: Duration,
    pub(super) compression: Compression,
    pub(super) protocol: Protocol,
    pub(super) tls: Tls,
    /// Turned off: by the environment (`none`), or since only other signals are wanted.
    pub(super) off: bool,
}

/// A URL, as it was given.
#[derive(Clone)]
enum To {
    /// The signal's path comes below it.
    Base(Url),
    Exactly(Url),
    /// A collector on this machine, at the protocol's usual port.
    Usual,
}

impl Route {
    /// A way to nowhere yet.
    pub(super) fn of(signal: Signal) -> Self {
        Self {
            signal,
            to: None,
            headers: HeaderMap::new(),
            // What the specification says for `OTEL_EXPORTER_OTLP_TIMEOUT`.
            timeout: Duration::from_secs(10),
            compression: Compression::default(),
            protocol: Protocol::default(),
            tls: Tls::default(),
            off: false,
        }
    }

    pub(super) fn signal(&self) -> Signal {
        self.signal
    }

    pub(super) fn base(&mut self, text: &str) -> Result<(), OtlpError> {
        self.to = Some(To::Base(url(text)?));
        self.check()
    }

    pub(super) fn exactly(&mut self, text: &str) -> Result<(), OtlpError> {
        self.to = Some(To::Exactly(url(text)?));
        self.check()
    }

    pub(super) fn usual(&mut self) {
        self.to = Some(To::Usual);
    }

    pub(super) fn protocol(&mut self, protocol: Protocol) -> Result<(), OtlpError> {
        self.protocol = protocol;
        self.check()
    }

    pub(super) fn header(&mut self, name: &str, value: &str) -> Result<(), OtlpError> {
        let failed = || OtlpError::Header { name: name.to_owned() };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| failed())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| failed())?;
        value.set_sensitive(true);
        self.headers.insert(key, value);
        Ok(())
    }

    pub(super) fn has_endpoint(&self) -> bool {
        self.to.is_some() && !self.off
    }

    /// Where the signal goes; `label` tells it from the first such endpoint.
    pub(super) fn endpoint(&self, label: Option<Arc<str>>) -> Option<Endpoint> {
        if self.off {
            return None;
        }
        let mut url = self.url()?;
        if !matches!(self.to, Some(To::Exactly(_))) {
            let below = format!("{}/{}", url.path().trim_end_matches('/'), self.signal.path());
            url.set_path(&below);
        }
        Some(Endpoint {
            url,
            headers: self.headers.clone(),
            timeout: self.timeout,
            compression: self.compression,
            protocol: self.protocol,
            tls: self.tls.clone(),
            method: self.signal.method(),
            label,
        })
    }

    /// The host and port it goes to.
    pub(super) fn host(&self) -> Option<String> {
        let url = self.url()?;
        let host = url.host_str()?;
        Some(match url.port_or_known_default() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        })
    }

    /// The URL without what comes below it.
    fn url(&self) -> Option<Url> {
        let usual = match self.protocol {
            Protocol::Grpc => "http://localhost:4317",
            Protocol::HttpProtobuf => "http://localhost:4318",
        };
        match self.to.as_ref()? {
            To::Base(url) | To::Exactly(url) => Some(url.clone()),
            To::Usual => Url::parse(usual).ok(),
        }
    }

    /// Whether this build can do what is asked for.
    fn check(&self) -> Result<(), OtlpError> {
        let grpc = self.protocol == Protocol::Grpc;
        if grpc && cfg!(not(feature = "grpc")) {
            return Err(OtlpError::Grpc);
        }
        let Some(url) = self.url() else { return Ok(()) };
        let spoken = || if grpc { cfg!(feature = "tls") } else { https_is_spoken() };
        if url.scheme() == "https" && !spoken() { Err(OtlpError::Tls) } else { Ok(()) }
    }
}

impl Signal {
    /// What comes after the base URL.
    fn path(self) -> &'static str {
        match self {
            Self::Traces => "v1/traces",
            Self::Metrics => "v1/metrics",
            Self::Logs => "v1/logs",
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }
}

/// A URL we can export to.
fn url(text: &str) -> Result<Url, OtlpError> {
    let url = Url::parse(text).map_err(|_| OtlpError::Endpoint)?;
    let ours = matches!(url.scheme(), "http" | "https") && url.has_host();
    if ours { Ok(url) } else { Err(OtlpError::Endpoint) }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Route").field(&self.endpoint(None)).finish()
    }
}

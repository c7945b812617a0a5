//! OTLP to one endpoint: one request at a time, on the thread that calls.

mod error;
#[cfg(feature = "grpc")]
mod grpc;
mod gzip;
mod heading;
mod http;
mod load;
mod queue;
mod said;
mod shipper;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};
use tokio::runtime::{Builder, Runtime};

pub(crate) use self::error::{Blame, ExportError};
use self::gzip::Gzip;
pub(crate) use self::load::Load;
use self::queue::{Queue, Settled};
pub(crate) use self::shipper::{Packed, Shipper};
pub(crate) use self::tls::{Tls, https_is_spoken};
use crate::otlp::{Compression, Protocol};
use crate::quiet::untraced;

/// Idle connections are kept shorter than servers keep theirs: ours cannot see them being closed,
/// since nothing runs between two requests.
const IDLE: Duration = Duration::from_secs(4);
/// How long records wait for others: a service makes a request a second at most, and not one a call.
pub(crate) const LINGER: Duration = Duration::from_secs(1);
/// More of an answer is not read: it is a confirmation, or an error's message.
const MAX_ANSWER: usize = 64 << 10;
const USER_AGENT: &str = concat!("llmobs/", env!("CARGO_PKG_VERSION"));

/// Where one signal goes.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
    pub(crate) compression: Compression,
    pub(crate) protocol: Protocol,
    pub(crate) tls: Tls,
    /// The path of the signal's method in gRPC.
    #[cfg_attr(not(feature = "grpc"), expect(dead_code, reason = "there is no gRPC"))]
    pub(crate) method: &'static str,
    /// What tells it from the first endpoint of the signal; none for that one.
    pub(crate) label: Option<Arc<str>>,
}

/// Sends bodies to one endpoint.
///
/// The client and its runtime are made at the first request, on the thread that makes it, which
/// must be one of ours: the service's runtime is never touched. Everything about a request runs on
/// that thread, so that turning tracing off there is enough to keep it from being observed.
#[derive(Debug)]
pub(crate) struct Transport {
    endpoint: Endpoint,
    gzip: Gzip,
    link: Option<Link>,
}

#[derive(Debug)]
struct Link {
    runtime: Runtime,
    client: Client,
    /// When it was last used, and well.
    used: Option<Instant>,
}

#[derive(Debug)]
enum Client {
    Http(reqwest::Client),
    #[cfg(feature = "grpc")]
    Grpc(tonic::transport::Channel),
}

impl Transport {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        let gzip = Gzip::new(endpoint.compression);
        Self { endpoint, gzip, link: None }
    }

    /// Sends `body`; gives the body of a good answer.
    pub(crate) fn send(&mut self, body: Bytes) -> Result<Vec<u8>, ExportError> {
        untraced(|| self.negotiated(&body))
    }

    /// Compressed as long as the endpoint takes that.
    fn negotiated(&mut self, body: &Bytes) -> Result<Vec<u8>, ExportError> {
        if !self.gzip.is_on() {
            return self.once(body, false);
        }
        let compressed = self.once(body, true);
        if !self.gzip.is_doubtful(&compressed) {
            return compressed;
        }
        let plain = self.once(body, false);
        self.gzip.compared(&compressed, &plain);
        plain
    }

    fn once(&mut self, body: &Bytes, gzip: bool) -> Result<Vec<u8>, ExportError> {
        let link = match self.link.take() {
            Some(link) => self.link.insert(link),
            None => self.link.insert(Link::open(&self.endpoint)?),
        };
        let answer = link.exchange(&self.endpoint, body, gzip);
        link.used = answer.as_ref().map_or_else(|err| !err.retryable, |_| true).then(Instant::now);
        answer.map_err(|err| err.without(&self.endpoint))
    }
}

impl Link {
    fn open(endpoint: &Endpoint) -> Result<Self, ExportError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|err| {
            ExportError::retryable("no runtime could be started for the export").caused_by(err)
        })?;
        let client = {
            let _entered = runtime.enter();
            Client::open(endpoint)
        };
        match client {
            Ok(client) => Ok(Self { runtime, client, used: Some(Instant::now()) }),
            Err(err) => {
                runtime.shutdown_background();
                Err(err)
            }
        }
    }

    fn exchange(
        &mut self,
        to: &Endpoint,
        body: &Bytes,
        gzip: bool,
    ) -> Result<Vec<u8>, ExportError> {
        match &mut self.client {
            Client::Http(client) => self.runtime.block_on(http::post(client, to, body, gzip)),
            #[cfg(feature = "grpc")]
            Client::Grpc(channel) => {
                // What hangs would hang again: calls share a connection.
                if self.used.is_none_or(|used| used.elapsed() > IDLE) {
                    let _entered = self.runtime.enter();
                    *channel = grpc::channel(to)?;
                }
                self.runtime.block_on(grpc::call(channel.clone(), to, body, gzip))
            }
        }
    }
}

impl Client {
    fn open(endpoint: &Endpoint) -> Result<Self, ExportError> {
        match endpoint.protocol {
            #[cfg(feature = "grpc")]
            Protocol::Grpc => grpc::channel(endpoint).map(Self::Grpc),
            // Set-up has refused the others.
            _ => http::client(endpoint).map(Self::Http),
        }
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        // A runtime that waits for its threads may not be dropped on another runtime's.
        if let Some(Link { runtime, client, .. }) = self.link.take() {
            untraced(|| {
                drop(client);
                runtime.shutdown_background();
            });
        }
    }
}

impl Endpoint {
    /// The name of what exports to it: `kind`, and the host unless it is the first endpoint.
    pub(crate) fn name(&self, kind: &str) -> String {
        match &self.label {
            Some(label) => format!("{kind}@{label}"),
            None => kind.to_owned(),
        }
    }

    /// What no message may show: values of headers, and the URL's password.
    fn secrets(&self) -> impl Iterator<Item = &str> {
        let headers = self.headers.values().filter_map(|value| HeaderValue::to_str(value).ok());
        // Of `Bearer key`, the key.
        let parts = headers.flat_map(|value| value.split_ascii_whitespace());
        parts.chain(self.url.password()).filter(|secret| secret.len() >= 6)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers and the URL's user are where keys are.
        f.debug_struct("Endpoint")
            .field("host", &self.url.host_str())
            .field("port", &self.url.port())
            .field("path", &self.url.path())
            .field("protocol", &self.protocol)
            .field("compression", &self.compression)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

//! OTLP over HTTP: one request at a time, on the thread that calls.

mod reply;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use opentelemetry::Context;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use tokio::runtime::{Builder, Runtime};

use self::reply::Reply;

/// Idle connections are kept shorter than servers keep theirs: ours cannot see them being closed,
/// since nothing runs between two requests.
const IDLE: Duration = Duration::from_secs(4);
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// Where one signal goes.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
}

/// Sends bodies to one endpoint.
///
/// The client and its runtime are made at the first request, on the thread that makes it, which
/// must be one of ours: the service's runtime is never touched. Everything about a request runs on
/// that thread, so that turning tracing off there is enough to keep it from being observed.
#[derive(Debug)]
pub(crate) struct Transport {
    endpoint: Endpoint,
    client: Option<(Runtime, Client)>,
}

/// A body that was not taken.
#[derive(Debug)]
pub(crate) struct ExportError {
    pub(crate) message: String,
    pub(crate) retryable: bool,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) source: Option<Box<dyn Error + Send + Sync>>,
}

impl Transport {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, client: None }
    }

    /// Posts `body`; gives the body of a good answer.
    pub(crate) fn send(&mut self, body: Vec<u8>) -> Result<Vec<u8>, ExportError> {
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        let silent = tracing::subscriber::NoSubscriber::new();
        tracing::subscriber::with_default(silent, || self.post(body))
    }

    fn post(&mut self, body: Vec<u8>) -> Result<Vec<u8>, ExportError> {
        let (runtime, client) = match self.client.take() {
            Some(client) => self.client.insert(client),
            None => self.client.insert(connect()?),
        };
        let request = client
            .post(self.endpoint.url.clone())
            .headers(self.endpoint.headers.clone())
            .header(CONTENT_TYPE, PROTOBUF)
            .timeout(self.endpoint.timeout)
            .body(body);
        let reply = runtime.block_on(async { Reply::read(request.send().await?).await });
        reply.map_err(failed)?.into_result()
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        // A runtime that waits for its threads may not be dropped on another runtime's.
        if let Some((runtime, _client)) = self.client.take() {
            runtime.shutdown_background();
        }
    }
}

fn connect() -> Result<(Runtime, Client), ExportError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|err| {
        ExportError::retryable("no runtime could be started for the export").caused_by(err)
    })?;
    let client = Client::builder()
        .user_agent(concat!("llmobs/", env!("CARGO_PKG_VERSION")))
        // A redirected POST becomes a GET: better to hear of it.
        .redirect(Policy::none())
        .pool_idle_timeout(IDLE)
        .build()
        .map_err(|err| ExportError::permanent("no client could be made").caused_by(err))?;
    Ok((runtime, client))
}

fn failed(err: reqwest::Error) -> ExportError {
    // The URL may hold credentials.
    let err = err.without_url();
    let mut cause: Option<&dyn Error> = Some(&err);
    while let Some(this) = cause {
        if this.to_string().contains("scheme is not http") {
            let message =
                "the endpoint is https and this build has no TLS: enable the feature `tls`";
            return ExportError::permanent(message).caused_by(err);
        }
        cause = this.source();
    }
    let message = if err.is_timeout() {
        "the endpoint did not answer in time"
    } else if err.is_connect() {
        "the endpoint cannot be reached"
    } else if err.is_builder() {
        return ExportError::permanent("the request cannot be built").caused_by(err);
    } else {
        "the connection to the endpoint broke"
    };
    ExportError::retryable(message).caused_by(err)
}

impl ExportError {
    pub(crate) fn retryable(message: impl Into<String>) -> Self {
        Self { message: message.into(), retryable: true, retry_after: None, source: None }
    }

    pub(crate) fn permanent(message: impl Into<String>) -> Self {
        Self { retryable: false, ..Self::retryable(message) }
    }

    fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers and the URL's user are where keys are.
        f.debug_struct("Endpoint")
            .field("host", &self.url.host_str())
            .field("path", &self.url.path())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

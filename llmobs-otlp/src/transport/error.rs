//! Why a request was not taken.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::Endpoint;

/// A body that was not taken.
#[derive(Debug)]
pub(crate) struct ExportError {
    pub(crate) message: String,
    pub(crate) retryable: bool,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) blame: Blame,
    pub(crate) source: Option<Box<dyn Error + Send + Sync>>,
}

/// What a refusal is about, and so what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The endpoint, the way to it, or our right to use it: any request would have met it.
    Endpoint,
    /// Something in this request; the rest of it may be taken without.
    Request,
    /// The request's size.
    Size,
    /// The request's compression.
    Encoding,
}

impl ExportError {
    pub(crate) fn retryable(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retryable: true,
            retry_after: None,
            blame: Blame::Endpoint,
            source: None,
        }
    }

    pub(crate) fn permanent(message: impl Into<String>) -> Self {
        Self { retryable: false, ..Self::retryable(message) }
    }

    pub(super) fn blames(mut self, blame: Blame) -> Self {
        self.blame = blame;
        self
    }

    pub(super) fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Servers repeat what they were sent: keys are taken out.
    pub(super) fn without(mut self, endpoint: &Endpoint) -> Self {
        for secret in endpoint.secrets() {
            if self.message.contains(secret) {
                self.message = self.message.replace(secret, "…");
            }
        }
        self
    }
}

/// Why there is no connection.
pub(super) fn unreachable(err: &(dyn Error + 'static)) -> &'static str {
    // The words of rustls, which is somewhere below.
    match says(err, "invalid peer certificate") {
        true => {
            "the endpoint's certificate is not trusted: name its authority in \
             OTEL_EXPORTER_OTLP_CERTIFICATE"
        }
        false => "the endpoint cannot be reached",
    }
}

/// Whether an error, or what caused it, says this.
pub(super) fn says(err: &(dyn Error + 'static), words: &str) -> bool {
    let mut cause = Some(err);
    while let Some(this) = cause {
        if this.to_string().contains(words) {
            return true;
        }
        cause = this.source();
    }
    false
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

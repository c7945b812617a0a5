//! The set-up of one signal.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::OtlpError;
use crate::transport::Endpoint;

/// The set-up of one signal.
pub(super) struct Signal {
    pub(super) url: Option<Url>,
    headers: HeaderMap,
    pub(super) timeout: Duration,
    /// Turned off by the environment (`none`).
    pub(super) off: bool,
}

impl Default for Signal {
    fn default() -> Self {
        // What the specification says for `OTEL_EXPORTER_OTLP_TIMEOUT`.
        let timeout = Duration::from_secs(10);
        Self { url: None, headers: HeaderMap::new(), timeout, off: false }
    }
}

impl Signal {
    pub(super) fn header(&mut self, name: &str, value: &str) -> Result<(), OtlpError> {
        let failed = || OtlpError::Header { name: name.to_owned() };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| failed())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| failed())?;
        value.set_sensitive(true);
        self.headers.insert(key, value);
        Ok(())
    }

    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        let url = self.url.clone().filter(|_| !self.off)?;
        Some(Endpoint { url, headers: self.headers.clone(), timeout: self.timeout })
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signal").field(&self.endpoint()).finish()
    }
}

//! One HTTP exchange as a line has it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// An HTTP exchange with a model that was recorded, one JSON object a line. Members that are not
/// listed here are ignored.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Recorded {
    /// Name of the exchange, for the record's `exchange_id`.
    #[serde(default)]
    pub id: Option<String>,
    /// Who answered: a host, with or without port, or a name.
    #[serde(default)]
    pub provider: Option<String>,
    /// HTTP method.
    pub method: String,
    /// Path of the URL.
    pub path: String,
    /// HTTP status of the response.
    pub status: u16,
    /// The response's content type.
    #[serde(default)]
    pub content_type: Option<String>,
    /// Headers of the response; values that are no text are ignored.
    #[serde(default)]
    pub response_headers: Option<BTreeMap<String, Value>>,
    /// Body of the request; absent where there was none.
    #[serde(default)]
    pub request: Option<String>,
    /// Body of the response.
    pub response: String,
}

impl Recorded {
    /// Host and port the request went to, as far as `provider` tells.
    pub(crate) fn host(&self) -> (&str, Option<u16>) {
        let provider = self.provider.as_deref().unwrap_or_default();
        let with_port = provider.rsplit_once(':').filter(|(host, _)| !host.contains(':'));
        match with_port.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
            Some((host, port)) => (host, Some(port)),
            None => (provider, None),
        }
    }
}

//! What single HTTP requests of a call came to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Failure, RateLimit};

/// One HTTP request of a call that took several.
///
/// One that was never answered, since the connection failed or nobody waited any longer, has its
/// time of sending alone; what the last one failed of is the call's own error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct AttemptDetail {
    /// Call issued to this attempt sent, in milliseconds.
    #[serde(skip_serializing_if = "super::unknown")]
    pub sent_ms: Option<f64>,
    /// Attempt sent to response headers, in milliseconds.
    #[serde(skip_serializing_if = "super::unknown")]
    pub headers_ms: Option<f64>,
    /// HTTP status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong, by the rules of the call's own error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<Failure>>,
    /// The provider's id of the HTTP request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_request_id: Option<String>,
    /// Rate limits as the answer's headers told them, and how long it asked to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<Box<RateLimit>>,
    /// What the server itself said about time, in milliseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", serialize_with = "super::finite")]
    pub server_timing: BTreeMap<String, f64>,
}

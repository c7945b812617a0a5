//! The attempts of a call that was tried again.

use llmobs_core::AttemptDetail;
use serde::Serialize;

use crate::style::Style;
use crate::text::clean;

/// How many attempts of a call are told of.
const MOST: usize = 16;

/// One of them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Attempt {
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<f64>,
}

impl Attempt {
    pub(super) fn all(details: &[AttemptDetail]) -> Vec<Self> {
        details.iter().take(MOST).map(Self::of).collect()
    }

    fn of(detail: &AttemptDetail) -> Self {
        Self {
            sent_ms: detail.sent_ms,
            headers_ms: detail.headers_ms,
            status: detail.status,
            error_type: detail.error.as_ref().map(|error| clean(&error.kind)),
            provider_request_id: detail.provider_request_id.as_deref().map(clean),
            retry_after_ms: detail.rate_limit.as_ref().and_then(|limit| limit.retry_after_ms),
        }
    }
}

/// How many attempts there were, and what came of each: `3 attempts: 429, no answer, 200`.
pub(super) fn summary(attempts: u32, told: &[Attempt], style: &Style) -> String {
    let mut words = format!("{attempts} attempts");
    for (nth, attempt) in told.iter().enumerate() {
        words.push_str(if nth == 0 { ": " } else { ", " });
        match (attempt.status, &attempt.error_type) {
            (Some(status), _) => words.push_str(&status.to_string()),
            (None, Some(error)) => words.push_str(error),
            (None, None) => words.push_str("no answer"),
        }
    }
    if !told.is_empty() && told.len() < attempts as usize {
        words.push_str(style.pick(", …", ", ..."));
    }
    words
}

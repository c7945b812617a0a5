//! What response headers tell.

use llmobs_core::{Amount, Cost, Headers, RateLimit, Record};

use super::kept::identifier;
use super::timing::Timing;

/// Facts from the headers of one answer.
#[derive(Debug, Default)]
pub(super) struct HeaderFacts {
    request_id: Option<String>,
    rate_limit: RateLimit,
    cache_hit: Option<bool>,
    /// What a gateway says the call cost.
    cost: Option<Amount>,
    /// Times told in headers.
    pub(super) timing: Timing,
}

/// Ids of the HTTP request, the most telling first.
const REQUEST_IDS: &[&str] = &[
    "x-request-id",
    "request-id",
    "x-ms-request-id",
    "apim-request-id",
    "x-amzn-requestid",
    "x-correlation-id",
    "x-litellm-call-id",
    "x-generation-id",
];

/// Headers in which gateways say whether they answered from a cache.
const CACHES: &[&str] = &[
    "cf-aig-cache-status",
    "x-portkey-cache-status",
    "helicone-cache",
    "x-litellm-cache-hit",
    "x-cache-hit",
    "x-cache-status",
    "x-cache",
    "cache-status",
];

impl HeaderFacts {
    pub(super) fn read(headers: &Headers<'_>) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| headers.get(name));
        let count = |names: &[&str]| first(names)?.trim().parse().ok();
        let when = |names: &[&str]| first(names).and_then(short);
        let millis = |name: &str| headers.get(name)?.trim().parse::<f64>().ok();
        let mut facts = Self {
            request_id: first(REQUEST_IDS).and_then(identifier),
            cache_hit: CACHES.iter().find_map(|name| hit(headers.get(name)?)),
            cost: headers.get("x-litellm-response-cost").and_then(|cost| cost.parse().ok()),
            rate_limit: RateLimit {
                limit_requests: count(&[
                    "x-ratelimit-limit-requests",
                    "x-ratelimit-limit-req-minute",
                    "x-ratelimit-limit",
                    "ratelimit-limit",
                ]),
                limit_tokens: count(&[
                    "x-ratelimit-limit-tokens",
                    "x-ratelimit-limit-tokens-minute",
                ]),
                remaining_requests: count(&[
                    "x-ratelimit-remaining-requests",
                    "x-ratelimit-remaining-req-minute",
                    "x-ratelimit-remaining",
                    "ratelimit-remaining",
                ]),
                remaining_tokens: count(&[
                    "x-ratelimit-remaining-tokens",
                    "x-ratelimit-remaining-tokens-minute",
                ]),
                reset_requests: when(&[
                    "x-ratelimit-reset-requests",
                    "x-ratelimit-reset",
                    "ratelimit-reset",
                ]),
                reset_tokens: when(&["x-ratelimit-reset-tokens"]),
                retry_after_ms: millis("retry-after-ms")
                    .or_else(|| millis("retry-after").map(|seconds| seconds * 1e3))
                    .filter(|wait| wait.is_finite() && *wait >= 0.0),
            },
            timing: Timing::default(),
        };
        facts.timing.millis("processing_ms", millis("openai-processing-ms"));
        facts.timing.millis("upstream_ms", millis("x-envoy-upstream-service-time"));
        facts
    }

    pub(super) fn finish(self, record: &mut Record) {
        record.provider_request_id = self.request_id;
        record.cache_hit = self.cache_hit;
        // Zero stands there too for a model without a price, and for a stream that is not over.
        let cost = self.cost.filter(|cost| *cost > Amount::ZERO || self.cache_hit == Some(true));
        if let (None, Some(cost)) = (&record.cost, cost) {
            record.cost = Some(Box::new(Cost::reported(cost)));
        }
        self.timing.finish(&mut record.server_timing);
        if self.rate_limit != RateLimit::default() {
            record.rate_limit = Some(Box::new(self.rate_limit));
        }
    }
}

/// What a cache header says, unless it says neither.
fn hit(value: &str) -> Option<bool> {
    let value = value.to_ascii_lowercase();
    let says = |word: &str| value.split(|c: char| !c.is_ascii_alphanumeric()).any(|w| w == word);
    if says("miss") || value == "false" {
        Some(false)
    } else if says("hit") || value == "true" {
        Some(true)
    } else {
        None
    }
}

fn short(value: &str) -> Option<String> {
    (!value.is_empty() && value.len() <= 64).then(|| value.to_owned())
}

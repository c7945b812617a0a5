//! What response headers tell, read in one pass over their lines.

mod evidence;
mod server_timing;

use std::borrow::Cow;
use std::time::Duration;

use llmobs_core::{Amount, Cost, Headers, RateLimit, Record};

use self::evidence::Evidence;
use super::kept::{identifier, word};
use super::timing::Timing;

/// Facts from the headers of one answer.
#[derive(Debug, Default)]
pub(super) struct HeaderFacts {
    request_id: Option<String>,
    rate_limit: RateLimit,
    cache_hit: Option<bool>,
    /// Exact model, where a gateway named it.
    model: Option<String>,
    /// Who answered.
    pub(super) evidence: Evidence,
    /// What a gateway says the call cost.
    cost: Option<Amount>,
    /// Times told in headers.
    pub(super) timing: Timing,
}

/// Beginnings of the headers that say something of a call.
pub(super) fn wants(name: &str) -> bool {
    let starts: &[&str] = match name.as_bytes().first() {
        Some(b'a') => &["apim-", "azureml-", "anthropic-"],
        Some(b'c') => &["content-", "cf-", "cache"],
        Some(b'd') => &["date"],
        Some(b'h') => &["helicone-"],
        Some(b'm') => &["mistral-", "msh-"],
        Some(b'o') => &["openai-"],
        Some(b'r') => &["request-id", "retry-after", "ratelimit"],
        Some(b's') => &["server-timing"],
        Some(b'x') => &["x-"],
        _ => &[],
    };
    starts.iter().any(|start| name.starts_with(start))
}

/// Values of which the most telling one counts; of several as telling, the first.
#[derive(Debug)]
struct Best<T>(Option<(u8, T)>);

impl<T> Default for Best<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Best<T> {
    /// Takes a value, if it is one; the lower the rank, the more telling.
    fn offer(&mut self, rank: u8, value: Option<T>) {
        if let Some(value) = value
            && self.0.as_ref().is_none_or(|(best, _)| rank < *best)
        {
            self.0 = Some((rank, value));
        }
    }

    fn get(self) -> Option<T> {
        self.0.map(|(_, value)| value)
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Found<'a> {
    request_id: Best<&'a str>,
    cache_hit: Best<bool>,
    limit_requests: Best<u64>,
    limit_tokens: Best<u64>,
    remaining_requests: Best<u64>,
    remaining_tokens: Best<u64>,
    reset_requests: Best<&'a str>,
    reset_tokens: Best<&'a str>,
    wait_ms: Best<f64>,
    /// `retry-after`, where it is a date.
    until: Option<&'a str>,
    date: Option<&'a str>,
    model: Option<&'a str>,
    cost: Option<Amount>,
    evidence: Evidence,
    timing: Timing,
}

impl<'a> Found<'a> {
    fn line(&mut self, name: &'a str, value: &'a str) {
        // Apart by their beginnings, so that few names are compared with each.
        match name.strip_prefix("x-") {
            Some(rest) => match rest.strip_prefix("ratelimit-") {
                Some(limit) => self.rate_limit(limit, value),
                None => self.extension(rest, value),
            },
            None => self.standard(name, value),
        }
        if evidence::is_gateway(name) {
            self.evidence.gateway();
        }
    }

    fn standard(&mut self, name: &str, value: &'a str) {
        match name {
            "request-id" => self.request_id.offer(1, Some(value)),
            "apim-request-id" => {
                self.evidence.azure_id();
                self.request_id.offer(3, Some(value));
            }
            "mistral-correlation-id" => {
                self.evidence.mistral();
                self.request_id.offer(5, Some(value));
            }
            "msh-request-id" => {
                self.evidence.moonshot();
                self.request_id.offer(5, Some(value));
            }
            "cf-aig-cache-status" => self.cache_hit.offer(0, hit(value)),
            "helicone-cache" => self.cache_hit.offer(2, hit(value)),
            "cache-status" => self.cache_hit.offer(7, hit(value)),
            "retry-after-ms" => self.wait_ms.offer(0, wait(value)),
            "retry-after" => {
                self.until = Some(value);
                let millis = wait(value).map(|seconds| seconds * 1e3);
                self.wait_ms.offer(1, millis.filter(|millis| millis.is_finite()));
            }
            "date" => self.date = Some(value),
            "openai-processing-ms" => {
                self.evidence.openai_time();
                self.timing.millis("processing_ms", millis(value));
            }
            "openai-version" => self.evidence.openai_version(),
            "openai-organization" => self.evidence.openai_organization(),
            "anthropic-organization-id" => self.evidence.anthropic(),
            "server-timing" => server_timing::read(value, &mut self.timing),
            "ratelimit-limit" => self.limit_requests.offer(3, count(value)),
            "ratelimit-remaining" => self.remaining_requests.offer(3, count(value)),
            "ratelimit-reset" => self.reset_requests.offer(3, short(value)),
            "anthropic-ratelimit-requests-limit" => self.limit_requests.offer(1, count(value)),
            "anthropic-ratelimit-requests-remaining" => {
                self.remaining_requests.offer(1, count(value));
            }
            "anthropic-ratelimit-requests-reset" => self.reset_requests.offer(1, short(value)),
            "anthropic-ratelimit-tokens-limit" => self.limit_tokens.offer(1, count(value)),
            "anthropic-ratelimit-tokens-remaining" => self.remaining_tokens.offer(1, count(value)),
            "anthropic-ratelimit-tokens-reset" => self.reset_tokens.offer(1, short(value)),
            _ => {}
        }
    }

    /// A header whose name begins with `x-`.
    fn extension(&mut self, name: &str, value: &'a str) {
        match name {
            "request-id" => self.request_id.offer(0, Some(value)),
            "ms-request-id" => self.request_id.offer(2, Some(value)),
            "amzn-requestid" => self.request_id.offer(4, Some(value)),
            "ds-trace-id" => {
                self.evidence.deepseek();
                self.request_id.offer(5, Some(value));
            }
            "correlation-id" => self.request_id.offer(6, Some(value)),
            "litellm-call-id" => self.request_id.offer(7, Some(value)),
            "generation-id" => self.request_id.offer(8, Some(value)),
            "portkey-cache-status" => self.cache_hit.offer(1, hit(value)),
            "litellm-cache-hit" => self.cache_hit.offer(3, hit(value)),
            "cache-hit" => self.cache_hit.offer(4, hit(value)),
            "cache-status" => self.cache_hit.offer(5, hit(value)),
            "cache" => self.cache_hit.offer(6, hit(value)),
            "envoy-upstream-service-time" => self.timing.millis("upstream_ms", millis(value)),
            "metrics-e2e-ms" => self.timing.millis("e2e_ms", millis(value)),
            "amzn-bedrock-invocation-latency" => {
                self.evidence.bedrock();
                self.timing.millis("invocation_ms", millis(value));
            }
            "litellm-overhead-duration-ms" => {
                self.timing.millis("gateway_overhead_ms", millis(value));
            }
            "ms-region" => self.evidence.azure_region(),
            "groq-region" => self.evidence.groq(),
            "litellm-model-api-base" => self.evidence.served_at(value),
            "portkey-provider" => self.evidence.served_by(value),
            "litellm-model-name" => self.model = Some(value),
            "litellm-response-cost" => self.cost = value.trim().parse().ok(),
            _ => {}
        }
    }

    /// A header whose name begins with `x-ratelimit-`.
    fn rate_limit(&mut self, name: &str, value: &'a str) {
        match name {
            "limit-requests" => self.limit_requests.offer(0, count(value)),
            "limit-req-minute" => self.limit_requests.offer(1, count(value)),
            "limit" => self.limit_requests.offer(2, count(value)),
            "limit-tokens" => self.limit_tokens.offer(0, count(value)),
            "limit-tokens-minute" => self.limit_tokens.offer(1, count(value)),
            "remaining-requests" => self.remaining_requests.offer(0, count(value)),
            "remaining-req-minute" => self.remaining_requests.offer(1, count(value)),
            "remaining" => self.remaining_requests.offer(2, count(value)),
            "remaining-tokens" => self.remaining_tokens.offer(0, count(value)),
            "remaining-tokens-minute" => self.remaining_tokens.offer(1, count(value)),
            "reset-requests" => self.reset_requests.offer(0, short(value)),
            "reset" => self.reset_requests.offer(2, short(value)),
            "reset-tokens" => self.reset_tokens.offer(0, short(value)),
            _ => {}
        }
    }

    fn facts(self) -> HeaderFacts {
        let wait_ms = self.wait_ms.get();
        let dates = || Some((self.until?, self.date?));
        let retry_after_ms = wait_ms.or_else(|| dates().and_then(|(until, now)| lies(until, now)));
        HeaderFacts {
            request_id: self.request_id.get().and_then(identifier),
            rate_limit: RateLimit {
                limit_requests: self.limit_requests.get(),
                limit_tokens: self.limit_tokens.get(),
                remaining_requests: self.remaining_requests.get(),
                remaining_tokens: self.remaining_tokens.get(),
                reset_requests: self.reset_requests.get().map(str::to_owned),
                reset_tokens: self.reset_tokens.get().map(str::to_owned),
                retry_after_ms,
            },
            cache_hit: self.cache_hit.get(),
            cost: self.cost,
            model: self.model.filter(|model| !model.is_empty()).map(Cow::Borrowed).and_then(word),
            evidence: self.evidence,
            timing: self.timing,
        }
    }
}

impl HeaderFacts {
    pub(super) fn read(headers: &Headers<'_>) -> Self {
        let mut found = Found::default();
        for (name, value) in headers.iter() {
            found.line(name, value);
        }
        found.facts()
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
        // Gateways repeat the alias they were asked for, and say here what stands behind it.
        if let Some(exact) = self.model {
            let said = record.model_version.as_deref().filter(|said| {
                record.model.as_deref() != Some(said) || exact.rsplit('/').next() == Some(said)
            });
            if said.is_none() {
                record.model_version = Some(exact);
            }
        }
        self.evidence.finish(record);
    }
}

/// What a cache header says, unless it says neither.
fn hit(value: &str) -> Option<bool> {
    let says = |word: &str| {
        let mut words = value.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|said| said.eq_ignore_ascii_case(word))
    };
    if says("miss") || value.eq_ignore_ascii_case("false") {
        Some(false)
    } else if says("hit") || value.eq_ignore_ascii_case("true") {
        Some(true)
    } else {
        None
    }
}

/// Milliseconds from one HTTP date to another; none for a date that has passed already.
fn lies(until: &str, now: &str) -> Option<f64> {
    let (until, now) = (httpdate::parse_http_date(until), httpdate::parse_http_date(now));
    let wait = until.ok()?.duration_since(now.ok()?).unwrap_or(Duration::ZERO);
    Some(wait.as_secs_f64() * 1e3)
}

fn wait(value: &str) -> Option<f64> {
    millis(value).filter(|wait| wait.is_finite() && *wait >= 0.0)
}

fn millis(value: &str) -> Option<f64> {
    value.parse().ok()
}

fn count(value: &str) -> Option<u64> {
    value.parse().ok()
}

fn short(value: &str) -> Option<&str> {
    (!value.is_empty() && value.len() <= 64).then_some(value)
}

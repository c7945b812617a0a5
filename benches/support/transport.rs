//! A transport that answers from memory, so that counts are the same in every run.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use bytes::Bytes;
use http_body::{Body, Frame};
use reqwest::Response;
use tower::Service;

/// What a host sends with a stream.
const HEADERS: [(&str, &str); 18] = [
    ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
    ("content-type", "text/event-stream; charset=utf-8"),
    ("transfer-encoding", "chunked"),
    ("access-control-expose-headers", "X-Request-ID"),
    ("openai-organization", "acme-1"),
    ("openai-processing-ms", "412"),
    ("openai-project", "proj_1"),
    ("openai-version", "2020-10-01"),
    ("x-envoy-upstream-service-time", "431"),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-limit-tokens", "200000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-remaining-tokens", "199984"),
    ("x-ratelimit-reset-requests", "8.64s"),
    ("x-ratelimit-reset-tokens", "4ms"),
    ("x-request-id", "req_0123456789abcdef0123456789abcdef"),
    ("set-cookie", "__cf_bm=0; path=/; HttpOnly; Secure"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
];

/// What is answered to each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    /// Tokens of the stream; beside them it has a role, a finish reason and usage.
    pub(crate) tokens: usize,
    /// Events that come in one read.
    pub(crate) per_read: usize,
    /// Whether the stream stays open after the tokens, with no end.
    pub(crate) held: bool,
}

/// Answers each request with the same reads.
#[derive(Clone, Debug)]
pub(crate) struct Canned {
    reads: Arc<[Bytes]>,
    held: bool,
}

impl Canned {
    /// A transport that answers so.
    pub(crate) fn new(script: Script) -> Self {
        let mut chunks = chunks(script.tokens);
        if script.held {
            chunks.truncate(script.tokens);
        }
        let reads = chunks.chunks(script.per_read).map(|read| Bytes::from(read.concat()));
        Self { reads: reads.collect(), held: script.held }
    }
}

fn chunks(events: usize) -> Vec<String> {
    let chunk = |choices: String, usage: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\
             \"created\":1767225600,\"model\":\"gpt-4o-mini-2024-07-18\",\
             \"service_tier\":\"default\",\"system_fingerprint\":\"fp_1\",\
             \"choices\":[{choices}]{usage}}}\n\n"
        )
    };
    let choice = |delta: &str, reason: &str| {
        format!("{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{reason}}}")
    };
    let mut all = vec![chunk(choice("{\"role\":\"assistant\",\"content\":\"\"}", "null"), "")];
    all.extend((0..events).map(|_| chunk(choice("{\"content\":\" token\"}", "null"), "")));
    all.push(chunk(choice("{}", "\"stop\""), ""));
    let usage = format!(
        ",\"usage\":{{\"prompt_tokens\":120,\"completion_tokens\":{events},\"total_tokens\":{}}}",
        120 + events
    );
    all.push(chunk(String::new(), &usage));
    all.push("data: [DONE]\n\n".to_owned());
    all
}

impl Service<HttpRequestFactory> for Canned {
    type Response = Response;
    type Error = OpenAIError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, OpenAIError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), OpenAIError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequestFactory) -> Self::Future {
        let (reads, held) = (Arc::clone(&self.reads), self.held);
        Box::pin(async move {
            request.build().await?;
            let body = reqwest::Body::wrap(Reads { reads, next: 0, held });
            let mut response = http::Response::new(body);
            for (name, value) in HEADERS {
                let value = http::HeaderValue::from_static(value);
                response.headers_mut().insert(http::HeaderName::from_static(name), value);
            }
            Ok(response.into())
        })
    }
}

struct Reads {
    reads: Arc<[Bytes]>,
    next: usize,
    held: bool,
}

impl Body for Reads {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let read = self.reads.get(self.next).cloned();
        self.next += 1;
        if read.is_none() && self.held {
            return Poll::Pending;
        }
        Poll::Ready(read.map(|read| Ok(Frame::data(read))))
    }
}

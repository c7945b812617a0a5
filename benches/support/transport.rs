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

/// Answers each request with the same reads.
#[derive(Clone, Debug)]
pub struct Canned {
    reads: Arc<[Bytes]>,
}

impl Canned {
    /// A chat stream of `events` tokens, each event in a read of its own.
    pub fn stream(events: usize) -> Self {
        Self { reads: chunks(events).into_iter().map(Bytes::from).collect() }
    }

    /// The same stream, with `per_read` events in each read.
    pub fn stream_in_reads_of(events: usize, per_read: usize) -> Self {
        let chunks = chunks(events);
        Self { reads: chunks.chunks(per_read).map(|c| Bytes::from(c.concat())).collect() }
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
        let reads = Arc::clone(&self.reads);
        Box::pin(async move {
            request.build().await?;
            let body = reqwest::Body::wrap(Reads { reads, next: 0 });
            let mut response = http::Response::new(body);
            let json = http::HeaderValue::from_static("text/event-stream");
            response.headers_mut().insert(http::header::CONTENT_TYPE, json);
            Ok(response.into())
        })
    }
}

struct Reads {
    reads: Arc<[Bytes]>,
    next: usize,
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
        Poll::Ready(read.map(|read| Ok(Frame::data(read))))
    }
}

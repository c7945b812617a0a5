//! One HTTP request of a call.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_openai::middleware::HttpRequestFactory;
use llmobs_http::reqwest::{classify, with_body};
use llmobs_http::{TapBody, tap_headers};
use pin_project_lite::pin_project;
use reqwest::Response;
use tower::Service;

use super::hand_over::{self, InHand};
use crate::check::{Layer, probed};
use crate::usage::{Unasked, readable};

/// Observes single HTTP requests; goes right around the transport, inside the retries.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttemptLayer;

impl AttemptLayer {
    /// The layer.
    pub fn new() -> Self {
        Self
    }
}

impl<S> tower::Layer<S> for AttemptLayer {
    type Service = AttemptService<S>;

    fn layer(&self, inner: S) -> AttemptService<S> {
        AttemptService { inner }
    }
}

/// What [`AttemptLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct AttemptService<S> {
    inner: S,
}

impl<S> Service<HttpRequestFactory> for AttemptService<S>
where
    S: Service<HttpRequestFactory, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = AttemptFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: HttpRequestFactory) -> Self::Future {
        let probe = probed(Layer::Attempt);
        AttemptFuture { inner: self.inner.call(request), attempt: None, probe }
    }
}

pin_project! {
    /// The future of [`AttemptService`].
    pub struct AttemptFuture<F> {
        #[pin]
        inner: F,
        attempt: Option<InHand>,
        // A probe goes no further than this.
        probe: bool,
    }
}

impl<F, E> Future for AttemptFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if *this.probe {
            return Poll::Pending;
        }
        let (polled, left) = hand_over::during(|| this.inner.poll(cx));
        if left.is_some() {
            *this.attempt = left;
        }
        match (std::task::ready!(polled), this.attempt.take()) {
            (Ok(response), Some(attempt)) => Poll::Ready(Ok(tapped(response, attempt))),
            (result, _) => Poll::Ready(result),
        }
    }
}

impl<F> fmt::Debug for AttemptFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptFuture").field("attempt", &self.attempt).finish_non_exhaustive()
    }
}

/// The response with a tap on its body, and otherwise as it would be without us.
fn tapped(response: Response, attempt: InHand) -> Response {
    let InHand { attempt, unasked } = attempt;
    with_body(response, |parts, body| {
        let tap = tap_headers(attempt, parts.status, &parts.headers);
        let body = TapBody::new(body, tap, classify);
        if unasked > 0 && readable(parts.status, &parts.headers) {
            // It counts the event that is about to be taken out.
            parts.headers.remove(http::header::CONTENT_LENGTH);
            reqwest::Body::wrap(Unasked::new(body, unasked))
        } else {
            reqwest::Body::wrap(body)
        }
    })
}

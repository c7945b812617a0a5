//! What the call layer reads off a request before it is sent.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use bytes::Bytes;
use http_body::Body as _;
use llmobs_core::{Call, CallRef, CallStart, Recorder, Target, UsagePolicy};
use reqwest::{Body, Request};

use super::hand_over::{self, InHand};
use crate::usage;

/// Begins to observe the call that `request` is the first attempt of.
pub(super) fn open(recorder: &Recorder, request: &mut Request) -> Option<Call> {
    let body = body(request);
    let url = request.url();
    recorder.call(CallStart {
        target: Target {
            method: request.method().as_str(),
            host: url.host_str()?,
            port: url.port_or_known_default(),
            path: url.path(),
        },
        body,
        body_len: None,
    })
}

/// The request's body, by reference; `None` when it is a stream.
fn body(request: &mut Request) -> Option<Bytes> {
    let body = request.body_mut().as_mut()?;
    body.as_bytes()?;
    // Reusable bodies are `Bytes` inside, and reading one gives them away without a copy.
    let mut taken = std::mem::take(body);
    let mut cx = Context::from_waker(Waker::noop());
    let bytes = match Pin::new(&mut taken).poll_frame(&mut cx) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    };
    *body = Body::from(bytes.clone());
    Some(bytes)
}

/// A factory that hands `first` out once, and builds anew for each retry, so that a request is built
/// as often as without us; each time it asks for usage as `policy` has it, and says to the attempt
/// layer whose attempt it is.
pub(super) fn factory(
    first: Request,
    rebuild: HttpRequestFactory,
    call: Option<CallRef>,
    policy: UsagePolicy,
) -> HttpRequestFactory {
    let first = Mutex::new(Some(first));
    HttpRequestFactory::new(move || {
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (rebuild, call) = (rebuild.clone(), call.clone());
        async move {
            let mut request = match first {
                Some(request) => request,
                None => rebuild.build().await?,
            };
            let Some(call) = call else { return Ok(request) };
            let unasked =
                if hand_over::is_awaited() { usage::ask(policy, &mut request) } else { 0 };
            let attempt = call.attempt();
            if unasked > 0 {
                attempt.usage_injected();
            }
            hand_over::leave(InHand { attempt, unasked });
            Ok(request)
        }
    })
}

/// Builds the request when that takes no waiting, as for every JSON body.
pub(super) fn build_now(factory: &HttpRequestFactory) -> Option<Result<Request, OpenAIError>> {
    let mut cx = Context::from_waker(Waker::noop());
    match std::pin::pin!(factory.build()).poll(&mut cx) {
        Poll::Ready(built) => Some(built),
        Poll::Pending => None,
    }
}

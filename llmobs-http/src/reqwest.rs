//! What adapters for `reqwest` share.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Extensions;
use http::response::Parts;
use http_body::Body as _;
use llmobs_core::{Call, CallRef, CallStart, Recorder, Target, TransportError};
use reqwest::{Body, Request, Response, ResponseBuilderExt};

use crate::request_body::{RequestBody, opened, tap_of};

/// Begins to observe the call that `request` is, with its body if that is in memory; `None` when
/// there is nothing to observe.
pub fn open(recorder: &Recorder, request: &mut Request) -> Option<Call> {
    begin(request, |start| recorder.call(start))
}

/// The same for a client that speaks to nothing but model providers, as
/// [`Recorder::call_to_provider`] has it.
pub fn open_to_provider(recorder: &Recorder, request: &mut Request) -> Option<Call> {
    begin(request, |start| recorder.call_to_provider(start))
}

fn begin(request: &mut Request, call: impl FnOnce(CallStart<'_>) -> Option<Call>) -> Option<Call> {
    let body = in_memory(request);
    let url = request.url();
    let target = Target {
        method: request.method().as_str(),
        host: url.host_str()?,
        port: url.port_or_known_default(),
        path: url.path(),
    };
    opened(target, request.headers(), body, call)
}

/// Puts a tap on a request's body that is a stream, unless its length is all that is wanted and is
/// told already.
pub fn watch(request: &mut Request, call: &CallRef) {
    if request.body().is_none_or(|body| body.as_bytes().is_some()) {
        return;
    }
    let tap = tap_of(request.headers(), call);
    if let (Some(tap), Some(body)) = (tap, request.body_mut()) {
        let inner = std::mem::take(body);
        *body = Body::wrap(RequestBody::new(inner, tap));
    }
}

/// A request's body, by reference; `None` when it is a stream.
pub fn in_memory(request: &mut Request) -> Option<Bytes> {
    let Some(body) = request.body_mut() else { return Some(Bytes::new()) };
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

thread_local! {
    /// An empty map that has had room for one entry.
    static SPARE: Cell<Option<Extensions>> = const { Cell::new(None) };
}

/// The response with another body, made of its own by `wrap`, and otherwise as it was.
pub fn with_body(response: Response, wrap: impl FnOnce(&mut Parts, Body) -> Body) -> Response {
    let url = response.url().clone();
    let response: http::Response<Body> = response.into();
    let (mut parts, body) = response.into_parts();
    let body = wrap(&mut parts, body);
    // A response that goes through `http::Response` loses its URL unless an extension says it. The
    // map for that one is used again: its own would take two allocations for each answer.
    let mut carrier = http::Response::builder();
    let spare = SPARE.try_with(Cell::take).ok().flatten();
    if let Some((spare, room)) = spare.zip(carrier.extensions_mut()) {
        *room = spare;
    }
    let carrier = carrier.url(url).body(()).map(|carrier| carrier.into_parts().0.extensions);
    let own = std::mem::replace(&mut parts.extensions, carrier.unwrap_or_default());
    let mut response = Response::from(http::Response::from_parts(parts, body));
    let mut spare = std::mem::replace(response.extensions_mut(), own);
    spare.clear();
    let _ = SPARE.try_with(|place| place.set(Some(spare)));
    response
}

/// What kind of failure an error is. Its text is never looked at: it may quote content.
pub fn classify(err: &reqwest::Error) -> TransportError {
    if err.is_timeout() {
        TransportError::Timeout
    } else if err.is_connect() {
        TransportError::Connect
    } else if err.is_builder() {
        TransportError::Request
    } else {
        TransportError::Broken
    }
}

//! A request body with a tap on it.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use llmobs_core::{Call, CallRef, CallStart, RequestTap, Target, is_binary};
use pin_project_lite::pin_project;

pin_project! {
    /// A body that notes what is sent of it.
    ///
    /// Frames, trailers, errors, the size hint and the end are the inner body's own. Nothing is read
    /// before the transport asks for it.
    pub struct RequestBody<B> {
        #[pin]
        inner: B,
        tap: Option<RequestTap>,
    }
}

impl<B: Body> RequestBody<B> {
    /// Puts `tap` on a body.
    pub fn new(inner: B, mut tap: RequestTap) -> Self {
        // A transport that sees that there is nothing to send does not ask for it.
        if inner.is_end_stream() {
            tap.end();
        }
        Self { inner, tap: Some(tap) }
    }

    /// A body that nobody watches.
    pub fn plain(inner: B) -> Self {
        Self { inner, tap: None }
    }
}

impl<B: Body<Data = Bytes>> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let mut inner = this.inner;
        let polled = std::task::ready!(inner.as_mut().poll_frame(cx));
        if let Some(tap) = this.tap {
            match &polled {
                Some(Ok(frame)) => {
                    if let Some(bytes) = frame.data_ref() {
                        tap.data(bytes);
                    }
                    // A transport that knows the length does not come back for the end.
                    if inner.is_end_stream() {
                        tap.end();
                    }
                }
                Some(Err(_)) => *this.tap = None,
                None => tap.end(),
            }
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").field("tap", &self.tap).finish_non_exhaustive()
    }
}

/// Begins a call with what is known of the request's body. One that is no text is counted, not read.
pub(crate) fn opened(
    target: Target<'_>,
    headers: &HeaderMap,
    body: Option<Bytes>,
    call: impl FnOnce(CallStart<'_>) -> Option<Call>,
) -> Option<Call> {
    let counts = is_counted(headers);
    let len = match &body {
        Some(body) => Some(body.len() as u64),
        None => content_length(headers),
    };
    let body = body.filter(|_| !counts);
    let call = call(CallStart { target, body, body_len: None })?;
    if let Some(len) = len.filter(|_| counts) {
        call.handle().request_len(len);
    }
    Some(call)
}

/// The tap for a body that is not in memory; `None` where all that is wanted was told already.
pub(crate) fn tap_of(headers: &HeaderMap, call: &CallRef) -> Option<RequestTap> {
    if !is_counted(headers) {
        return Some(call.request());
    }
    content_length(headers).is_none().then(|| call.request_counted())
}

fn is_counted(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(is_binary)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The bytes of a body that is in memory, by reference.
pub(crate) fn in_memory<B: 'static>(body: &B) -> Option<Bytes> {
    let mut full = (body as &dyn Any).downcast_ref::<Full<Bytes>>()?.clone();
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(&mut full).poll_frame(&mut cx) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
        _ => Some(Bytes::new()),
    }
}

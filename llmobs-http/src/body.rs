//! A response body with a tap on it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use llmobs_core::{Attempt, BodyEnd, Tap, TransportError};
use pin_project_lite::pin_project;

pin_project! {
    /// A body that notes what passes, and when.
    ///
    /// Frames, trailers, errors, the size hint and the end are the inner body's own. The call ends
    /// with the body: when it says that it has ended, when it fails, or when it is dropped before.
    pub struct TapBody<B: Body> {
        #[pin]
        inner: B,
        tap: Option<Tap>,
        classify: fn(&B::Error) -> TransportError,
    }

    impl<B: Body> PinnedDrop for TapBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // The end may have become known between two questions, ours and that of a reader who then left.
            if let Some(tap) = this.tap && !std::thread::panicking() && this.inner.is_end_stream() {
                tap.end(BodyEnd::Complete);
            }
        }
    }
}

impl<B: Body> TapBody<B> {
    /// Puts `tap` on a body; `classify` tells what kind of failure an error of the body is.
    pub fn new(inner: B, mut tap: Tap, classify: fn(&B::Error) -> TransportError) -> Self {
        // A reader that sees that nothing will come does not ask for it.
        if inner.is_end_stream() {
            tap.end(BodyEnd::Complete);
        }
        Self { inner, tap: Some(tap), classify }
    }

    /// A body that nobody watches.
    pub fn plain(inner: B) -> Self {
        Self { inner, tap: None, classify: |_| TransportError::Other }
    }
}

impl<B: Body<Data = Bytes>> Body for TapBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let polled = this.inner.as_mut().poll_frame(cx);
        // By reference: a frame has room for trailers, and is not to be moved once more.
        if let Poll::Ready(ready) = &polled
            && let Some(tap) = this.tap
        {
            match ready {
                Some(Ok(frame)) => {
                    if let Some(bytes) = frame.data_ref() {
                        tap.data(bytes);
                    }
                    // A reader that knows the length does not come back for the end.
                    if this.inner.is_end_stream() {
                        tap.end(BodyEnd::Complete);
                    }
                }
                Some(Err(err)) => tap.end(BodyEnd::Failed((this.classify)(err))),
                None => tap.end(BodyEnd::Complete),
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Body> fmt::Debug for TapBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TapBody").field("tap", &self.tap).finish_non_exhaustive()
    }
}

/// Opens the tap on the answer to `attempt`.
pub fn tap_headers(attempt: Attempt, status: http::StatusCode, headers: &HeaderMap) -> Tap {
    let lines = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    attempt.headers(status.as_u16(), lines)
}

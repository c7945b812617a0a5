//! The future that opens a stream.

use std::any::{Any, type_name};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::watch::Watch;
use super::{ObservedStream, StreamObserver, StreamStart, own};
use crate::call::{Call, CallShared, Ending, Reading, Slot, TransportError};
use crate::contain::contained;
use crate::queue::lock;
use crate::record::Term;
use crate::recorder::Recorder;
use crate::time::Timestamp;

/// Observes a stream where it is read, together with the call that opens it.
///
/// Where that call goes through an observed client, the two make one record: the wire's, with its
/// times and its outcome, and what only the reader shows beside it, in
/// [`consumer`](crate::Record::consumer). It is written when both the wire and the reader have
/// ended. Of several calls that `opening` makes, such as another model's after one has failed, the
/// last one is the stream's.
///
/// Where no observed call is seen inside `opening`, the reader opens its own, as
/// [`observe_stream`](super::observe_stream) does. A call is not seen when it is made on another
/// task: spawn around this, not inside.
///
/// The parent, and the recorder, are those that are current when this is first polled.
pub fn observe_opening<F, S, E, O>(opening: F, observer: O) -> ObservedOpening<F, O>
where
    F: Future<Output = Result<S, E>>,
    S: Stream,
    E: Any,
    O: StreamObserver<S::Item>,
{
    ObservedOpening { opening, observer: Some(observer), polled: false, pending: None }
}

pin_project! {
    /// The future of [`observe_opening`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ObservedOpening<F, O> {
        #[pin]
        opening: F,
        observer: Option<O>,
        polled: bool,
        // Ends the call of its own when it is dropped.
        pending: Option<Pending>,
    }
}

impl<F, S, E, O> Future for ObservedOpening<F, O>
where
    F: Future<Output = Result<S, E>>,
    S: Stream,
    E: Any,
    O: StreamObserver<S::Item>,
{
    type Output = Result<ObservedStream<S, O>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if !std::mem::replace(this.polled, true) {
            *this.pending =
                this.observer.as_ref().and_then(|observer| Pending::new(|| observer.start()));
        }
        let opened = match this.pending {
            None => ready!(this.opening.poll(cx)),
            Some(pending) => ready!(pending.poll(|| this.opening.poll(cx))),
        };
        let pending = this.pending.take();
        Poll::Ready(match opened {
            Ok(stream) => {
                let watch = pending.and_then(Pending::opened);
                Ok(ObservedStream { stream, observer: this.observer.take(), watch })
            }
            Err(err) => {
                if let Some(pending) = pending {
                    let named = this.observer.as_ref();
                    pending.failed(|| {
                        let named = named.and_then(|o| contained(|| o.error_type(&err))?);
                        named.unwrap_or_else(|| type_name::<E>().into())
                    });
                }
                Err(err)
            }
        })
    }
}

/// An opening under way.
struct Pending {
    recorder: Recorder,
    start: StreamStart,
    slot: Slot,
    /// When it was first polled; taken by whoever tells of it.
    began: Option<(Timestamp, u64)>,
}

impl Pending {
    fn new(start: impl FnOnce() -> StreamStart) -> Option<Self> {
        let recorder = Recorder::current().filter(Recorder::is_enabled)?;
        let start = contained(start).unwrap_or_default();
        let route = start.format.and_then(|_| recorder.route(&start.target(), false));
        let slot = Slot::new(route.map_or("", |(_, route)| route.api));
        let began = Some((recorder.now(), recorder.elapsed()));
        Some(Self { recorder, start, slot, began })
    }

    fn poll<R>(&mut self, poll: impl FnOnce() -> R) -> R {
        self.slot.during(poll)
    }

    /// The call below that answered, if one was seen.
    fn call(&mut self) -> Option<Arc<CallShared>> {
        let call = self.slot.take()?;
        let ended = lock(&call.state).ended.map(|(ending, _)| ending);
        if matches!(ended, Some(Ending::Error(_) | Ending::Dropped)) {
            // Somebody else's stream is read.
            call.unread();
            return None;
        }
        Some(call)
    }

    fn own(&mut self) -> Option<Call> {
        let began = self.began.take()?;
        let start = std::mem::take(&mut self.start);
        own::open(&self.recorder, start, Some(began)).map(|(call, _)| call)
    }

    fn opened(mut self) -> Option<Watch> {
        if let Some(call) = self.call() {
            self.began = None;
            return Some(Watch::wire(call));
        }
        let began = self.began.take();
        Watch::own(&self.recorder, std::mem::take(&mut self.start), began)
    }

    fn failed(mut self, error: impl FnOnce() -> Term) {
        if let Some(call) = self.slot.take() {
            // It has told why itself, unless it answered and what came after failed.
            self.began = None;
            return call.unread();
        }
        if let Some(call) = self.own() {
            let error = Some(error());
            own::told(&call.shared(), Reading { error, ..Reading::default() });
            call.failed(TransportError::Other);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(call) = self.slot.take() {
            return call.unread();
        }
        // Nobody waited for the answer.
        drop(self.own());
    }
}

impl<F, O> fmt::Debug for ObservedOpening<F, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedOpening")
            .field("pending", &self.pending.is_some())
            .finish_non_exhaustive()
    }
}

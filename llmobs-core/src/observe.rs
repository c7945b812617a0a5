//! Streams of typed items, seen where the application reads them.

mod notes;
mod opening;
mod own;
mod start;
mod watch;

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;

pub use self::notes::Notes;
pub use self::opening::{ObservedOpening, observe_opening};
pub use self::start::StreamStart;
use self::watch::Watch;
use crate::contain::contained;
use crate::record::{ConsumerEnd, Term};
use crate::recorder::Recorder;

/// Says what the items of a stream are.
///
/// An object of its own, since neither the type of the items nor this trait need be of your crate.
/// A closure is one, too:
///
/// ```
/// # use std::pin::pin;
/// # use std::task::{Context, Poll, Waker};
/// # use futures_core::Stream;
/// use llmobs_core::testing::Recording;
/// use llmobs_core::{Notes, observe_stream};
///
/// struct Said(String);
///
/// fn observed(stream: impl Stream<Item = Said>) -> impl Stream<Item = Said> {
///     observe_stream(stream, |item: &Said, notes: &mut Notes<'_>| {
///         if !item.0.is_empty() {
///             notes.output();
///         }
///     })
/// }
/// # struct Once(Option<Said>);
/// # impl Stream for Once {
/// #     type Item = Said;
/// #     fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Said>> {
/// #         Poll::Ready(self.0.take())
/// #     }
/// # }
/// # let recording = Recording::new();
/// # recording.scope().run_sync(|| {
/// #     let mut stream = pin!(observed(Once(Some(Said("hello".into())))));
/// #     let mut cx = Context::from_waker(Waker::noop());
/// #     while let Poll::Ready(Some(_)) = stream.as_mut().poll_next(&mut cx) {}
/// # });
/// assert_eq!(recording.observed().only().consumer.as_ref().and_then(|c| c.items), Some(1));
/// ```
///
/// It runs on the reader's task, before the application gets the item, so it should remember and not
/// compute. One that panics is not asked again, and hurts nobody.
pub trait StreamObserver<T> {
    /// What the stream is, asked once and before it is read. Defaults to a chat of nobody known.
    fn start(&self) -> StreamStart {
        StreamStart::default()
    }

    /// The type of an error that the stream could not be opened with. Defaults to the Rust type's
    /// name.
    fn error_type(&self, error: &dyn Any) -> Option<Term> {
        let _ = error;
        None
    }

    /// Looks at an item.
    fn item(&mut self, item: &T, notes: &mut Notes<'_>);
}

impl<T, F: FnMut(&T, &mut Notes<'_>)> StreamObserver<T> for F {
    fn item(&mut self, item: &T, notes: &mut Notes<'_>) {
        self(item, notes);
    }
}

/// Observes a stream where it is read, as a call of its own.
///
/// It is for streams whose call no observer sees: another crate's client, a mock, an older
/// async-openai. The record is made of what `observer` says; its times are the reader's, which
/// `latency.clock` says too. It ends with the stream, or when the stream is dropped.
///
/// A stream whose call is observed is opened inside [`observe_opening`], so that both are one
/// record. A lazy one, which makes its call when it is first polled, is one record here as well:
/// the call is then not observed below.
///
/// The parent, and the recorder, are those that are current here.
pub fn observe_stream<S, O>(stream: S, observer: O) -> ObservedStream<S, O>
where
    S: Stream,
    O: StreamObserver<S::Item>,
{
    let watch = Recorder::current().filter(Recorder::is_enabled).and_then(|recorder| {
        let start = contained(|| observer.start()).unwrap_or_default();
        Watch::own(&recorder, start, None)
    });
    ObservedStream { stream, observer: Some(observer), watch }
}

pin_project! {
    /// A stream that is observed where it is read; its items are those of the stream inside.
    #[must_use = "streams do nothing unless polled"]
    pub struct ObservedStream<S, O> {
        #[pin]
        stream: S,
        observer: Option<O>,
        // Ends the reading when it is dropped.
        watch: Option<Watch>,
    }
}

impl<S, O> Stream for ObservedStream<S, O>
where
    S: Stream,
    O: StreamObserver<S::Item>,
{
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let Some(watch) = this.watch else { return this.stream.poll_next(cx) };
        let away = watch.asked();
        let polled = watch.inside(|| this.stream.poll_next(cx));
        match &polled {
            Poll::Ready(Some(item)) => watch.given(away, |notes| {
                if let Some(observer) = this.observer {
                    observer.item(item, notes);
                }
            }),
            Poll::Ready(None) => {
                watch.end(ConsumerEnd::Completed);
                *this.watch = None;
            }
            Poll::Pending => {}
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

impl<S, O> fmt::Debug for ObservedStream<S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedStream").field("watch", &self.watch).finish_non_exhaustive()
    }
}

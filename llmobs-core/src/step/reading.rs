//! Steps that last until what they gave back has been read.

use std::fmt;
use std::iter::FusedIterator;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use pin_project_lite::pin_project;

use super::Step;
use crate::record::Outcome;

pin_project! {
    /// A stream inside a [`Step`], which ends with it.
    #[must_use = "streams do nothing unless polled"]
    pub struct StreamInStep<S: Stream> {
        #[pin]
        stream: S,
        step: Step,
        note: fn(&S::Item, &mut Step),
    }
}

/// An iterator inside a [`Step`], which ends with it.
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct IterInStep<I: Iterator> {
    iter: I,
    step: Step,
    note: fn(&I::Item, &mut Step),
}

impl Step {
    /// Puts a stream inside the step: the step ends when the stream does, and each poll runs inside
    /// it. A stream that is dropped before its end is recorded as dropped. Items are counted.
    pub fn stream<S: Stream>(self, stream: S) -> StreamInStep<S> {
        self.stream_with(stream, |_, _| {})
    }

    /// Puts an iterator inside the step, in the same way.
    pub fn iter<I: IntoIterator>(self, iter: I) -> IterInStep<I::IntoIter> {
        self.iter_with(iter.into_iter(), |_, _| {})
    }

    pub(crate) fn stream_with<S: Stream>(
        mut self,
        stream: S,
        note: fn(&S::Item, &mut Self),
    ) -> StreamInStep<S> {
        self.reads();
        StreamInStep { stream, step: self, note }
    }

    pub(crate) fn iter_with<I: Iterator>(
        mut self,
        iter: I,
        note: fn(&I::Item, &mut Self),
    ) -> IterInStep<I> {
        self.reads();
        IterInStep { iter, step: self, note }
    }

    fn reads(&mut self) {
        if let Some(open) = &mut self.open {
            open.items = Some(0);
        }
    }

    /// Runs one step of reading inside; a panic of it fails the step.
    fn read<R>(&mut self, read: impl FnOnce() -> R) -> R {
        let reading = Reading { unwinding: std::thread::panicking(), step: self };
        reading.step.run_sync(read)
    }

    fn item<T>(&mut self, item: &T, note: fn(&T, &mut Self)) {
        if let Some(open) = &mut self.open {
            open.items = Some(open.items.unwrap_or(0) + 1);
            note(item, self);
        }
    }
}

/// Ends the step when what it reads panics: whoever catches that may keep the rest for long.
struct Reading<'s> {
    unwinding: bool,
    step: &'s mut Step,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if !self.unwinding && std::thread::panicking() {
            self.step.fail("panic");
            self.step.close(Outcome::Dropped);
        }
    }
}

impl<S: Stream> Stream for StreamInStep<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let polled = this.step.read(|| this.stream.poll_next(cx));
        match &polled {
            Poll::Ready(Some(item)) => this.step.item(item, *this.note),
            Poll::Ready(None) => this.step.close(Outcome::Completed),
            Poll::Pending => {}
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}

impl<S: FusedStream> FusedStream for StreamInStep<S> {
    fn is_terminated(&self) -> bool {
        self.stream.is_terminated()
    }
}

impl<I: Iterator> IterInStep<I> {
    fn read(&mut self, next: impl FnOnce(&mut I) -> Option<I::Item>) -> Option<I::Item> {
        let iter = &mut self.iter;
        let item = self.step.read(|| next(iter));
        match &item {
            Some(item) => self.step.item(item, self.note),
            None => self.step.close(Outcome::Completed),
        }
        item
    }
}

impl<I: Iterator> Iterator for IterInStep<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.read(Iterator::next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.iter.size_hint()
    }
}

impl<I: DoubleEndedIterator> DoubleEndedIterator for IterInStep<I> {
    fn next_back(&mut self) -> Option<I::Item> {
        self.read(DoubleEndedIterator::next_back)
    }
}

impl<I: ExactSizeIterator> ExactSizeIterator for IterInStep<I> {
    fn len(&self) -> usize {
        self.iter.len()
    }
}

impl<I: FusedIterator> FusedIterator for IterInStep<I> {}

impl<S: Stream + Clone> Clone for StreamInStep<S> {
    /// The clone is not observed: one step, one reading.
    fn clone(&self) -> Self {
        Self { stream: self.stream.clone(), step: Step { open: None }, note: self.note }
    }
}

impl<I: Iterator + Clone> Clone for IterInStep<I> {
    /// The clone is not observed: one step, one reading.
    fn clone(&self) -> Self {
        Self { iter: self.iter.clone(), step: Step { open: None }, note: self.note }
    }
}

impl<S: Stream> fmt::Debug for StreamInStep<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamInStep").field("step", &self.step).finish_non_exhaustive()
    }
}

impl<I: Iterator> fmt::Debug for IterInStep<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IterInStep").field("step", &self.step).finish_non_exhaustive()
    }
}

//! Waiting for a flush in a task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::flush::{FlushRequest, Flushed};
use crate::alarm::{Alarm, Ringing};

/// [`FlushRequest::wait`] for tasks: it needs no runtime, and no timer of one.
#[derive(Debug)]
#[must_use = "nobody waits until it is awaited"]
pub(crate) struct Waiting {
    request: Arc<FlushRequest>,
    number: Option<u64>,
    until: Option<Instant>,
    alarm: Alarm,
    ringing: Option<Ringing>,
}

impl Waiting {
    pub(crate) fn new(request: Arc<FlushRequest>, until: Option<Instant>, alarm: Alarm) -> Self {
        Self { request, number: None, until, alarm, ringing: None }
    }
}

impl Future for Waiting {
    type Output = Option<Flushed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Flushed>> {
        let this = self.get_mut();
        if let Poll::Ready(flushed) = this.request.poll(&mut this.number, cx.waker()) {
            return Poll::Ready(Some(flushed));
        }
        let Some(until) = this.until else { return Poll::Pending };
        if until <= Instant::now() {
            return Poll::Ready(None);
        }
        this.ringing = this.alarm.set(until, cx.waker());
        // Without a thread for the alarm nobody would end the wait: it is over now.
        if this.ringing.is_some() { Poll::Pending } else { Poll::Ready(None) }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.request.forget(number);
        }
    }
}

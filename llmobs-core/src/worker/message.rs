//! What callers send to the worker.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::call::{CallShared, Ending};
use crate::id::TraceId;
#[cfg(feature = "layer")]
use crate::layer::SpanEnd;
use crate::loss::LossCause;
use crate::queue::{BUFFER, lock};
use crate::record::Record;
use crate::recorder::Recorder;
use crate::step::OpenStep;

/// One item of the queue.
pub(crate) enum Message {
    CallOpened(Arc<CallShared>),
    Piece {
        call: Arc<CallShared>,
        attempt: u32,
        buffer: Vec<u8>,
    },
    Large {
        call: Arc<CallShared>,
        attempt: u32,
        at: u64,
        bytes: Bytes,
    },
    CallEnded(Arc<CallShared>),
    StepEnded(Box<OpenStep>),
    #[cfg(feature = "layer")]
    SpanEnded(Box<SpanEnd>),
    Record(Box<Record>),
    /// A trace is over whose root is not recorded here.
    TraceEnded(TraceId),
    /// Content is forbidden: what is held of it goes.
    Forget,
    Flush(Arc<FlushRequest>),
}

impl Message {
    /// Settles the account of a message nobody will read.
    pub(crate) fn discard(self, recorder: &Recorder) {
        match self {
            Self::StepEnded(_) | Self::Record(_) => {
                recorder.shared().counts.lost.add(LossCause::ShutDown, 1);
                recorder.queue().release();
            }
            #[cfg(feature = "layer")]
            Self::SpanEnded(end) => {
                // Room was set aside where nobody else has taken it.
                if end.fields.is_some() {
                    recorder.shared().counts.lost.add(LossCause::ShutDown, 1);
                    recorder.queue().release();
                }
            }
            Self::CallOpened(call) => {
                // From here on nothing about this call is sent.
                let mut state = lock(&call.state);
                state.ended = Some((Ending::Unfinished, call.issued));
                let request = state.request.take();
                drop(state);
                if let Some(request) = request {
                    request.release(recorder);
                }
                recorder.shared().counts.lost.add(LossCause::ShutDown, 1);
                recorder.queue().release();
            }
            // The worker ends every call it has seen the beginning of.
            Self::CallEnded(_) | Self::TraceEnded(_) | Self::Forget => {}
            Self::Piece { .. } => recorder.queue().release_bytes(BUFFER),
            Self::Large { bytes, .. } => recorder.queue().release_bytes(bytes.len()),
            Self::Flush(request) => request.expect(0),
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CallOpened(_) => "CallOpened",
            Self::Piece { .. } => "Piece",
            Self::Large { .. } => "Large",
            Self::CallEnded(_) => "CallEnded",
            Self::StepEnded(_) => "StepEnded",
            #[cfg(feature = "layer")]
            Self::SpanEnded(_) => "SpanEnded",
            Self::Record(_) => "Record",
            Self::TraceEnded(_) => "TraceEnded",
            Self::Forget => "Forget",
            Self::Flush(_) => "Flush",
        })
    }
}

/// Somebody waiting until all sinks, and the rules that report elsewhere, have flushed.
#[derive(Debug, Default)]
pub(crate) struct FlushRequest {
    state: Mutex<FlushState>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct FlushState {
    /// Those that have not answered; `None` until their number is known.
    left: Option<usize>,
    answers: Flushed,
}

/// What the sinks have answered to a flush.
#[derive(Debug, Default)]
pub(crate) struct Flushed {
    /// Names of those that have lost something, or could not make everything durable.
    pub(crate) failed: Vec<String>,
    /// Some sink is down, and records wait for it.
    pub(crate) waiting: bool,
}

impl FlushRequest {
    /// Sets how many will answer.
    pub(crate) fn expect(&self, answers: usize) {
        lock(&self.state).left = Some(answers);
        self.wake.notify_all();
    }

    /// One answer: the name of a sink or a rule when it failed, and whether records wait for it.
    pub(crate) fn done(&self, failed: Option<&String>, waiting: bool) {
        let mut state = lock(&self.state);
        state.left = state.left.map(|left| left.saturating_sub(1));
        state.answers.failed.extend(failed.cloned());
        state.answers.waiting |= waiting;
        drop(state);
        self.wake.notify_all();
    }

    /// Waits for all answers, however long they take.
    pub(crate) fn wait_long(&self) -> Vec<String> {
        let state = lock(&self.state);
        let waited = self.wake.wait_while(state, |state| state.left != Some(0));
        std::mem::take(&mut waited.unwrap_or_else(PoisonError::into_inner).answers.failed)
    }

    /// Waits for all answers; `None` when the time is over first.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<Flushed> {
        let state = lock(&self.state);
        let waited = self.wake.wait_timeout_while(state, timeout, |state| state.left != Some(0));
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        (!timeout.timed_out()).then(|| std::mem::take(&mut state.answers))
    }
}

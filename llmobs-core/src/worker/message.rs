//! What callers send to the worker.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::ask::Ask;
use crate::call::{CallShared, Ending};
use crate::id::TraceId;
#[cfg(feature = "layer")]
use crate::layer::SpanEnd;
use crate::loss::LossCause;
use crate::queue::{BUFFER, Urgency, lock};
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
    Record(Arc<Record>),
    /// A trace is over whose root is not recorded here.
    TraceEnded(TraceId),
    /// Content is forbidden: what is held of it goes.
    Forget,
    Flush(Ask),
    /// Somebody waits until nothing is open, for as long as they have patience.
    Idle(Ask),
}

impl Message {
    pub(crate) fn urgency(&self) -> Urgency {
        match self {
            // Nobody looks at a call before its end, and there is room for what comes of it until then.
            Self::Piece { .. } => Urgency::Whenever,
            Self::CallOpened(_)
            | Self::Large { .. }
            | Self::CallEnded(_)
            | Self::StepEnded(_)
            | Self::Record(_)
            | Self::TraceEnded(_) => Urgency::Soon,
            #[cfg(feature = "layer")]
            Self::SpanEnded(_) => Urgency::Soon,
            Self::Forget | Self::Flush(_) | Self::Idle(_) => Urgency::Now,
        }
    }

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
            // The worker ends every call it has seen the beginning of. Whoever waits is told.
            Self::CallEnded(_)
            | Self::TraceEnded(_)
            | Self::Forget
            | Self::Flush(_)
            | Self::Idle(_) => {}
            Self::Piece { .. } => recorder.queue().release_bytes(BUFFER),
            Self::Large { bytes, .. } => recorder.queue().release_bytes(bytes.len()),
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
            Self::Idle(_) => "Idle",
        })
    }
}

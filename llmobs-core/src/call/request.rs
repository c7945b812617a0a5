//! The body of a request, known at once or only when it has been sent.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use super::{CallRef, CallShared};
use crate::queue::lock;
use crate::recorder::Recorder;

/// Watches the body of one request as it is sent, for transports that do not have it in memory.
///
/// What passes is kept by reference, up to the limit for bodies, or only counted. A body that is not
/// sent to its end is not told of: nothing can be made of a part of it.
pub struct RequestTap {
    call: CallRef,
    kept: Option<Sent>,
    len: u64,
    counts: bool,
    ended: bool,
}

/// A request body and the room taken for it.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    parts: SmallVec<[Bytes; 1]>,
    reserved: usize,
}

impl CallRef {
    /// A tap for the request's body, when the call was begun without it. The first one that comes
    /// to its end counts.
    pub fn request(&self) -> RequestTap {
        self.tap(false)
    }

    /// The same for a body that is only counted, such as a form with files.
    pub fn request_counted(&self) -> RequestTap {
        self.tap(true)
    }

    /// Tells the length of a body that is only counted, where it is known beforehand.
    pub fn request_len(&self, len: u64) {
        let mut tap = self.tap(true);
        tap.len = len;
        tap.end();
    }

    fn tap(&self, counts: bool) -> RequestTap {
        let kept = (!counts).then(Sent::default);
        RequestTap { call: self.clone(), kept, len: 0, counts, ended: false }
    }
}

impl RequestTap {
    /// Takes the next bytes.
    pub fn data(&mut self, bytes: &Bytes) {
        if self.ended || bytes.is_empty() {
            return;
        }
        self.len += bytes.len() as u64;
        let recorder = &self.call.0.recorder;
        let fits = self.len <= recorder.shared().limits.body_bytes as u64;
        if let Some(kept) = &mut self.kept
            && !(fits && kept.push(bytes, recorder))
        {
            self.forget();
        }
    }

    /// The body was sent to its end; what is called after the first time changes nothing.
    pub fn end(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let mut state = lock(&self.call.0.state);
        if state.ended.is_none() && !state.request_told {
            state.request_told = true;
            (state.request, state.request_len) = (self.kept.take(), Some(self.len));
            state.request_counted = self.counts;
        }
        drop(state);
        self.forget();
    }

    fn forget(&mut self) {
        if let Some(kept) = self.kept.take() {
            kept.release(&self.call.0.recorder);
        }
    }
}

impl Drop for RequestTap {
    fn drop(&mut self) {
        self.forget();
    }
}

impl fmt::Debug for RequestTap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestTap").field("call", &self.call).finish_non_exhaustive()
    }
}

impl Sent {
    /// A body in memory; `None` when there is no room for it.
    pub(super) fn whole(body: Bytes, recorder: &Recorder) -> Option<Self> {
        let reserved = body.len();
        let room = recorder.queue().reserve_bytes(reserved);
        room.then(|| Self { parts: smallvec![body], reserved })
    }

    fn push(&mut self, bytes: &Bytes, recorder: &Recorder) -> bool {
        // Many small parts take more than their bytes.
        let len = bytes.len() + size_of::<Bytes>();
        if !recorder.queue().reserve_bytes(len) {
            return false;
        }
        self.reserved += len;
        self.parts.push(bytes.clone());
        true
    }

    /// The body in one piece.
    pub(crate) fn bytes(&self) -> Bytes {
        match self.parts.as_slice() {
            [body] => body.clone(),
            parts => parts.concat().into(),
        }
    }

    /// Gives the room back.
    pub(crate) fn release(self, recorder: &Recorder) {
        recorder.queue().release_bytes(self.reserved);
    }
}

impl CallShared {
    /// The request's body and its length, if they have been told since the last time, and whether
    /// only the length was wanted.
    pub(crate) fn take_request(self: &Arc<Self>) -> (Option<Sent>, Option<u64>, bool) {
        let mut state = lock(&self.state);
        (state.request.take(), state.request_len.take(), state.request_counted)
    }
}

//! Who reads the answer to a call, where that is seen.
//!
//! A typed stream knows nothing of the call below it. But the call begins inside the poll of the
//! future that opens the stream, on this very thread: whoever is polling it has left a slot here,
//! and the call takes its place in it.

use std::cell::RefCell;
use std::sync::Arc;

use super::CallShared;
use crate::queue::lock;
use crate::record::{ConsumerEnd, Record, Term};
use crate::worker::Message;

/// The reader of a call, as the call knows it.
#[derive(Debug, Default)]
pub(crate) enum Reader {
    /// Nobody's reading is seen.
    #[default]
    Unseen,
    /// The call's end waits for the reader's.
    Reading,
    Ended(Reading),
}

/// What was seen of a reading.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) items: u64,
    pub(crate) first_item: Option<u64>,
    /// Nanoseconds.
    pub(crate) stalled: u64,
    pub(crate) ended: u64,
    pub(crate) end: Option<ConsumerEnd>,
    /// Type of the first error.
    pub(crate) error: Option<Term>,
    pub(crate) observer_panicked: bool,
    /// What the observer told of the answer, where nobody else could.
    pub(crate) told: Option<Box<Record>>,
}

/// Where a call that begins finds its reader.
pub(crate) struct Slot {
    /// The only format that is expected; empty for any.
    api: &'static str,
    call: Option<Arc<CallShared>>,
}

thread_local! {
    static SLOT: RefCell<Option<Slot>> = const { RefCell::new(None) };
}

impl Slot {
    pub(crate) fn new(api: &'static str) -> Self {
        Self { api, call: None }
    }

    /// Runs a part of what opens the stream.
    pub(crate) fn during<R>(&mut self, run: impl FnOnce() -> R) -> R {
        let slot = Self { api: self.api, call: self.call.take() };
        let outer = replace(Some(slot));
        let _back = Back { slot: self, outer };
        run()
    }

    /// The call that the stream is the answer to, if one was seen.
    pub(crate) fn take(&mut self) -> Option<Arc<CallShared>> {
        self.call.take()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            call.unread();
        }
    }
}

/// Takes the slot back, also when what ran inside panics.
struct Back<'s> {
    slot: &'s mut Slot,
    outer: Option<Slot>,
}

impl Drop for Back<'_> {
    fn drop(&mut self) {
        if let Some(mut slot) = replace(self.outer.take()) {
            self.slot.call = slot.call.take();
        }
    }
}

fn replace(slot: Option<Slot>) -> Option<Slot> {
    // The value comes out before it is dropped, so nothing runs while this is borrowed.
    SLOT.try_with(|here| {
        here.try_borrow_mut().ok().map(|mut here| std::mem::replace(&mut *here, slot))
    })
    .ok()
    .flatten()
    .flatten()
}

/// Gives a call that begins to whoever opens a stream here. Of several, the last one is it: what
/// came before it was tried in vain.
pub(super) fn offer(call: &Arc<CallShared>) {
    let before = SLOT.try_with(|here| {
        let mut here = here.try_borrow_mut().ok()?;
        let slot = here.as_mut()?;
        if !slot.api.is_empty() && slot.api != call.route.api {
            return None;
        }
        lock(&call.state).reader = Reader::Reading;
        slot.call.replace(Arc::clone(call))
    });
    if let Some(before) = before.ok().flatten() {
        before.unread();
    }
}

impl CallShared {
    /// The reader has ended. What comes after the first time changes nothing.
    pub(crate) fn read(self: &Arc<Self>, reading: Reading) {
        self.reader(Reader::Ended(reading));
    }

    /// Nobody's reading will be seen.
    pub(crate) fn unread(self: &Arc<Self>) {
        self.reader(Reader::Unseen);
    }

    fn reader(self: &Arc<Self>, reader: Reader) {
        let mut state = lock(&self.state);
        if !matches!(state.reader, Reader::Reading) {
            return;
        }
        state.reader = reader;
        let ended = state.ended.is_some();
        drop(state);
        if ended {
            self.recorder.send(Message::CallEnded(Arc::clone(self)));
        }
    }
}

//! How an attempt learns which call it belongs to.
//!
//! A `reqwest::Request` has no room for a note, and tasks may change between the layers. But the
//! transport builds its request inside its own poll: the factory that the call layer made leaves
//! the attempt here as it builds, and the attempt layer, which is polling the transport at that
//! very moment on that very thread, takes it.

use std::cell::RefCell;

use llmobs_core::Attempt;

/// An attempt, and what its layer has to know of the request.
#[derive(Debug)]
pub(super) struct InHand {
    pub(super) attempt: Attempt,
    /// Events that only our question brings into the answer.
    pub(super) unasked: u32,
}

thread_local! {
    static IN_HAND: RefCell<Option<InHand>> = const { RefCell::new(None) };
}

/// Leaves an attempt for the layer that is polling the transport.
pub(super) fn leave(left: InHand) {
    let _ = IN_HAND.try_with(|in_hand| in_hand.replace(Some(left)));
}

/// Takes what was left, if anything was.
pub(super) fn take() -> Option<InHand> {
    IN_HAND.try_with(|in_hand| in_hand.take()).ok().flatten()
}

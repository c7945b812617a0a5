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

#[derive(Default)]
struct Hand {
    /// An attempt layer is polling the transport.
    awaited: bool,
    left: Option<InHand>,
}

thread_local! {
    static HAND: RefCell<Hand> = const { RefCell::new(Hand { awaited: false, left: None }) };
}

/// Whether there is a layer that takes what is left now. A request that is built for somebody else
/// must not be changed: nobody would change the answer back.
pub(super) fn is_awaited() -> bool {
    HAND.try_with(|hand| hand.borrow().awaited).unwrap_or_default()
}

/// Leaves an attempt for the layer that is polling the transport.
pub(super) fn leave(left: InHand) {
    let _ = HAND.try_with(|hand| hand.borrow_mut().left.replace(left));
}

/// Polls the transport, and takes what was left meanwhile, if anything was.
pub(super) fn during<T>(poll: impl FnOnce() -> T) -> (T, Option<InHand>) {
    // Whatever lies there was left for somebody who did not come.
    swap(Hand { awaited: true, left: None });
    // Puts the hand down when the transport panics, too.
    let down = Down;
    let polled = poll();
    let left = swap(Hand::default()).left;
    drop(down);
    (polled, left)
}

struct Down;

impl Drop for Down {
    fn drop(&mut self) {
        swap(Hand::default());
    }
}

fn swap(new: Hand) -> Hand {
    HAND.try_with(|hand| hand.replace(new)).unwrap_or_default()
}

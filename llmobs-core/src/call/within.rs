//! Which call's transport is running, so that observers on top of each other make one record.
//!
//! A request has no room for a note that every client would carry. But whatever sends it runs
//! inside the outer observer's poll, on this very thread.

use std::cell::RefCell;
use std::sync::Arc;

use super::CallShared;

thread_local! {
    static WITHIN: RefCell<Option<Arc<CallShared>>> = const { RefCell::new(None) };
}

/// Runs a part of a call's transport.
pub(crate) fn during<R>(call: &Arc<CallShared>, run: impl FnOnce() -> R) -> R {
    let _back = Back(replace(Some(Arc::clone(call))));
    run()
}

/// Whether this is inside the transport of a call that `same` says is the same one.
pub(super) fn is_within(same: impl FnOnce(&CallShared) -> bool) -> bool {
    let call = WITHIN.try_with(|within| within.try_borrow().ok()?.clone()).ok().flatten();
    call.is_some_and(|call| same(&call))
}

struct Back(Option<Arc<CallShared>>);

impl Drop for Back {
    fn drop(&mut self) {
        replace(self.0.take());
    }
}

fn replace(call: Option<Arc<CallShared>>) -> Option<Arc<CallShared>> {
    // The value comes out before it is dropped, so nothing runs while this is borrowed.
    WITHIN
        .try_with(|within| {
            within.try_borrow_mut().ok().map(|mut w| std::mem::replace(&mut *w, call))
        })
        .ok()
        .flatten()
        .flatten()
}

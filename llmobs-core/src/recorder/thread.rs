//! Threads of a recorder's own, which cannot wait for it.

use std::cell::Cell;
use std::sync::Arc;

use super::Recorder;

thread_local! {
    /// Where the recorder is that this thread works for, which keeps it there.
    static WORKS_FOR: Cell<usize> = const { Cell::new(0) };
}

impl Recorder {
    /// This thread works for the recorder from now on, and holds it for as long.
    pub(crate) fn owns_this_thread(&self) {
        WORKS_FOR.with(|of| of.set(self.address()));
    }

    /// Whether code that waits for the recorder here would wait for itself.
    pub(crate) fn is_waited_for_here(&self) -> bool {
        WORKS_FOR.with(Cell::get) == self.address()
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

//! Whether anything is observed: by one recorder, and by any.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Recorders that are on. Where there are none, a traced function need not look for the one that is
/// current, which takes longer than all the rest.
static ON: AtomicUsize = AtomicUsize::new(0);

/// The switch of a recorder; off once it is dropped.
#[derive(Debug)]
pub(crate) struct Enabled(AtomicBool);

impl Enabled {
    pub(crate) fn new(on: bool) -> Self {
        let switch = Self(AtomicBool::new(false));
        switch.set(on);
        switch
    }

    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, on: bool) {
        match (self.0.swap(on, Ordering::Relaxed), on) {
            (false, true) => ON.fetch_add(1, Ordering::Relaxed),
            (true, false) => ON.fetch_sub(1, Ordering::Relaxed),
            _ => return,
        };
    }

    /// Whether any recorder is on.
    pub(crate) fn anywhere() -> bool {
        ON.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Enabled {
    fn drop(&mut self) {
        self.set(false);
    }
}

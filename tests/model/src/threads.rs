//! Stands in for the threads of a recorder.

use std::cell::RefCell;
use std::io;

use crate::sync::thread::{self, JoinHandle};

/// Those that have been started.
#[derive(Debug, Default)]
pub(crate) struct Threads(RefCell<Vec<JoinHandle<()>>>);

impl Threads {
    pub(crate) fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run)?;
        self.0.borrow_mut().push(thread);
        Ok(())
    }

    /// Waits for their end.
    pub(crate) fn join(self) {
        for thread in self.0.into_inner() {
            thread.join().expect("no panic");
        }
    }
}

//! A handle that lets go.

use std::sync::{Arc, Weak};

use super::{Recorder, Shared};

/// A handle to a recorder that does not keep it alive: for what the application may keep for longer,
/// such as the callbacks of a meter provider.
#[derive(Clone)]
pub struct WeakRecorder(Weak<Shared>);

impl WeakRecorder {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self(Arc::downgrade(shared))
    }

    /// The recorder; `None` when nobody has it any more.
    pub fn upgrade(&self) -> Option<Recorder> {
        self.0.upgrade().map(Recorder)
    }

    /// Whether nobody has it any more; asked without becoming the last who does.
    pub(crate) fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl std::fmt::Debug for WeakRecorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("WeakRecorder").field(&self.upgrade()).finish()
    }
}

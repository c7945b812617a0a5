//! The end of a recorder, on whichever thread the last handle goes.

use std::sync::Arc;

use super::{Shared, Time};
use crate::contain::discard;
use crate::id::RandomIds;
use crate::redact::Redact;
use crate::span::LocalBackend;
use crate::time::SystemClock;

impl Drop for Shared {
    /// What the application has given goes one by one: it may panic, and this may be its own thread.
    fn drop(&mut self) {
        self.decoders.drain(..).for_each(discard);
        discard(std::mem::replace(&mut self.backend, Arc::new(LocalBackend)));
        discard(std::mem::replace(&mut self.ids, Arc::new(RandomIds)));
        discard(std::mem::replace(&mut self.time, Time::System(SystemClock::default())));
        discard(std::mem::replace(&mut self.redact, Redact::none()));
    }
}

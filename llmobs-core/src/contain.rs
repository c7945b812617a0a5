//! Foreign code, and what its panics cost: what it would have given, and nothing more. Not part of the
//! API: for llmobs's own crates.

use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, dispatcher};

/// What foreign code gives; `None` when it panics, which is no reason to hurt its caller.
pub fn contained<R>(run: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(given) => Some(given),
        Err(panic) => {
            discard(panic);
            None
        }
    }
}

/// Drops something foreign, which may panic over it: so may what a panic was raised with.
pub fn discard<T>(foreign: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(foreign))) {
        // It could go on like this for ever.
        forget(panic);
    }
}

/// Says something to the application's subscriber, which is foreign code, too. Under no lock.
pub fn say(event: impl FnOnce()) {
    let _ = contained(event);
}

/// Runs our own work with `tracing` events and spans going nowhere: what we export is never observed
/// in turn.
pub fn untraced<R>(run: impl FnOnce() -> R) -> R {
    // One for the process: each new one has all callsites asked anew.
    static SILENT: OnceLock<Dispatch> = OnceLock::new();
    // Without a subscriber nobody hears. To set one, if only here, would end what `tracing` then gives
    // to `log` in the whole process.
    if !dispatcher::has_been_set() {
        return run();
    }
    // Not `Dispatch::none()`: callsites met first under that one stay silent everywhere.
    dispatcher::with_default(SILENT.get_or_init(|| Dispatch::new(NoSubscriber::new())), run)
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    /// Panics as it is dropped, with another one of its kind.
    struct Bomb(u32);

    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 > 0 {
                panic_any(Self(self.0 - 1));
            }
        }
    }

    #[test]
    fn a_panic_whose_payload_panics_as_it_is_dropped_goes_no_further() {
        assert_eq!(contained(|| 7), Some(7));
        assert_eq!(contained(|| panic_any(Bomb(0))), None::<()>);
        assert_eq!(contained(|| panic_any(Bomb(5))), None::<()>);
        discard(Bomb(5));
        discard(vec![1]);
    }
}

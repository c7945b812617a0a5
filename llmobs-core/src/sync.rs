//! What threads of ours meet at: the standard library's.
//!
//! The queue, flushes and the delivery to sinks take theirs from here and nowhere else, so that
//! `tests/model` can build the same files on a checker's, which tries the orders that threads may run in.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, atomic};

#[cfg(test)]
mod tests {
    use super::Mutex;
    use crate::contain::contained;
    use crate::queue::lock;

    #[test]
    fn a_lock_is_taken_whoever_panicked_with_it() {
        let mutex = Mutex::new(7);
        let panicked: Option<()> = contained(|| {
            let _held = lock(&mutex);
            std::panic::resume_unwind(Box::new("as the test says"));
        });
        assert!(panicked.is_none() && mutex.is_poisoned());
        assert_eq!(*lock(&mutex), 7);
    }
}

//! What threads of ours meet at: the standard library's.
//!
//! The queue, flushes and the delivery to sinks take theirs from here and nowhere else, so that
//! `tests/model` can build the same files on a checker's, which tries the orders that threads may run in.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, atomic};

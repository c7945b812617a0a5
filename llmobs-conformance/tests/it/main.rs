//! The checker, against one deliberate violation of each class.
#![expect(clippy::panic, reason = "the helpers of tests fail out loud")]

mod events;
mod exceptions;
mod made;
mod metrics;
mod registries;
mod spans;

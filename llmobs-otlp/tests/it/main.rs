//! What arrives at a real OTLP receiver.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "the helpers of tests fail, and skip, out loud"
)]

mod attached;
mod compat;
mod config;
mod conformance;
mod delivery;
mod global;
mod kits;
mod metrics;
mod nesting;
mod own;
mod provider;
mod receiver;
mod recordings;
mod registry;
mod scene;
mod span;

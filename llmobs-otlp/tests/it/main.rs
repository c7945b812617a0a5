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
mod content;
mod delivery;
mod global;
mod kinds;
mod kits;
mod limits;
mod metrics;
mod nesting;
mod own;
mod provider;
mod receiver;
mod registry;
mod scene;
mod span;

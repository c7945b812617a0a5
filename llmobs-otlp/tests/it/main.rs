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
mod content;
mod delivery;
mod destinations;
mod events;
mod global;
#[cfg(feature = "grpc")]
mod grpc;
mod kinds;
mod kits;
mod limits;
mod metrics;
mod nesting;
mod nonsense;
mod notice;
mod own;
mod provider;
mod receiver;
mod recordings;
mod refused;
mod registry;
mod scene;
#[cfg(feature = "prometheus")]
mod scrape;
mod span;
mod tail;
#[cfg(all(feature = "grpc", feature = "tls"))]
mod tls;
mod untraced;

//! What arrives at a real OTLP receiver.

mod attached;
mod config;
mod delivery;
mod global;
mod metrics;
mod nesting;
mod own;
mod provider;
mod receiver;
mod registry;
mod scene;
mod span;

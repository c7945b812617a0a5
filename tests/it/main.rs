//! The whole, from the application's side.

mod bad_input;
#[cfg(feature = "otlp")]
mod canary;
mod chat;
mod clients;
mod ends;
#[cfg(feature = "estimate")]
mod estimate;
mod examples;
mod fallbacks;
mod fidelity;
mod operations;
mod outcomes;
mod propagation;
mod retries;
mod start;
mod support;
mod tidy;
mod usage;

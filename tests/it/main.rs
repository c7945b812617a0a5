//! The whole, from the application's side.

mod agents;
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
mod observe;
mod operations;
mod outcomes;
mod prompts;
mod propagation;
mod retries;
#[cfg(feature = "macros")]
mod runtimes;
mod start;
mod support;
mod tidy;
mod trees;
mod usage;

//! The whole, from the application's side.

mod bad_input;
#[cfg(feature = "otlp")]
mod canary;
mod chat;
mod clients;
mod ends;
mod examples;
mod fidelity;
mod outcomes;
mod prompts;
mod retries;
mod start;
mod support;
mod tidy;
mod usage;

//! The whole, from the application's side.

mod bad_input;
mod canary;
mod chat;
mod ends;
mod fidelity;
mod retries;
mod start;
mod support;
mod tidy;

//! Everything is tested through the public API.

mod golden;
mod jsonl;
mod schema;
mod support;

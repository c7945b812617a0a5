//! Everything is tested through the public API.

mod delivery;
mod golden;
mod jsonl;
mod schema;
mod support;

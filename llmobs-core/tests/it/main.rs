//! Everything is tested through the public API.

mod delivery;
mod foreign;
mod golden;
mod hot_path;
mod jsonl;
mod schema;
mod support;

//! Everything is tested through the public API.

mod console;
mod delivery;
mod encoding;
mod foreign;
mod golden;
mod hot_path;
mod jsonl;
mod kits;
mod offline;
mod prompts;
mod schema;
mod sse;
mod support;
mod testing;

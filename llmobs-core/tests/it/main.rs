//! Everything is tested through the public API.

mod console;
mod delivery;
mod golden;
mod jsonl;
mod kits;
mod schema;
mod sse;
mod support;
mod testing;

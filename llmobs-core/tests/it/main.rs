//! Everything is tested through the public API.

mod attempts;
mod console;
mod delivery;
mod encoding;
mod evaluations;
mod foreign;
mod golden;
mod groups;
mod hot_path;
mod jsonl;
mod kits;
mod observe;
mod offline;
mod pricing;
mod prompts;
mod propagation;
mod providers;
mod redact;
mod sampling;
mod schema;
mod sensitive;
mod sse;
mod support;
mod testing;

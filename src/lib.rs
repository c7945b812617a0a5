//! LLM observability for Rust.
pub use llmobs_core::*;

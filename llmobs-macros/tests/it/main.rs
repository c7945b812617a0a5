//! Tests of `#[trace_llm]` through what it records.

mod shapes;
mod tree;

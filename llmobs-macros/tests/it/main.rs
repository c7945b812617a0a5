//! Tests of `#[trace_llm]` through what it records.

mod ends;
mod nesting;
mod results;
mod shapes;
mod tree;

//! Tests of `#[trace_llm]` through what it records.

mod ends;
mod hygiene;
mod lints;
mod nesting;
mod results;
mod shapes;
mod tree;
mod ui;

//! Tests of `#[trace_llm]` through what it records.

mod ends;
mod futures;
mod hygiene;
mod lints;
mod nesting;
mod prompt;
mod results;
mod return_types;
mod shapes;
mod tree;
mod ui;

//! Tests of `#[trace_llm]` through what it records.

mod bounds;
mod ends;
mod futures;
mod hygiene;
mod lints;
mod nesting;
mod prompt;
mod reading;
mod results;
mod return_types;
mod shapes;
mod told;
mod tree;
mod ui;

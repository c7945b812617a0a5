//! The `llmobs` command line.

fn main() {}

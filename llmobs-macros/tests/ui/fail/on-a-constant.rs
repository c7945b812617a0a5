use llmobs_macros::trace_llm;

#[trace_llm(crate = llmobs_core)]
const LIMIT: usize = 8;

fn main() {
    assert_eq!(LIMIT, 8);
}

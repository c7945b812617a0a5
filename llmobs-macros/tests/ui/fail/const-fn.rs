use llmobs_macros::trace_llm;

#[trace_llm(crate = llmobs_core)]
const fn limit() -> usize {
    8
}

const LIMIT: usize = limit();

fn main() {
    assert_eq!(LIMIT, 8);
}

use llmobs_macros::trace_llm;

#[trace_llm(crate = "llmobs_core")]
fn search() {}

fn main() {
    search();
}

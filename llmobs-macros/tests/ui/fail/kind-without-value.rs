use llmobs_macros::trace_llm;

#[trace_llm(crate = llmobs_core, kind =)]
fn search() {}

fn main() {
    search();
}

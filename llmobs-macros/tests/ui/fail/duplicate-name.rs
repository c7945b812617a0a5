use llmobs_macros::trace_llm;

#[trace_llm(name = "a", name = "a", crate = llmobs_core)]
fn search() {}

fn main() {
    search();
}

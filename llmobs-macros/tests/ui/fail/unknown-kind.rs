use llmobs_macros::trace_llm;

#[trace_llm(kind = "retreiver", crate = llmobs_core)]
fn search() {}

fn main() {
    // The function is still there: no second error.
    search();
}

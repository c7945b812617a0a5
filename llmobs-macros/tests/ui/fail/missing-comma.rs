use llmobs_macros::trace_llm;

#[trace_llm(kind = "tool" name = "x", crate = llmobs_core)]
fn search() {}

fn main() {
    search();
}

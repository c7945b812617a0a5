use llmobs_macros::trace_llm;

#[trace_llm(kind = "tool", crate = llmobs_core, kind = "agent")]
fn search() {}

fn main() {
    search();
}

use llmobs_macros::trace_llm;

#[trace_llm(kind = "toool", crate = llmobs_core, nmae = "x")]
fn search() {}

fn main() {
    search();
}

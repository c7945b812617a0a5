use llmobs_macros::trace_llm;

#[trace_llm(naem = "kb.search", crate = llmobs_core)]
async fn search() {}

fn main() {
    drop(search());
}

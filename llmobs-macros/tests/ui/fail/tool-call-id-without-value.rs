use llmobs_macros::trace_llm;

#[trace_llm(crate = llmobs_core, kind = "tool", tool_call_id =)]
fn search(query: &str, k: u8) -> u8 {
    let _ = query;
    k
}

fn main() {
    search("", 1);
}

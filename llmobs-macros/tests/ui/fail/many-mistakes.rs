use llmobs_macros::trace_llm;

#[trace_llm(crate = llmobs_core, kind = "toool", tool_call_id = k, capture(args, reslut), skip(nobody), fields(a, b = 1))]
fn search(query: &str, k: u8) -> u8 {
    let _ = query;
    k
}

fn main() {
    search("", 1);
}

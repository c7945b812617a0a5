use llmobs_macros::trace_llm;

#[trace_llm(crate = llmobs_core, capture(args), skip = query)]
fn search(query: &str, k: u8) -> u8 {
    let _ = query;
    k
}

fn main() {
    search("", 1);
}

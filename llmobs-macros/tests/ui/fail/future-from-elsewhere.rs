use llmobs_macros::trace_llm;

async fn inner() -> u32 {
    1
}

#[trace_llm(crate = llmobs_core)]
fn outer() -> impl Future<Output = u32> {
    inner()
}

fn main() {
    drop(outer());
}

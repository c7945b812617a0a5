use llmobs_macros::trace_llm;

#[trace_llm(crate = llmobs_core)]
fn sync() -> u32 {
    let _one = 1;
}

#[trace_llm(crate = llmobs_core)]
async fn waits() -> u32 {
    std::future::ready(1).await;
}

fn main() {
    sync();
    drop(waits());
}

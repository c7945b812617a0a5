use llmobs_macros::trace_llm;

#[trace_llm(crate = llmobs_core)]
async fn waits() -> Result<u32, String> {
    std::future::ready(()).await;
    Ok("one")
}

fn main() {
    drop(waits());
}

use llmobs_macros::trace_llm;

#[trace_llm(crate = llmobs_core)]
async fn waits() -> Missing {
    std::future::ready(1).await
}

fn main() {
    drop(waits());
}

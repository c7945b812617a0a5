use llmobs_macros::trace_llm;

#[trace_llm(crate = llmobs_core)]
async fn waits() -> u32 {
    std::future::ready(()).await;
    "one"
}

fn main() {
    drop(waits());
}

use llmobs_macros::trace_llm;

#[trace_llm(crate = llmobs_core)]
async fn waits(early: bool) -> u32 {
    if early {
        return "one";
    }
    std::future::ready(1).await
}

fn main() {
    drop(waits(true));
}

// What the `llmobs` crate does for those who depend on it.
extern crate llmobs_core as llmobs;

use llmobs_macros::trace_llm;

#[trace_llm]
fn plain() {}

#[trace_llm(kind = "tool",)]
async fn waits() -> Option<u32> {
    std::future::ready(Some(1)).await
}

fn main() {
    plain();
    drop(waits());
}

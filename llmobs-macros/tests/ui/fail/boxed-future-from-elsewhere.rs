use std::pin::Pin;

use llmobs_macros::trace_llm;

async fn inner() -> u32 {
    1
}

#[trace_llm(crate = llmobs_core)]
fn outer() -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(inner())
}

fn main() {
    drop(outer());
}

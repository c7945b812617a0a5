use std::pin::Pin;

use llmobs_macros::trace_llm;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

async fn inner() -> u32 {
    1
}

#[trace_llm(crate = llmobs_core)]
fn outer(early: bool) -> BoxFuture<'static, u32> {
    if early {
        return Box::pin(async { 2 });
    }
    Box::pin(inner())
}

fn main() {
    drop(outer(true));
}

use std::rc::Rc;

use llmobs_macros::trace_llm;

#[trace_llm(crate = llmobs_core)]
async fn local() -> u32 {
    let one = Rc::new(1);
    std::future::ready(()).await;
    *one
}

fn send(_future: impl Future + Send) {}

fn main() {
    send(local());
}

#![deny(warnings)]

use llmobs_macros::trace_llm;

#[trace_llm(crate = llmobs_core)]
async fn quiet(unused: u32) {
    //! Documented from within.
    #![allow(unused_variables)]
    std::future::ready(()).await;
}

fn main() {
    drop(quiet(1));
}

use llmobs_macros::trace_llm;

#[trace_llm(crate = llmobs_core)]
#[derive(Default)]
pub struct Store;

fn main() {
    let _store = Store::default();
}

use llmobs_macros::trace_llm;

struct Store;

#[trace_llm(crate = llmobs_core)]
impl Store {
    fn search(&self) {}
}

fn main() {
    Store.search();
}

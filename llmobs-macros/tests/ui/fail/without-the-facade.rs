// Neither `llmobs` nor `crate = …`: the error has to say which crate is missing.
use llmobs_macros::trace_llm;

#[trace_llm]
fn search() {}

fn main() {
    search();
}

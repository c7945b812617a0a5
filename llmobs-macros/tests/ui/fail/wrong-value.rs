// What the compiler says of the body, it says on the user's own lines.
use llmobs_macros::trace_llm;

#[trace_llm(crate = llmobs_core)]
fn sync() -> u32 {
    "one"
}

fn main() {
    sync();
}

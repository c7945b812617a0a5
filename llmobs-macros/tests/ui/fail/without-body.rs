use llmobs_macros::trace_llm;

trait Search {
    #[trace_llm(crate = llmobs_core)]
    fn search(&self) -> usize;
}

impl Search for () {
    fn search(&self) -> usize {
        0
    }
}

fn main() {
    ().search();
}

use llmobs_macros::prompt;

fn main() {
    let _text = prompt!("answer", crate = llmobs_core, "Answer {}");
}

use llmobs_macros::prompt;

fn main() {
    let question = "why?";
    let _text = prompt!("answer", crate = llmobs_core, "Answer {}", question);
}

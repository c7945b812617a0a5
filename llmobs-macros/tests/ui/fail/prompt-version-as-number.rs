use llmobs_macros::prompt;

fn main() {
    let _text = prompt!("answer", version = 3, "Answer {question}", question = 1);
}

use llmobs_macros::prompt;

fn main() {
    let _text = prompt!("answer", verison = "3", "Answer {question}", question = 1);
}

use llmobs_macros::prompt;

fn main() {
    let name = "answer";
    let _text = prompt!(name, "Answer {question}", question = 1);
}

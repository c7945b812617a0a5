use llmobs_macros::prompt;

const TEMPLATE: &str = "Answer {question}";

fn main() {
    let _text = prompt!("answer", TEMPLATE, question = 1);
}

use llmobs_macros::prompt;

fn main() {
    let question = "why?";
    let _text = prompt!("answer", "Answer {question}");
}

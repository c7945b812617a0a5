use llmobs_macros::prompt;

fn main() {
    let documents = "documents";
    let _text = prompt!("answer", crate = llmobs_core, "Answer {question}", question = 1, context = documents);
}

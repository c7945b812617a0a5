use llmobs_macros::prompt;

fn main() {
    let question = "why?";
    println!("{question}");
    let _text = prompt!("answer", crate = llmobs_core, "Answer {questoin}");
}

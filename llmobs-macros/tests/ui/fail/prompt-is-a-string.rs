use llmobs_macros::prompt;

fn main() {
    let _text: u32 = prompt!("answer", crate = llmobs_core, "Answer {a}", a = 1);
}

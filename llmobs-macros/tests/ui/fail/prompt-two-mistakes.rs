use llmobs_macros::prompt;

fn main() {
    let _text = prompt!("answer", crate = llmobs_core, "Answer {a}", b = 1, a = 2, a = 3);
    let () = "the code around is looked at all the same";
}

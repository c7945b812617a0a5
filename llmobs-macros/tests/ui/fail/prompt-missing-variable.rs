fn main() {
    let question = "why?";
    let _text = llmobs_macros::prompt!("answer", crate = llmobs_core, "Answer {question} from {context}");
}

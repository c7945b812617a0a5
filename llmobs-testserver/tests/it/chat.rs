//! Scripted chat completions.

use llmobs_testserver::{ChatScript, ToolCall, Usage, chat_chunks, chat_completion};
use serde_json::{Value, json};

fn parsed(chunks: &[String]) -> Vec<Value> {
    chunks
        .iter()
        .filter(|chunk| *chunk != "[DONE]")
        .map(|chunk| serde_json::from_str(chunk).expect("a chunk is JSON"))
        .collect()
}

#[test]
fn a_text_is_a_role_its_tokens_a_finish_reason_and_done() {
    let chunks = chat_chunks(&ChatScript::new("Hello, big world."));
    assert_eq!(chunks.last().map(String::as_str), Some("[DONE]"));
    let chunks = parsed(&chunks);
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let tokens: Vec<&str> =
        chunks.iter().filter_map(|c| c["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(tokens, ["", "Hello", ",", " big", " world", "."]);
    let last = chunks.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert_eq!(last["choices"][0]["delta"], json!({}));
    assert!(chunks.iter().all(|c| c["id"] == "chatcmpl-1" && c.get("usage").is_none()));
}

#[test]
fn usage_is_a_chunk_without_choices_and_null_before() {
    let usage = Usage { prompt: 10, completion: 5, cached: 4, reasoning: 2 };
    let chunks = parsed(&chat_chunks(&ChatScript::new("a").usage(usage)));
    let (last, others) = chunks.split_last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 15);
    assert_eq!(last["usage"]["prompt_tokens_details"]["cached_tokens"], 4);
    assert_eq!(last["usage"]["completion_tokens_details"]["reasoning_tokens"], 2);
    assert!(others.iter().all(|chunk| chunk["usage"] == Value::Null));
    assert!(others.iter().all(|chunk| chunk.get("usage").is_some()));
}

#[test]
fn reasoning_comes_before_the_text() {
    let script = ChatScript::new("yes").reasoning("let me think");
    assert_eq!((script.reasoning_tokens(), script.output_tokens()), (3, 4));
    let chunks = parsed(&chat_chunks(&script));
    let delta = |i: usize, key: &str| chunks[i]["choices"][0]["delta"][key].clone();
    assert_eq!(delta(1, "reasoning_content"), "let");
    assert_eq!(delta(3, "reasoning_content"), " think");
    assert_eq!(delta(4, "content"), "yes");
}

#[test]
fn tool_calls_are_a_head_and_pieces_of_arguments() {
    let script = ChatScript::new("")
        .tool_call(ToolCall::new("call_1", "get_order", r#"{"id":"A-1"}"#))
        .tool_call(ToolCall::new("call_2", "get_weather", "{}"));
    let chunks = parsed(&chat_chunks(&script));
    let mut arguments = [String::new(), String::new()];
    let mut heads = Vec::new();
    for chunk in &chunks {
        let call = &chunk["choices"][0]["delta"]["tool_calls"][0];
        if let Some(index) = call["index"].as_u64() {
            let piece = call["function"]["arguments"].as_str().unwrap();
            arguments[usize::try_from(index).unwrap()].push_str(piece);
            heads.extend(call["id"].as_str().map(str::to_owned));
        }
    }
    assert_eq!(arguments, [r#"{"id":"A-1"}"#, "{}"]);
    assert_eq!(heads, ["call_1", "call_2"]);
    assert_eq!(chunks[0]["choices"][0]["delta"]["content"], Value::Null);
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
    let whole = chat_completion(&script);
    let calls = &whole["choices"][0]["message"]["tool_calls"];
    assert_eq!(calls[0]["function"]["arguments"], r#"{"id":"A-1"}"#);
    assert_eq!(calls[1]["id"], "call_2");
}

#[test]
fn every_setting_is_in_the_stream_and_in_the_whole_answer() {
    let script = ChatScript::tokens(["a", "b"])
        .id("x")
        .model("m")
        .created(7)
        .fingerprint(None)
        .finish_reason("length");
    let mut whole = chat_completion(&script);
    assert_eq!(whole["choices"][0]["message"]["content"], "ab");
    assert_eq!(whole["choices"][0]["finish_reason"], "length");
    let mut chunk = parsed(&chat_chunks(&script)).remove(0);
    for answer in [&mut whole, &mut chunk] {
        assert_eq!(answer["id"], "x");
        assert_eq!(answer["model"], "m");
        assert_eq!(answer["created"], 7);
        assert_eq!(answer["system_fingerprint"], Value::Null);
    }
    let broken_off = chat_chunks(&script.unfinished().no_done());
    assert_eq!(broken_off.len(), 3);
    assert!(broken_off[2].contains(r#""finish_reason":null"#));
}

//! Which texts of a request a prompt is looked for in.

use llmobs_core::{Decoder, Target, Turn};
use llmobs_openai::OpenAi;
use serde_json::json;

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";

/// The texts of a request, a line each: when they were said, and what.
fn texts(path: &str, body: &str) -> Vec<String> {
    texts_of(&OpenAi, path, body)
}

fn texts_of(decoder: &impl Decoder, path: &str, body: &str) -> Vec<String> {
    let target = Target { method: "POST", host: "host.test", port: None, path };
    let route = decoder.route(&target).or_else(|| decoder.route_other(&target));
    let route = route.expect("an observed path");
    let mut found = Vec::new();
    decoder.texts(&route, body.as_bytes(), &mut |text| {
        let turn = match text.turn {
            Turn::Earlier => "earlier",
            Turn::Instructions => "instructions",
            Turn::Latest => "latest",
        };
        found.push(format!("{turn}: {}", text.text));
    });
    found
}

#[track_caller]
fn check(path: &str, body: &serde_json::Value, expected: &[&str]) {
    assert_eq!(texts(path, &body.to_string()), expected, "{body}");
}

fn said(role: &str, content: &str) -> serde_json::Value {
    json!({"role": role, "content": content})
}

#[test]
fn messages_of_a_chat_are_texts() {
    let messages = [said("system", "be kind"), said("developer", "be brief"), said("user", "why?")];
    let expected = ["instructions: be kind", "instructions: be brief", "latest: why?"];
    check(CHAT, &json!({ "messages": messages }), &expected);
}

#[test]
fn each_text_part_is_a_text() {
    let parts = json!([
        {"type": "text", "text": "one"},
        {"type": "image_url", "image_url": {"url": "https://images.test/1"}, "text": "no"},
        {"type": "text", "text": "two"},
        {"type": "text", "text": ""},
        {"type": "text"},
        "three",
    ]);
    let message = json!({"role": "user", "content": parts});
    let expected = ["latest: one", "latest: two", "latest: three"];
    check(CHAT, &json!({ "messages": [message] }), &expected);
}

#[test]
fn what_the_model_and_tools_said_is_no_prompt() {
    let messages = [
        said("user", "why?"),
        json!({"role": "assistant", "content": "because", "tool_calls": []}),
        json!({"role": "tool", "content": "result", "tool_call_id": "call_1"}),
        json!({"role": "function", "content": "result"}),
    ];
    check(CHAT, &json!({ "messages": messages }), &["latest: why?"]);
}

#[test]
fn the_latest_turn_lasts_until_the_user_speaks_again() {
    let [system, first, answer, second, tool] = [
        said("system", "be kind"),
        said("user", "first"),
        said("assistant", "answer"),
        said("user", "second"),
        said("tool", "result"),
    ];
    let both = said("user", "second too");
    let messages = [&system, &first, &answer, &second, &system, &both];
    let expected = [
        "instructions: be kind",
        "earlier: first",
        "latest: second",
        "instructions: be kind",
        "latest: second too",
    ];
    check(CHAT, &json!({ "messages": messages }), &expected);

    let messages = [&first, &answer, &second, &answer, &tool, &answer, &tool];
    check(CHAT, &json!({ "messages": messages }), &["earlier: first", "latest: second"]);
}

#[test]
fn escapes_are_read_as_the_model_reads_them() {
    let body = r#"{"messages":[{"role":"us\u0065r","content":"\"a\"\n\u00e4\ud83d\ude00\/"}]}"#;
    assert_eq!(texts(CHAT, body), ["latest: \"a\"\nä\u{1f600}/"]);
}

#[test]
fn items_of_a_responses_request_are_texts() {
    let request = json!({"instructions": "be kind", "input": "why?"});
    check(RESPONSES, &request, &["instructions: be kind", "latest: why?"]);
    let input = json!([
        {"role": "user", "content": "first"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "brief"}]},
        {"role": "user", "content": [{"type": "input_text", "text": "second"}, {"type": "input_file"}]},
        {"type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "result", "role": "user", "content": "no"},
    ]);
    let expected = ["earlier: first", "instructions: brief", "latest: second"];
    check(RESPONSES, &json!({ "input": input, "prompt": {"id": "pmpt_1"} }), &expected);
}

#[test]
fn prompts_and_embedded_inputs_are_texts() {
    check("/v1/completions", &json!({"prompt": "once"}), &["latest: once"]);
    check("/v1/completions", &json!({"prompt": ["a", "b"]}), &["latest: a", "latest: b"]);
    check("/v1/completions", &json!({"prompt": [[1, 2], [3]]}), &[]);
    check("/v1/embeddings", &json!({"input": "a"}), &["latest: a"]);
    let many: Vec<_> = (0..2_000).map(|n| n.to_string()).collect();
    assert_eq!(texts("/v1/embeddings", &json!({ "input": many }).to_string()).len(), 2_000);
}

#[test]
fn a_request_that_is_none_has_no_texts() {
    for body in ["", "[]", "{\"messages\":[{\"role\":\"user\",\"content\":\"cut sho", "null"] {
        assert!(texts(CHAT, body).is_empty(), "{body}");
    }
    let odd = json!({"messages": [null, 1, {"role": 1}, {"role": "user"}, [], {}], "input": 1});
    check(CHAT, &odd, &[]);
    check(CHAT, &json!({"messages": {"role": "user", "content": "no array"}}), &[]);
}

#[test]
fn what_an_image_or_speech_is_made_from_is_a_text() {
    let image = json!({"model": "gpt-image-1", "prompt": "a cat"});
    check("/v1/images/generations", &image, &["latest: a cat"]);
    let speech = json!({"model": "tts-1", "input": "meow", "instructions": "softly"});
    check("/v1/audio/speech", &speech, &["instructions: softly", "latest: meow"]);
}

#[test]
fn what_else_is_posted_is_no_text() {
    let body = json!({"instructions": "be kind", "input": "why?", "messages": ["why?"]});
    check("/v1/assistants", &body, &[]);
}

#[cfg(feature = "estimate")]
#[test]
fn counting_tokens_hides_no_text() {
    let body = json!({ "messages": [said("user", "why?")] }).to_string();
    assert_eq!(texts_of(&OpenAi.estimate(), CHAT, &body), ["latest: why?"]);
}

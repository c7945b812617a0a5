//! Our decoder passes the kit that every decoder must pass.

use llmobs_core::Target;
use llmobs_core::testing::kit::{self, Exchange};
use llmobs_openai::OpenAi;

const SAID: &str = "the parrot is resting";
const ASKED: &[u8] =
    br#"{"model":"m","stream":true,"messages":[{"role":"user","content":"the parrot is resting"}]}"#;
const STREAM: &[u8] = br#"data: {"id":"c1","model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}

data: {"choices":[{"index":0,"delta":{"content":"the parrot is resting"}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"look_up","arguments":"the parrot is resting"}}]}}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":4,"total_tokens":9}}

data: [DONE]

"#;
const WHOLE: &[u8] = br#"{"id":"c2","model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"the parrot is resting"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":4}}"#;
const RESPONSE: &[u8] = br#"data: {"type":"response.output_text.delta","output_index":0,"delta":"the parrot is resting"}

data: {"type":"response.completed","response":{"id":"r","model":"m-1","status":"completed","output":[],"usage":{"input_tokens":5,"output_tokens":4}}}

"#;
const REFUSED: &[u8] =
    br#"{"error":{"message":"the parrot is resting","type":"invalid_request_error","code":"bad"}}"#;
const VECTORS: &[u8] =
    br#"{"model":"e-1","data":[{"index":0,"embedding":[0.1,0.2]}],"usage":{"prompt_tokens":5}}"#;

fn exchange(path: &'static str, status: u16, response: &'static [u8]) -> Exchange<'static> {
    Exchange {
        target: Target { method: "POST", host: "llm.example", port: Some(443), path },
        request: ASKED,
        status,
        headers: &[("x-request-id", "req_1")],
        response,
        private: &[SAID],
    }
}

const TRANSCRIPT: &[u8] = br#"data: {"type":"transcript.text.delta","delta":"the parrot is resting"}

data: {"type":"transcript.text.done","text":"the parrot is resting","usage":{"type":"tokens","input_tokens":5,"output_tokens":4}}

"#;
const IMAGE: &[u8] = br#"{"created":1,"data":[{"b64_json":"aGVsbG8=","revised_prompt":"the parrot is resting"}],"usage":{"input_tokens":5,"output_tokens":4}}"#;
const SPEECH: &[u8] = br#"data: {"type":"speech.audio.delta","audio":"aGVsbG8="}

data: {"type":"speech.audio.done","usage":{"input_tokens":5,"output_tokens":4}}

"#;
const JUDGED: &[u8] = br#"{"id":"modr-1","model":"omni","results":[{"flagged":true}]}"#;

#[test]
fn our_decoder_passes_the_kit() {
    let records = kit::check_decoder(
        OpenAi::new(),
        &[
            exchange("/v1/chat/completions", 200, STREAM),
            exchange("/v1/chat/completions", 200, WHOLE),
            exchange("/v1/chat/completions", 400, REFUSED),
            exchange("/v1/responses", 200, RESPONSE),
            exchange("/v1/embeddings", 200, VECTORS),
            exchange("/v1/audio/transcriptions", 200, TRANSCRIPT),
            exchange("/v1/images/generations", 200, IMAGE),
            Exchange {
                // One that does not say what it is, is sound.
                headers: &[("content-type", "text/event-stream")],
                ..exchange("/v1/audio/speech", 200, SPEECH)
            },
            exchange("/v1/audio/translations", 400, REFUSED),
            exchange("/v1/moderations", 200, JUDGED),
        ],
    );
    let tokens: Vec<_> = records.iter().map(|record| record.input_tokens).collect();
    assert_eq!(
        tokens,
        [Some(5), Some(5), None, Some(5), Some(5), Some(5), Some(5), Some(5), None, None,]
    );
}

//! With capture off, nothing that users or models say leaves, by any way.

use async_openai::types::InputSource;
use async_openai::types::audio::{
    AudioInput, CreateSpeechRequestArgs, CreateTranscriptionRequestArgs,
};
use async_openai::types::chat::{
    ChatCompletionRequestSystemMessage, ChatCompletionTool, CreateChatCompletionRequest,
    FunctionObjectArgs,
};
use async_openai::types::files::{CreateFileRequest, FileInput};
use async_openai::types::images::CreateImageRequestArgs;
use async_openai::types::moderations::CreateModerationRequestArgs;
use futures_util::StreamExt;
use llmobs::{Capture, Console, JsonLines, Llmobs, trace_llm};
use llmobs_testserver::{Answer, ChatScript, Server, ToolCall, chat_chunks, chat_completion};
use serde_json::json;

use crate::support::{client, question};

const CANARY: &str = "canary-4711";

/// Bytes that a sink wrote, shared with the test.
#[derive(Clone, Debug, Default)]
struct Bytes(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs every way in which content could come in, and gives all bytes of all sinks.
async fn everything(capture: Capture) -> String {
    let out = Bytes::default();
    let otlp = Server::start().await.expect("a port");
    otlp.handler(|_| Answer::bytes(200, "application/x-protobuf", ""));
    let endpoint = otlp.url();
    let lookup = move |name: &str| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.clone()),
        _ => None,
    };
    let llmobs: Llmobs = llmobs::Builder::from_lookup(&lookup)
        .sink(JsonLines::writer(out.clone()))
        .sink(Console::new(out.clone()))
        .capture(capture)
        .process_wide(false)
        .start()
        .expect("it starts");
    let scope = llmobs::scope().recorder(llmobs.recorder());
    scope.run(calls()).await;
    let shut =
        tokio::task::spawn_blocking(move || llmobs.shutdown(std::time::Duration::from_secs(10)));
    shut.await.expect("no panic").expect("everything is delivered");
    let mut all = String::from_utf8_lossy(&out.0.lock().expect("no panic")).into_owned();
    assert!(otlp.hits() > 0, "spans were exported");
    for request in otlp.received() {
        all.push_str(&String::from_utf8_lossy(&request.body));
        all.push_str(&format!("{:?}", request.headers));
    }
    all
}

async fn calls() {
    let says = format!("it says {CANARY}");
    let call = ToolCall::new("call_1", "look_up", &json!({ "q": says }).to_string());
    let answers = [
        Answer::sse(chat_chunks(&ChatScript::new(&says).reasoning(&says))),
        Answer::sse(chat_chunks(
            &ChatScript::new("").tool_call(call.clone()).finish_reason("tool_calls"),
        )),
        Answer::json(200, &chat_completion(&ChatScript::new(&says))),
        Answer::json(200, &json!({ "error": { "message": says, "type": says, "code": says } })),
        Answer::json(
            400,
            &json!({ "error": { "message": says, "type": says, "code": says, "param": says } }),
        ),
        Answer::json(422, &json!({ "detail": says })),
        Answer::text(400, &says),
        Answer::text(200, &says),
        Answer::sse([json!({ "error": { "message": says, "type": says } }).to_string()]),
        Answer::sse([format!("{{\"broken\": \"{says}")]),
    ];
    for answer in answers {
        let server = Server::start().await.expect("a port");
        server.answer(answer);
        let client = client(&server);
        let chat = client.chat();
        if let Ok(mut stream) = chat.create_stream(request(&says)).await {
            while stream.next().await.is_some() {}
        }
    }
    beside_text(&says).await;
    #[trace_llm(kind = "tool")]
    fn fails(says: &str) -> Result<(), std::io::Error> {
        Err(std::io::Error::other(says.to_owned()))
    }
    assert!(fails(&says).is_err());
    #[trace_llm]
    async fn panics(says: String) {
        panic!("{says}");
    }
    let scope = llmobs::scope();
    let panicked = tokio::spawn(scope.run(panics(says)));
    assert!(panicked.await.is_err());
}

/// A prompt for an image and for speech, a file in a form, a transcript, and a word to judge.
async fn beside_text(says: &str) {
    let server = Server::start().await.expect("a port");
    let said = json!({ "text": says, "data": [{ "url": says, "revised_prompt": says }] });
    server.answer(Answer::json(200, &said).repeat());
    let client = client(&server);
    let image = CreateImageRequestArgs::default().prompt(says).build().expect("complete");
    let _ = client.images().generate(image).await;
    let speech = CreateSpeechRequestArgs::default().input(says).build().expect("complete");
    let _ = client.audio().speech().create(speech).await;
    let judged = CreateModerationRequestArgs::default().input(says).build().expect("complete");
    let _ = client.moderations().create(judged).await;
    let source = InputSource::VecU8 { filename: says.to_owned(), vec: says.as_bytes().to_vec() };
    let heard = CreateTranscriptionRequestArgs::default()
        .file(AudioInput { source: source.clone() })
        .model(says)
        .prompt(says)
        .build();
    let _ = client.audio().transcription().create(heard.expect("complete")).await;
    let file = CreateFileRequest { file: FileInput { source }, ..CreateFileRequest::default() };
    let _ = client.files().create(file).await;
    assert_eq!(server.hits(), 5);
}

fn request(says: &str) -> CreateChatCompletionRequest {
    let mut request = question(says);
    let system = llmobs::prompt!("canary", "Follow {says}");
    request.messages.insert(0, ChatCompletionRequestSystemMessage::from(system).into());
    let function = FunctionObjectArgs::default()
        .name("look_up")
        .description(says)
        .parameters(json!({ "description": says }))
        .build()
        .expect("complete");
    request.tools =
        Some(vec![async_openai::types::chat::ChatCompletionTools::Function(ChatCompletionTool {
            function,
        })]);
    request
}

#[tokio::test]
async fn nothing_said_leaves_unless_it_was_turned_on() {
    let off = everything(Capture::NONE).await;
    for there in ["look_up", "audio_transcriptions", "moderation", "api_call"] {
        assert!(off.contains(there), "the records are there: {there}");
    }
    assert!(off.contains("gen_ai.prompt.name"), "the prompt is known");
    let around = off.find(CANARY).map(|at| &off[at.saturating_sub(200)..at]);
    assert_eq!(around, None, "content has left");
    let on = everything(Capture::ALL).await;
    assert!(on.contains(CANARY), "the test can see content where there is some");
    for secret in ["sk-test", "Bearer"] {
        assert!(!off.contains(secret) && !on.contains(secret), "{secret} has left");
    }
}

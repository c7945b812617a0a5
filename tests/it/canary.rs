//! With capture off, nothing that users or models say leaves, by any way.

use std::borrow::Cow;

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
use llmobs::{
    AsDocument, Capture, Console, Evaluated, Evaluation, JsonLines, Llmobs, Step, StepKind,
    trace_llm,
};
use llmobs_testserver::{Answer, ChatScript, Server, ToolCall, chat_chunks, chat_completion};
use serde_json::json;

use crate::support::{assert_conforms, client, question};

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

/// A recorder with every sink there is.
async fn observed(capture: Capture) -> (Llmobs, Bytes, Server) {
    let out = Bytes::default();
    let otlp = Server::start().await.expect("a port");
    otlp.handler(|_| Answer::bytes(200, "application/x-protobuf", ""));
    let endpoint = otlp.url();
    let lookup = move |name: &str| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.clone()),
        "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT" => Some("true".to_owned()),
        _ => None,
    };
    let llmobs = llmobs::Builder::from_lookup(&lookup)
        .sink(JsonLines::writer(out.clone()))
        .sink(Console::new(out.clone()))
        .capture(capture)
        .process_wide(false)
        .start()
        .expect("it starts");
    (llmobs, out, otlp)
}

/// All bytes of all sinks.
async fn all_bytes(llmobs: Llmobs, out: &Bytes, otlp: &Server) -> String {
    let shut =
        tokio::task::spawn_blocking(move || llmobs.shutdown(std::time::Duration::from_secs(10)));
    shut.await.expect("no panic").expect("everything is delivered");
    let mut all = String::from_utf8_lossy(&out.0.lock().expect("no panic")).into_owned();
    assert!(otlp.hits() > 0, "spans were exported");
    assert_conforms(otlp);
    for request in otlp.received() {
        all.push_str(&String::from_utf8_lossy(&request.body));
        all.push_str(&format!("{:?}", request.headers));
    }
    all
}

/// Runs every way in which content could come in, and gives all bytes of all sinks.
async fn everything(capture: Capture) -> String {
    let (llmobs, out, otlp) = observed(capture).await;
    let scope = llmobs::scope().recorder(llmobs.recorder());
    scope.run(calls()).await;
    let judged = Evaluation::new("relevance").score(0.5).explanation(format!("it says {CANARY}"));
    llmobs.record(judged.of(Evaluated::response("chatcmpl-1")));
    all_bytes(llmobs, &out, &otlp).await
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
    steps(&says);
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

struct Passage(String);

impl AsDocument for Passage {
    fn document_id(&self) -> Option<Cow<'_, str>> {
        Some("passage-1".into())
    }

    fn document_text(&self) -> Option<Cow<'_, str>> {
        Some(self.0.as_str().into())
    }
}

#[trace_llm(kind = "tool", capture(args, output))]
fn run_tool(says: &str) -> String {
    says.to_owned()
}

#[trace_llm(kind = "retriever", capture(args, output))]
fn search(says: &str) -> Vec<Passage> {
    vec![Passage(says.to_owned())]
}

#[trace_llm(kind = "chain", capture(args, output))]
fn words(says: &str) -> impl Iterator<Item = String> {
    says.split(" and ").map(str::to_owned)
}

/// Steps that offer all they are given and all they give back.
fn steps(says: &str) {
    assert_eq!(run_tool(says), says);
    assert_eq!(search(says).len(), 1);
    assert!(words(says).count() > 0);
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
    for event in
        ["inference.operation.details", "client.operation.exception", "gen_ai.evaluation.result"]
    {
        assert!(off.contains(event), "events are there: {event}");
    }
    let around = off.find(CANARY).map(|at| &off[at.saturating_sub(200)..at]);
    assert_eq!(around, None, "content has left");
    let on = everything(Capture::ALL).await;
    assert!(on.contains(CANARY), "the test can see content where there is some");
    for part in
        ["\"arguments\":", "\"result\":", "\"documents\":[{", "\"variables\":", "\"explanation\":"]
    {
        assert!(on.contains(part), "{part} is there where it is turned on");
    }
    for secret in ["sk-test", "Bearer"] {
        assert!(!off.contains(secret) && !on.contains(secret), "{secret} has left");
    }
}

#[tokio::test]
async fn content_that_is_for_events_is_on_no_span() {
    let otlp = Server::start().await.expect("a port");
    otlp.handler(|_| Answer::bytes(200, "application/x-protobuf", ""));
    let endpoint = otlp.url();
    let llmobs = llmobs::Builder::from_lookup(&move |name| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.clone()),
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT" => Some("EVENT_ONLY".to_owned()),
        _ => None,
    });
    let llmobs = llmobs.no_file().process_wide(false).start().expect("it starts");
    let out = Bytes::default();
    llmobs::scope().recorder(llmobs.recorder()).run(calls()).await;
    all_bytes(llmobs, &out, &otlp).await;
    let says_it = |path: &str| {
        let sent: Vec<_> = otlp.received().into_iter().filter(|it| it.path() == path).collect();
        assert!(!sent.is_empty(), "something was sent to {path}");
        sent.iter().any(|it| it.body.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()))
    };
    assert!(says_it("/v1/logs") && !says_it("/v1/traces") && !says_it("/v1/metrics"));
}

/// What the detectors find by themselves, in whatever a user or a model says.
const SECRETS: [&str; 4] =
    ["bob@example.com", "4111 1111 1111 1111", "sk-proj-abcDEF123456ghiJKL789", "078-05-1120"];

/// An answer whose text comes in pieces of `len` bytes.
fn in_pieces(text: &str, len: usize) -> Answer {
    let pieces = text.as_bytes().chunks(len).map(|piece| String::from_utf8_lossy(piece));
    let delta = |delta: serde_json::Value| {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
        .to_string()
    };
    let mut events: Vec<String> = Vec::new();
    for piece in pieces {
        let call = json!({"index": 0, "id": "call_1", "function": {"name": "look_up", "arguments": piece}});
        events.push(delta(
            json!({"role": "assistant", "content": piece, "reasoning_content": piece}),
        ));
        events.push(delta(json!({"tool_calls": [call]})));
    }
    events.push("[DONE]".into());
    Answer::sse(events)
}

#[tokio::test]
async fn secrets_in_captured_content_are_redacted_wherever_they_were_said() {
    for len in [1, 3, 7, 1_000] {
        let (llmobs, out, otlp) = observed(Capture::ALL).await;
        let said = SECRETS.join(" and ");
        let arguments = json!({"to": said, "lines": format!("a\n{said}\n")}).to_string();
        let scope = llmobs::scope().recorder(llmobs.recorder());
        let answers = [
            in_pieces(&said, len),
            in_pieces(&arguments, len),
            Answer::json(200, &json!({"error": {"message": said, "type": said, "code": said}})),
            Answer::text(400, &said),
        ];
        scope
            .run(async {
                for answer in answers {
                    let server = Server::start().await.expect("a port");
                    server.answer(answer);
                    if let Ok(mut stream) =
                        client(&server).chat().create_stream(request(&said)).await
                    {
                        while stream.next().await.is_some() {}
                    }
                }
                steps(&said);
                let mut step = Step::start(StepKind::Tool, "noted");
                step.attribute("said", &said);
                step.end();
            })
            .await;
        let all = all_bytes(llmobs, &out, &otlp).await;
        for name in ["email", "card", "key", "ssn"] {
            assert!(all.contains(&format!("[redacted:{name}]")), "{name} was said and found");
        }
        for secret in SECRETS {
            let around = all.find(secret).map(|at| &all[at.saturating_sub(300)..at]);
            assert_eq!(around, None, "{secret} has left, in pieces of {len}");
        }
    }
}

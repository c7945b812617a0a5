//! From a template to the records of the calls it was sent in, with nothing in between.

use async_openai::types::chat::{
    ChatCompletionRequestAssistantMessage, ChatCompletionRequestMessage,
    ChatCompletionRequestMessageContentPartText, ChatCompletionRequestSystemMessage,
    ChatCompletionRequestUserMessage, ChatCompletionRequestUserMessageContent,
    CreateChatCompletionRequest,
};
use llmobs::testing::Recording;
use llmobs::{Capture, Record, Template, prompt, trace_llm};
use llmobs_testserver::{Answer, ChatScript, Server, chat_completion};
use tokio::sync::Barrier;

use crate::support::{client, question, recording};

const CANARY: &str = "canary-4711";

async fn server() -> Server {
    let server = Server::start().await.expect("a port");
    server.handler(|_| Answer::json(200, &chat_completion(&ChatScript::new("On Monday."))));
    server
}

fn system(text: impl Into<String>) -> ChatCompletionRequestMessage {
    ChatCompletionRequestSystemMessage::from(text.into()).into()
}

fn user(text: impl Into<String>) -> ChatCompletionRequestMessage {
    ChatCompletionRequestUserMessage::from(text.into()).into()
}

fn assistant(text: &str) -> ChatCompletionRequestMessage {
    ChatCompletionRequestAssistantMessage::from(text).into()
}

async fn ask(server: &Server, messages: impl Into<Vec<ChatCompletionRequestMessage>>) {
    let request = CreateChatCompletionRequest {
        messages: messages.into(),
        stream: None,
        stream_options: None,
        ..question("")
    };
    client(server).chat().create(request).await.expect("the server answers");
}

/// The only call since the last time: its prompt, and those listed.
fn prompts(recording: &Recording) -> (String, Vec<String>) {
    let records = recording.take().interactions();
    let record = records.only();
    (primary(record), record.prompts.iter().map(named).collect())
}

fn primary(record: &Record) -> String {
    record.prompt.as_ref().map_or_else(|| "none".to_owned(), named)
}

fn named(prompt: &llmobs::Prompt) -> String {
    format!("{}@{}", prompt.name, prompt.version.as_deref().unwrap_or("none"))
}

/// A system prompt whose version is its hash.
fn tone() -> String {
    prompt!("tone", "Answer as a friend would.")
}

fn answer(question: &str) -> String {
    prompt!("support-answer", version = "3", "Answer {question}")
}

const TONE: &str = "tone@81f4299899dc";

#[tokio::test]
async fn the_prompts_of_a_call_are_known_without_a_word() {
    let (server, recording) = (server().await, recording());
    let said = async {
        ask(&server, [system(tone()), user(answer("when?"))]).await;
    };
    recording.scope().run(said).await;
    let found = prompts(&recording);
    assert_eq!(found, ("support-answer@3".into(), vec![TONE.into(), "support-answer@3".into()]));

    recording.scope().run(async { ask(&server, [system(tone()), user("when?")]).await }).await;
    assert_eq!(prompts(&recording), (TONE.into(), vec![]));
}

#[tokio::test]
async fn a_text_part_is_known_as_a_message_is() {
    let (server, recording) = (server().await, recording());
    let call = async {
        let part = |text: String| ChatCompletionRequestMessageContentPartText::from(text);
        let parts = vec![part("a picture follows".into()).into(), part(answer("what?")).into()];
        let content = ChatCompletionRequestUserMessageContent::Array(parts);
        ask(&server, [ChatCompletionRequestUserMessage { content, name: None }.into()]).await;
    };
    recording.scope().run(call).await;
    assert_eq!(prompts(&recording).0, "support-answer@3");
}

#[tokio::test]
async fn a_template_of_the_run_time_is_known_the_same_way() {
    let (server, recording) = (server().await, recording());
    let template = Template::new("from-registry", "Answer \"{question}\"\nin {language} — now!");
    let template = template.expect("a template").version("7");
    let call = async {
        let values = [("question", "wo \u{1f600}?"), ("language", "Deutsch\t")];
        let text = template.render(values).expect("both have values");
        ask(&server, [user(text)]).await;
    };
    recording.scope().run(call).await;
    let records = recording.take();
    let prompt = records.only().prompt.as_ref().expect("the text is known");
    assert_eq!(named(prompt), "from-registry@7");
    assert_eq!(prompt.hash.as_deref(), Some(template.hash()));
}

#[tokio::test]
async fn prompts_of_earlier_turns_are_listed_only() {
    let (server, recording) = (server().await, recording());
    let talk = async {
        let first = answer("when?");
        ask(&server, [user(&first)]).await;
        ask(&server, [user(&first), assistant("On Monday."), user("And where?")]).await;
        ask(&server, [system(tone()), user(&first), assistant("On Monday."), user("?")]).await;
    };
    recording.scope().run(talk).await;
    let records = recording.take().interactions();
    let found: Vec<_> =
        records.iter().map(|record| (primary(record), record.prompts.len())).collect();
    let expected = [("support-answer@3", 0), ("none", 1), (TONE, 2)];
    assert_eq!(found, expected.map(|(name, listed)| (name.to_owned(), listed)));
}

#[tokio::test]
async fn a_scope_has_the_last_word_and_embedded_text_needs_it() {
    let (server, recording) = (server().await, recording());
    recording
        .scope()
        .run(async { ask(&server, [user(format!("{}\nThanks!", answer("when?")))]).await })
        .await;
    assert_eq!(prompts(&recording), ("none".into(), vec![]));

    let call = async {
        let text = answer("when?");
        let larger = format!("{text}\nThanks!");
        llmobs::scope().prompt_of(&text).run(ask(&server, [user(larger)])).await;
    };
    recording.scope().run(call).await;
    assert_eq!(prompts(&recording), ("support-answer@3".into(), vec![]));

    let named = recording.scope().prompt("by-hand", "1");
    named.run(async { ask(&server, [user(answer("when?"))]).await }).await;
    assert_eq!(prompts(&recording), ("by-hand@1".into(), vec!["support-answer@3".into()]));
}

#[tokio::test]
async fn concurrent_requests_with_one_text_keep_their_own_prompts() {
    #[trace_llm(kind = "prompt")]
    fn build(variant: bool) -> String {
        let question = "when?";
        if variant {
            prompt!("answer", version = "b", "Answer {question}")
        } else {
            prompt!("answer", version = "a", "Answer {question}")
        }
    }
    #[trace_llm(kind = "workflow")]
    async fn handle(server: &Server, variant: bool, both_have_rendered: &Barrier) {
        let text = build(variant);
        both_have_rendered.wait().await;
        ask(server, [user(text)]).await;
    }
    let (server, recording) = (server().await, recording());
    for _ in 0..10 {
        let barrier = Barrier::new(2);
        let [one, other] =
            [false, true].map(|variant| recording.scope().run(handle(&server, variant, &barrier)));
        tokio::join!(one, other);
        let records = recording.take();
        let calls = records.interactions();
        let mut found: Vec<_> = calls.iter().map(primary).collect();
        found.sort();
        assert_eq!(found, ["answer@a", "answer@b"]);
    }
}

#[tokio::test]
async fn values_and_texts_stay_inside_unless_they_were_turned_on() {
    let server = server().await;
    let call = || async {
        ask(&server, [system(tone()), user(answer(CANARY))]).await;
    };
    let recording = recording();
    recording.scope().run(call()).await;
    let records = recording.take();
    records.assert_lacks(CANARY);
    assert_eq!(primary(&records[0]), "support-answer@3");
    assert!(!format!("{:?}", recording.recorder()).contains(CANARY));

    recording.scope().capture(Capture::NONE.input(true)).run(call()).await;
    let records = recording.take();
    let prompt = records.only().prompt.as_ref().expect("the text is known");
    assert_eq!(prompt.variables["question"], CANARY);
}

//! The application's own fallback between models is one logical call.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::chat::{ChatCompletionResponseStream, CreateChatCompletionRequest};
use futures_util::StreamExt;
use llmobs::testing::AssertRecord;
use llmobs::{Outcome, StepKind};
use llmobs_testserver::{Answer, ChatScript, Server, Usage, chat_chunks};
use serde_json::json;

use crate::support::{client, question, recording};

fn with(model: &str) -> CreateChatCompletionRequest {
    CreateChatCompletionRequest { model: model.to_owned(), ..question("?") }
}

async fn ask(client: &Client<OpenAIConfig>) -> Result<ChatCompletionResponseStream, OpenAIError> {
    match client.chat().create_stream(with("large")).await {
        Ok(stream) => Ok(stream),
        Err(_) => client.chat().create_stream(with("small")).await,
    }
}

#[tokio::test]
async fn a_stream_that_a_second_model_answers_belongs_to_the_logical_call() {
    let server = Server::start().await.expect("a port");
    server.answer(Answer::json(400, &json!({"error": {"message": "no", "type": "model_down"}})));
    let mut usage = Usage::default();
    (usage.prompt, usage.completion) = (3, 2);
    let script = ChatScript::tokens(["one", " two"]).usage(usage);
    server.answer(Answer::sse(chat_chunks(&script)));
    let recording = recording();
    let client = client(&server);
    let run = async { llmobs::fallback("answer").run(ask(&client)).await };
    let stream = recording.scope().run(run).await.expect("the second model answers");
    assert_eq!(stream.count().await, 5);
    // The client drops the body on a task of its own, some time after its reader has left.
    while recording.records().len() < 3 {
        tokio::task::yield_now().await;
    }

    let records = recording.observed();
    let logical = records.named("answer").assert_outcome(Outcome::Completed);
    assert_eq!(logical.step, Some(StepKind::Fallback));
    assert_eq!(logical.model.as_deref(), Some("small"));
    let totals = logical.totals.as_ref().expect("it sums up");
    assert_eq!((totals.calls, totals.failed, totals.uncounted), (2, 1, 1));
    assert_eq!((totals.input_tokens, totals.output_tokens), (3, 2));
    let attempts = records.interactions();
    assert_eq!(attempts.len(), 2);
    for (n, attempt) in attempts.iter().enumerate() {
        attempt.assert_child_of(logical);
        let place = attempt.fallback.expect("it has a place");
        assert_eq!((place.attempt as usize, place.span_id), (n + 1, logical.span_id));
    }
}

//! Calls that are observed on the wire, inside a span that tells of the same call.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs,
};
use llmobs::{Outcome, Step, StepKind};
use llmobs_testserver::{Answer, ChatScript, Usage, chat_completion};
use tracing::field::Empty;
use tracing::{Instrument, info_span};

use crate::world::{World, everywhere};

async fn ask(client: &Client<OpenAIConfig>) {
    let request = CreateChatCompletionRequestArgs::default()
        .model("gpt-4o-mini")
        .messages([ChatCompletionRequestUserMessage::from("CANARY?").into()])
        .build()
        .expect("the request is complete");
    client.chat().create(request).await.expect("it is answered");
}

fn client(world: &World) -> Client<OpenAIConfig> {
    let usage = Usage { prompt: 12, completion: 7, ..Usage::default() };
    let answer = chat_completion(&ChatScript::new("Fine.").usage(usage));
    world.model.answer(Answer::json(200, &answer).repeat());
    let config = OpenAIConfig::new().with_api_base(world.model.base_url()).with_api_key("sk-test");
    llmobs::openai::client(config)
}

#[tokio::test]
async fn a_call_in_a_span_made_by_hand_is_one_record_and_one_span() {
    everywhere(
        async |world| {
            let client = client(world);
            {
                let agent = Step::start(StepKind::Agent, "clerk");
                let span = || {
                    info_span!(
                        "ask the model",
                        gen_ai.operation.name = "chat",
                        gen_ai.request.model = "gpt-4o-mini",
                        gen_ai.usage.input_tokens = Empty,
                    )
                };
                agent
                    .run(async {
                        let span = span();
                        ask(&client).instrument(span.clone()).await;
                        span.record("gen_ai.usage.input_tokens", 99);
                    })
                    .await;
                agent.end();
            }
        },
        |told| {
            let interactions = told.records.interactions();
            let record = interactions.only();
            assert_eq!(record.input_tokens, Some(12), "the wire knows better");
            assert_eq!(record.outcome, Some(Outcome::Completed));
            assert_eq!(record.http_status, Some(200));
            let agent = told.records.named("clerk");
            assert_eq!(record.parent_span_id, agent.span_id, "{told}");
            assert_eq!(agent.totals.as_ref().map(|totals| totals.calls), Some(1));
            assert_eq!(told.records.len(), 2, "{told}");
            assert_eq!(told.backend().0.len(), 2, "{told}");
            assert!(!told.has_bridge() || told.service.calls().len() == 1, "{told}");
        },
    )
    .await;
}

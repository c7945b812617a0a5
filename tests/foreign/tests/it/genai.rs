//! genai with its feature `otel`: its spans are never entered.

use futures_util::StreamExt;
use genai::adapter::AdapterKind;
use genai::chat::{ChatMessage, ChatOptions, ChatRequest};
use genai::otel::agent::{AgentSpan, ExecuteToolSpan};
use genai::resolver::{AuthData, Endpoint, ServiceTargetResolver};
use genai::{Client, ModelIden, ServiceTarget};
use llmobs::{LatencyClock, Outcome, Step, StepKind};
use llmobs_testserver::{Answer, ChatScript, Usage, chat_chunks, chat_completion};
use serde_json::json;
use tracing::Instrument;

use crate::world::{OWN, Told, World, everywhere, run_in};

fn client(world: &World) -> Client {
    let url = format!("{}/", world.model.base_url());
    let resolver = ServiceTargetResolver::from_resolver_fn(move |target: ServiceTarget| {
        Ok(ServiceTarget {
            endpoint: Endpoint::from_owned(url.clone()),
            auth: AuthData::from_single("sk-test"),
            model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
        })
    });
    Client::builder().with_service_target_resolver(resolver).build().expect("a client")
}

fn script(text: &str) -> ChatScript {
    let usage = Usage { prompt: 12, completion: 7, cached: 4, reasoning: 2 };
    ChatScript::new(text).id("chatcmpl-1").model("gpt-4o-mini-2024-07-18").usage(usage)
}

fn question() -> ChatRequest {
    ChatRequest::new(vec![ChatMessage::user("CANARY?")])
}

async fn chat(world: &World) {
    world.model.answer(Answer::json(200, &chat_completion(&script("Fine."))));
    let options = ChatOptions::default().with_temperature(0.5);
    let answer = client(world).exec_chat("gpt-4o-mini", question(), Some(&options)).await;
    assert_eq!(answer.expect("it is answered").first_text(), Some("Fine."));
}

#[track_caller]
fn assert_chat(told: &Told) {
    let interactions = told.records.interactions();
    let record = interactions.only();
    assert_eq!(record.operation.as_deref(), Some("chat"));
    assert_eq!(record.provider.as_deref(), Some("openai"));
    assert_eq!(record.model.as_deref(), Some("gpt-4o-mini"));
    assert_eq!((record.input_tokens, record.output_tokens), (Some(12), Some(7)));
    assert_eq!(record.finish_reason.as_deref(), Some("stop"));
    assert_eq!(record.outcome, Some(Outcome::Completed));
    assert_eq!(record.server.as_ref().map(|server| server.address.as_str()), Some("127.0.0.1"));
    let clock = record.latency.as_ref().and_then(|latency| latency.clock);
    assert_eq!(clock, Some(LatencyClock::Span));
    told.records.assert_lacks("CANARY");
}

#[tokio::test]
async fn a_chat_in_a_step_is_one_record_and_one_span_in_every_set_up() {
    everywhere(
        async |world| {
            let step = Step::start(StepKind::Chain, "around");
            step.run(chat(world)).await;
            step.end();
        },
        |told| {
            assert_chat(told);
            let interactions = told.records.interactions();
            let record = interactions.only();
            assert_eq!(record.parent_span_id, told.records.named("around").span_id, "{told}");
            assert_eq!(record.model_version.as_deref(), Some("gpt-4o-mini-2024-07-18"));
            assert_eq!(record.params.as_ref().and_then(|params| params.temperature), Some(0.5));
            told.backend().assert_tree(&["around < -", "chat gpt-4o-mini < around"]);
        },
    )
    .await;
}

#[tokio::test]
async fn a_streamed_chat_is_recorded_with_its_first_chunk() {
    everywhere(
        async |world| {
            world.model.answer(Answer::sse(chat_chunks(&script("One two three."))));
            let options = ChatOptions::default().with_capture_usage(true);
            let client = client(world);
            let answer = client.exec_chat_stream("gpt-4o-mini", question(), Some(&options));
            let mut stream = answer.await.expect("a stream opens").stream;
            while let Some(event) = stream.next().await {
                event.expect("the stream is whole");
            }
        },
        |told| {
            let record = told.records.only();
            assert_eq!((record.input_tokens, record.output_tokens), (Some(12), Some(7)));
            assert_eq!(record.stream, Some(true));
            assert_eq!(record.outcome, Some(Outcome::Completed));
            let latency = record.latency.as_ref().expect("the clock is said");
            assert!(latency.time_to_first_chunk_ms.is_some_and(|ms| ms > 0.0));
        },
    )
    .await;
}

#[tokio::test]
async fn an_error_is_a_failed_call_with_its_class() {
    everywhere(
        async |world| {
            world.model.answer(Answer::json(429, &json!({"error": {"message": "CANARY"}})));
            assert!(client(world).exec_chat("gpt-4o-mini", question(), None).await.is_err());
        },
        |told| {
            let record = told.records.only();
            assert_eq!(record.outcome, Some(Outcome::Failed));
            let error = record.error.as_ref().expect("it failed");
            assert_eq!((&*error.kind, error.status), ("429", Some(429)));
            assert_eq!(error.class.map(|class| class.as_str()), Some("rate_limit"));
            told.records.assert_lacks("CANARY");
        },
    )
    .await;
}

#[tokio::test]
async fn embeddings_are_an_interaction() {
    let told = run_in(OWN, async |world| {
        world.model.answer(Answer::json(
            200,
            &json!({
                "object": "list",
                "model": "text-embedding-3-small",
                "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
                "usage": {"prompt_tokens": 3, "total_tokens": 3},
            }),
        ));
        let client = client(world);
        client.embed("text-embedding-3-small", "CANARY", None).await.expect("it is answered");
    })
    .await;
    told.assert_once();
    let record = told.records.only();
    assert_eq!(record.operation.as_deref(), Some("embeddings"));
    assert_eq!(record.input_tokens, Some(3));
    told.records.assert_lacks("CANARY");
}

#[tokio::test]
async fn spans_of_an_agent_and_a_tool_that_the_application_makes_are_steps() {
    everywhere(
        async |world| {
            let agent = AgentSpan::invoke_agent().with_name("clerk").start();
            async {
                chat(world).await;
                let tool = ExecuteToolSpan::new("clock").with_call_id("call_1").start();
                tool.in_scope(|| Step::start(StepKind::Chain, "inside").end());
                genai::otel::agent::set_error(&tool, "timeout");
            }
            .instrument(agent)
            .await;
        },
        |told| {
            let agent = told.records.named("clerk");
            assert_eq!(agent.step, Some(StepKind::Agent));
            assert_eq!(
                agent.totals.as_ref().map(|totals| (totals.calls, totals.tools)),
                Some((1, 1))
            );
            let tool = told.records.named("clock");
            assert_eq!(tool.parent_span_id, agent.span_id, "{told}");
            assert_eq!(tool.outcome, Some(Outcome::Failed));
            assert_eq!(told.records.named("inside").parent_span_id, tool.span_id, "{told}");
            assert_eq!(told.records.interactions().only().parent_span_id, agent.span_id, "{told}");
        },
    )
    .await;
}

//! rig: its clients, its agents, its tools.

use futures_util::StreamExt;
use llmobs::{Capture, LatencyClock, Outcome, Step, StepKind};
use llmobs_testserver::{Answer, ChatScript, ToolCall, Usage, chat_chunks, chat_completion};
use rig_agent::AgentBuilder;
use rig_agent::tool::{Tool, ToolContext};
use rig_core::completion::CompletionRequest;
use rig_core::providers::openai::{OpenAI, OpenAIConfig};
use serde_json::{Value, json};

use crate::world::{ATTACHED, OWN, Told, World, everywhere, run, run_in};

fn client(world: &World) -> OpenAI {
    OpenAIConfig::new("sk-test").with_base_url(world.model.base_url()).client()
}

fn usage() -> Usage {
    Usage { prompt: 12, completion: 7, cached: 4, reasoning: 2 }
}

fn script(text: &str) -> ChatScript {
    ChatScript::new(text).id("chatcmpl-1").model("gpt-4o-mini-2024-07-18").usage(usage())
}

fn whole(script: &ChatScript) -> Answer {
    Answer::json(200, &chat_completion(script)).header("x-request-id", "req-1")
}

async fn chat(world: &World) {
    world.model.answer(whole(&script("Fine.")));
    let model = client(world).chat("gpt-4o-mini");
    let answer = model.call(CompletionRequest::new("CANARY?")).await.expect("it is answered");
    assert_eq!(answer.text(), "Fine.");
}

#[track_caller]
fn assert_chat(told: &Told) {
    let interactions = told.records.interactions();
    let record = interactions.only();
    assert_eq!(record.operation.as_deref(), Some("chat"));
    assert_eq!(record.provider.as_deref(), Some("openai"));
    assert_eq!(record.model.as_deref(), Some("gpt-4o-mini"));
    assert_eq!(record.model_version.as_deref(), Some("gpt-4o-mini-2024-07-18"));
    assert_eq!(record.response_id.as_deref(), Some("chatcmpl-1"));
    assert_eq!((record.input_tokens, record.output_tokens), (Some(12), Some(7)));
    let usage = record.usage.as_ref().expect("rig tells usage");
    assert_eq!((usage.cache_read_tokens, usage.reasoning_tokens), (Some(4), Some(2)));
    assert_eq!(record.outcome, Some(Outcome::Completed));
    let clock = record.latency.as_ref().and_then(|latency| latency.clock);
    assert_eq!(clock, Some(LatencyClock::Span));
    // rig does not tell the host, and built-in prices are those of the provider's own.
    assert_eq!((&record.server, &record.cost), (&None, &None));
    told.records.assert_lacks("CANARY");
}

#[tokio::test]
async fn a_chat_is_one_record_and_one_span_in_every_set_up() {
    everywhere(
        async |world| chat(world).await,
        |told| {
            assert_chat(told);
            assert_eq!(told.records.len(), 1, "{told}");
            assert_eq!(told.records.only().stream, Some(false));
            let name = if told.has_bridge() && told.backend().0.len() == told.service.0.len() {
                told.backend().0[0].name.clone()
            } else {
                "chat gpt-4o-mini".to_owned()
            };
            told.backend().assert_tree(&[&format!("{name} < -")]);
        },
    )
    .await;
}

#[tokio::test]
async fn a_chat_in_a_step_is_the_steps_child_in_every_set_up() {
    everywhere(
        async |world| {
            let step = Step::start(StepKind::Chain, "around");
            step.run(chat(world)).await;
            step.end();
        },
        |told| {
            assert_chat(told);
            let interactions = told.records.interactions();
            let around = told.records.named("around");
            assert_eq!(interactions.only().parent_span_id, around.span_id, "{told}");
        },
    )
    .await;
}

#[tokio::test]
async fn a_streamed_chat_is_recorded_as_streamed() {
    everywhere(
        async |world| {
            world.model.answer(Answer::sse(chat_chunks(&script("One two three."))));
            let model = client(world).chat("gpt-4o-mini");
            let mut stream =
                model.stream(CompletionRequest::new("CANARY?")).expect("a stream opens");
            let mut items = 0;
            while let Some(item) = stream.next().await {
                item.expect("the stream is whole");
                items += 1;
            }
            assert!(items > 1);
            stream.finish().await.expect("it has ended");
        },
        |told| {
            assert_chat(told);
            assert_eq!(told.records.only().stream, Some(true));
        },
    )
    .await;
}

#[tokio::test]
async fn a_stream_that_is_dropped_has_no_outcome_that_anybody_knows() {
    let told = run_in(OWN, async |world| {
        world.model.answer(Answer::sse(chat_chunks(&script("One two three."))));
        let model = client(world).chat("gpt-4o-mini");
        let mut stream = model.stream(CompletionRequest::new("CANARY?")).expect("a stream opens");
        let _ = stream.next().await;
    })
    .await;
    told.assert_once();
    let record = told.records.only();
    assert_eq!((record.input_tokens, record.output_tokens), (None, None));
}

#[tokio::test]
async fn embeddings_are_an_interaction() {
    everywhere(
        async |world| {
            world.model.answer(Answer::json(
                200,
                &json!({
                    "object": "list",
                    "model": "text-embedding-3-small",
                    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
                    "usage": {"prompt_tokens": 3, "total_tokens": 3},
                }),
            ));
            let model = client(world).embedding("text-embedding-3-small", Some(2));
            model.embed_text("CANARY").await.expect("it is answered");
        },
        |told| {
            let record = told.records.only();
            assert_eq!(record.operation.as_deref(), Some("embeddings"));
            assert_eq!(record.input_tokens, Some(3));
            assert_eq!(record.outcome, Some(Outcome::Completed));
            told.records.assert_lacks("CANARY");
        },
    )
    .await;
}

/// rig says nothing of errors in its spans: neither do we.
#[tokio::test]
async fn an_error_leaves_the_outcome_unknown_since_rig_does_not_tell() {
    everywhere(
        async |world| {
            world.model.answer(Answer::json(429, &json!({"error": {"message": "CANARY"}})));
            let model = client(world).chat("gpt-4o-mini");
            let failed = model.call(CompletionRequest::new("CANARY?")).await;
            assert!(failed.is_err());
        },
        |told| {
            let record = told.records.only();
            assert_eq!(record.outcome, None);
            assert_eq!((record.input_tokens, &record.response_id), (None, &None));
            told.records.assert_lacks("CANARY");
        },
    )
    .await;
}

struct Clock;

impl Tool for Clock {
    const NAME: &'static str = "clock";
    type Args = Value;
    type Output = String;
    type Error = std::convert::Infallible;

    fn description(&self) -> String {
        "Tells the time".to_owned()
    }

    fn parameters(&self) -> Value {
        json!({"type": "object", "properties": {"zone": {"type": "string"}}})
    }

    async fn call(&self, _: &mut ToolContext, args: Value) -> Result<String, Self::Error> {
        // A step of the application's own, inside rig's tool.
        let step = Step::start(StepKind::Chain, "look at the clock");
        let zone = step.run(async { args["zone"].clone() }).await;
        step.end();
        Ok(format!("noon in {zone}"))
    }
}

async fn agent(world: &World) {
    let asks = ChatScript::new("")
        .usage(usage())
        .tool_call(ToolCall::new("call_1", "clock", r#"{"zone":"CANARY"}"#))
        .finish_reason("tool_calls");
    world.model.answer(whole(&asks));
    world.model.answer(whole(&script("It is noon.")));
    let model = client(world).chat("gpt-4o-mini");
    let agent = AgentBuilder::new(model)
        .name("clerk")
        .preamble("CANARY, be brief.")
        .record_content_telemetry(true)
        .tool(Clock)
        .default_max_turns(3)
        .build();
    let answer = agent.prompt("CANARY, what time is it?").await.expect("the agent answers");
    assert!(format!("{answer:?}").contains("noon"));
}

#[tokio::test]
async fn an_agent_its_turns_and_its_tools_nest_and_are_summed_up() {
    everywhere(
        async |world| agent(world).await,
        |told| {
            let agent = told.records.named("clerk");
            assert_eq!(agent.step, Some(StepKind::Agent));
            let below = told.records.children_of(agent);
            assert_eq!(below.interactions().len(), 2, "{told}");
            let tool = below.named("clock");
            assert_eq!(tool.step, Some(StepKind::Tool));
            assert_eq!(tool.tool.as_ref().and_then(|tool| tool.call_id.as_deref()), Some("call_1"));
            assert_eq!(tool.outcome, Some(Outcome::Completed));
            let inside = told.records.named("look at the clock");
            assert_eq!(inside.parent_span_id, tool.span_id, "{told}");
            let totals = agent.totals.as_ref().expect("agents sum up");
            assert_eq!((totals.calls, totals.tools, totals.input_tokens), (2, 1, 24), "{told}");
            assert_eq!(told.records.len(), 5, "{told}");
            told.records.assert_lacks("CANARY");
        },
    )
    .await;
}

#[tokio::test]
async fn content_that_rig_records_is_kept_where_capture_allows_it() {
    for setup in [OWN, ATTACHED] {
        let world = World::capturing(setup, Capture::ALL).await;
        let told = run(world, async |world| agent(world).await).await;
        told.assert_once();
        let tool = told.records.named("clock").content.clone().expect("tools are captured");
        assert_eq!(tool.arguments.map(|a| a["zone"].clone()), Some("CANARY".into()));
        let interactions = told.records.interactions();
        let content = interactions[0].content.as_ref().expect("messages are captured");
        let instructions = content.system_instructions.as_ref().expect("there are some");
        assert!(instructions.to_string().contains("be brief"));
        assert!(content.input_messages.is_some() && content.output_messages.is_some());
    }
}

//! Each kind of span, by the conventions.

use llmobs_conformance::State;
use llmobs_core::testing::samples;
use llmobs_core::{Memory, Outcome, Params, Record, Retrieval, StepKind};
use llmobs_otlp::Semconv;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::{Map, Value, json};

use crate::receiver::json as attributes;
use crate::scene::Scene;

fn arrived_as(semconv: Semconv, record: Record) -> Span {
    let scene = Scene::with(|otlp| otlp.semconv(semconv), |builder| builder);
    scene.receiver.expects(|checker| match semconv {
        Semconv::V2026_08 => checker.state(State::V2026_08),
        Semconv::Both => checker.state(State::Both),
        _ => checker,
    });
    scene.recorder().record(record);
    scene.flush();
    scene.receiver.spans().remove(0)
}

fn arrived(record: Record) -> Span {
    arrived_as(Semconv::Latest, record)
}

/// What stands under the conventions' names.
fn standard(span: &Span) -> Value {
    let Value::Object(all) = attributes(&span.attributes) else { unreachable!("an object") };
    let ours = |key: &String| key.starts_with("llmobs.") || key == "session.id" || key == "user.id";
    Value::Object(all.into_iter().filter(|(key, _)| !ours(key)).collect::<Map<_, _>>())
}

fn step(kind: StepKind) -> Record {
    let content = None;
    let attributes = std::collections::BTreeMap::new();
    Record { step: Some(kind), content, attributes, ..samples::told_step() }
}

fn looked_up(kind: StepKind) -> Record {
    Record { step: Some(kind), ..samples::looked_up() }
}

#[test]
fn embeddings_have_their_own_attributes_and_no_others() {
    let chat = samples::streamed_chat();
    let operation = Some("embeddings".into());
    let span = arrived(Record { operation, content: None, ..chat });
    assert_eq!((span.name.as_str(), span.kind()), ("embeddings small", SpanKind::Client));
    let expected = json!({
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "example",
        "gen_ai.request.model": "small",
        "gen_ai.response.model": "small-2026-01-01",
        "server.address": "llm.example",
        "server.port": 443,
        "gen_ai.usage.input_tokens": 1200,
        "gen_ai.request.encoding_formats": ["float"],
        "gen_ai.embeddings.dimension.count": 256,
    });
    assert_eq!(standard(&span), expected);
}

#[test]
fn a_fetched_response_has_its_id_and_its_state_and_no_tokens() {
    let span = arrived(Record {
        operation: Some("fetch_response".into()),
        api: Some("responses".into()),
        response_id: Some("resp_1".into()),
        response_status: Some("incomplete".into()),
        finish_reasons: vec![Some("max_output_tokens".into())],
        content: None,
        prompt: None,
        ..samples::streamed_chat()
    });
    assert_eq!((span.name.as_str(), span.kind()), ("fetch_response", SpanKind::Client));
    let expected = json!({
        "gen_ai.operation.name": "fetch_response",
        "gen_ai.provider.name": "example",
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.status": "incomplete",
        "gen_ai.response.finish_reasons": ["length"],
        "gen_ai.response.model": "small-2026-01-01",
        "server.address": "llm.example",
        "server.port": 443,
        "openai.api.type": "responses",
        "openai.response.service_tier": "default",
    });
    assert_eq!(standard(&span), expected);
}

#[test]
fn a_stored_answer_s_state_says_how_it_finished() {
    let reasons = |status: &str| {
        let span = arrived(Record {
            api: Some("responses".into()),
            response_status: Some(status.into()),
            finish_reasons: Vec::new(),
            tool_calls: Vec::new(),
            ..samples::streamed_chat()
        });
        standard(&span).get("gen_ai.response.finish_reasons").cloned()
    };
    assert_eq!(reasons("completed"), Some(json!(["stop"])));
    assert_eq!(reasons("failed"), Some(json!(["error"])));
    assert_eq!(reasons("queued"), None);
}

#[test]
fn a_retrieval_calls_out_and_is_named_by_its_source() {
    let span = arrived(looked_up(StepKind::Retrieval));
    assert_eq!((span.name.as_str(), span.kind()), ("retrieval handbook", SpanKind::Client));
    let documents = r#"[{"content":"within 30 days","id":"kb-7","score":0.875}]"#;
    let expected = json!({
        "gen_ai.operation.name": "retrieval",
        "gen_ai.provider.name": "example",
        "gen_ai.request.model": "embed-1",
        "gen_ai.data_source.id": "handbook",
        "gen_ai.retrieval.top_k": 3,
        "gen_ai.retrieval.query.text": "refunds",
        "gen_ai.retrieval.documents": documents,
    });
    assert_eq!(standard(&span), expected);
    // The same of a store that is the provider's.
    let span = arrived(Record {
        operation: Some("retrieval".into()),
        retrieval: Some(Box::new(Retrieval { data_source: Some("vs_1".into()), top_k: None })),
        ..samples::dropped()
    });
    assert_eq!(span.name, "retrieval vs_1");
    assert_eq!(standard(&span)["gen_ai.data_source.id"], "vs_1");
}

#[test]
fn a_memory_is_named_by_what_is_done_with_it() {
    let span = arrived(looked_up(StepKind::Memory));
    assert_eq!((span.name.as_str(), span.kind()), ("search_memory", SpanKind::Client));
    let expected = json!({
        "gen_ai.operation.name": "search_memory",
        "gen_ai.provider.name": "example",
        "gen_ai.memory.store.id": "notes",
        "gen_ai.memory.record.id": "note-1",
        "gen_ai.memory.record.count": 1,
        "gen_ai.memory.query.text": "refunds",
        "gen_ai.memory.records": r#"[{"content":"within 30 days","id":"kb-7","score":0.875}]"#,
    });
    assert_eq!(standard(&span), expected);
    let untold =
        Record { memory: Some(Box::new(Memory::default())), ..looked_up(StepKind::Memory) };
    let span = arrived(untold);
    assert_eq!(
        (span.name.as_str(), standard(&span).get("gen_ai.operation.name")),
        ("search", None)
    );
}

#[test]
fn tools_agents_workflows_and_plans_have_what_the_conventions_list() {
    let span = arrived(step(StepKind::Tool));
    assert_eq!((span.name.as_str(), span.kind()), ("execute_tool search", SpanKind::Internal));
    let tool = json!({
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.id": "call_1",
        "gen_ai.tool.type": "function",
        "gen_ai.agent.name": "support",
        "gen_ai.conversation.id": "s-1",
    });
    assert_eq!(standard(&span), tool);
    let described = standard(&arrived(looked_up(StepKind::Tool)));
    assert_eq!(described["gen_ai.tool.description"], "Searches the handbook.");

    let span = arrived(looked_up(StepKind::Agent));
    assert_eq!((span.name.as_str(), span.kind()), ("invoke_agent support", SpanKind::Internal));
    let found = standard(&span);
    assert_eq!(found["gen_ai.agent.description"], "Answers customers.");
    assert_eq!(found["gen_ai.conversation.id"], "s-1");
    assert_eq!((found.get("gen_ai.provider.name"), found.get("gen_ai.agent.id")), (None, None));

    let span = arrived(step(StepKind::Workflow));
    let workflow = json!({
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "refunds",
        "gen_ai.conversation.id": "s-1",
    });
    assert_eq!((span.name.as_str(), standard(&span)), ("invoke_workflow refunds", workflow));

    let span = arrived(step(StepKind::Plan));
    let plan = json!({"gen_ai.operation.name": "plan", "gen_ai.agent.name": "support"});
    assert_eq!((span.name.as_str(), standard(&span)), ("plan support", plan));
}

#[test]
fn the_earlier_state_has_its_names_and_both_have_both() {
    let names = |semconv| {
        let found = standard(&arrived_as(semconv, samples::streamed_chat()));
        ["cache_write.input_tokens", "cache_creation.input_tokens", "audio.input_tokens"]
            .map(|name| found.get(format!("gen_ai.usage.{name}")).is_some())
    };
    assert_eq!(names(Semconv::Latest), [true, false, true]);
    assert_eq!(names(Semconv::V2026_08), [false, true, false]);
    assert_eq!(names(Semconv::Both), [true, true, true]);
    let tool = standard(&arrived_as(Semconv::V2026_08, step(StepKind::Tool)));
    assert_eq!(tool.get("gen_ai.conversation.id"), None);
}

#[test]
fn what_fails_says_so_and_nothing_else_has_a_status() {
    let kinds =
        [StepKind::Tool, StepKind::Agent, StepKind::Plan, StepKind::Memory, StepKind::Chain];
    for kind in kinds {
        let failed = arrived(Record { step: Some(kind), ..samples::step() });
        assert_eq!(failed.status.as_ref().map(|status| status.code()), Some(StatusCode::Error));
        assert_eq!(standard(&failed)["error.type"], "timeout", "{kind:?}");
        let done = Record { outcome: Some(Outcome::Completed), error: None, ..samples::step() };
        let done = arrived(Record { step: Some(kind), ..done });
        assert_eq!((done.status, attributes(&done.attributes).get("error.type")), (None, None));
    }
}

#[test]
fn a_service_tier_is_told_of_apis_that_have_one() {
    let params = Params { service_tier: Some("flex".into()), ..Params::default() };
    let of = |api: &'static str| {
        let (api, params) = (Some(api.into()), Some(Box::new(params.clone())));
        standard(&arrived(Record { api, params, ..samples::dropped() }))
    };
    assert_eq!(of("chat_completions")["openai.request.service_tier"], "flex");
    assert_eq!(of("images").get("openai.request.service_tier"), None);
}

//! Names that particular backends read.

use llmobs_conformance::Checker;
use llmobs_core::testing::samples;
use llmobs_core::{Record, StepKind, Usage};
use llmobs_otlp::Compat;
use serde_json::{Value, json};

use crate::receiver::json as attributes;
use crate::scene::Scene;

/// What a record arrives with under names that are not the conventions' nor ours.
fn added(compat: Compat, record: Record) -> Value {
    let scene = Scene::with(|otlp| otlp.compat(compat), |builder| builder);
    scene.receiver.expects(Checker::compat);
    added_in(&scene, record)
}

fn added_in(scene: &Scene, record: Record) -> Value {
    scene.recorder().record(record);
    scene.flush();
    let span = scene.receiver.spans().remove(0);
    let Value::Object(all) = attributes(&span.attributes) else { panic!("attributes") };
    let ours = ["gen_ai.", "llmobs.", "openai.", "server.", "error.", "session.", "user."];
    let foreign = |key: &String| !ours.iter().any(|prefix| key.starts_with(prefix));
    all.into_iter().filter(|(key, _)| foreign(key)).collect::<serde_json::Map<_, _>>().into()
}

fn chat() -> Record {
    let mut chat = samples::streamed_chat();
    chat.usage.get_or_insert_default().inconsistent = false;
    chat
}

#[test]
fn langfuse_gets_the_first_token_the_prompt_and_counts_that_add_up() {
    let expected = json!({
        "langfuse.observation.completion_start_time": "2026-01-01T00:00:00.313250Z",
        "langfuse.observation.prompt.name": "greeting",
        "langfuse.observation.prompt.version": 3,
        "langfuse.observation.usage_details": r#"{"input":48,"output":276,"input_cached_tokens":1024,"input_cache_creation":128,"output_reasoning_tokens":64,"total":1540}"#,
    });
    assert_eq!(added(Compat::Langfuse, chat()), expected);
    // What contradicts itself does not add up.
    let mut odd = chat();
    odd.usage = Some(Usage { cache_read_tokens: Some(9_999), ..Usage::default() });
    let scene = Scene::with(|otlp| otlp.compat(Compat::Langfuse), |builder| builder);
    scene.receiver.receives_anything("the counts contradict each other");
    let found = added_in(&scene, odd);
    assert_eq!(found.get("langfuse.observation.usage_details"), None);
}

#[test]
fn openinference_gets_kinds_models_counts_and_values() {
    let expected = json!({
        "openinference.span.kind": "LLM",
        "llm.model_name": "small-2026-01-01",
        "llm.token_count.prompt": 1200,
        "llm.token_count.completion": 340,
        "llm.token_count.total": 1540,
        "llm.token_count.prompt_details.cache_read": 1024,
        "llm.token_count.prompt_details.cache_write": 128,
        "llm.token_count.completion_details.reasoning": 64,
        "llm.prompt_template.version": "3",
        "input.value": r#"[{"parts":["hello"],"role":"user"}]"#,
        "input.mime_type": "application/json",
        "output.value": r#"[{"parts":["hi\r\n"],"role":"assistant"}]"#,
        "output.mime_type": "application/json",
    });
    assert_eq!(added(Compat::OpenInference, chat()), expected);
    let step = |step| {
        let record = Record { step: Some(step), content: None, ..samples::step() };
        added(Compat::OpenInference, record)
    };
    assert_eq!(step(StepKind::Workflow), json!({"openinference.span.kind": "CHAIN"}));
    assert_eq!(step(StepKind::Guardrail), json!({"openinference.span.kind": "GUARDRAIL"}));
}

#[test]
fn backends_get_costs_in_dollars() {
    let langfuse = added(Compat::Langfuse, samples::priced());
    let details = r#"{"input":0.000276,"output":0.000204,"total":0.00048}"#;
    assert_eq!(
        langfuse,
        json!({"langfuse.observation.cost_details": details, "langfuse.observation.usage_details": langfuse["langfuse.observation.usage_details"]})
    );
    let found = added(Compat::OpenInference, samples::priced());
    let costs = ["total", "prompt", "completion"].map(|part| &found[format!("llm.cost.{part}")]);
    assert_eq!(costs, [&json!(0.00048), &json!(0.000276), &json!(0.000204)]);

    let mut euros = samples::priced();
    if let Some(cost) = &mut euros.cost {
        cost.currency = "EUR".into();
    }
    for backend in [Compat::Langfuse, Compat::OpenInference] {
        let found = added(backend, euros.clone()).to_string();
        assert!(!found.contains("cost"), "they take every amount for dollars: {found}");
    }
}

#[test]
fn mlflow_gets_values_and_embeddings_that_have_no_output() {
    let record = Record { operation: Some("embeddings".into()), output_tokens: None, ..chat() };
    let scene = Scene::with(|otlp| otlp.compat(Compat::Mlflow), |builder| builder);
    scene.receiver.expects(Checker::compat);
    scene.recorder().record(record);
    scene.flush();
    let found = attributes(&scene.receiver.spans().remove(0).attributes);
    assert_eq!(found["gen_ai.usage.output_tokens"], json!(0));
    assert_eq!(found["input.mime_type"], json!("application/json"));
}

#[test]
fn without_content_in_the_record_no_backend_gets_any() {
    for backend in [Compat::Langfuse, Compat::OpenInference, Compat::Mlflow] {
        let found = added(backend, Record { content: None, ..chat() }).to_string();
        assert!(!found.contains("hello") && !found.contains("value"), "{found}");
    }
}

//! Everything we send under the conventions' names exists there, with that type and unit.

use std::collections::BTreeSet;

use llmobs_core::testing::samples;
use llmobs_core::{Content, Params, Prompt, Record, StepKind};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use serde_json::{Value, json};

use crate::receiver::attribute;
use crate::scene::Scene;

const REGISTRY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/semconv/genai-latest.compact.json");

fn registry() -> Option<Value> {
    let Ok(text) = std::fs::read_to_string(REGISTRY) else {
        eprintln!("SKIPPED: the registry of the conventions is not at {REGISTRY}");
        return None;
    };
    Some(serde_json::from_str(&text).expect("the registry is JSON"))
}

/// Ours, and those of the core conventions that the GenAI registry only refers to.
fn is_elsewhere(name: &str) -> bool {
    let core = ["error.type", "server.address", "server.port", "session.id", "user.id"];
    name.starts_with("llmobs.") || core.contains(&name)
}

/// The registry's name for an attribute: templates are registered without their last part.
fn registered<'r>(registry: &'r Value, name: &str) -> Option<&'r Value> {
    let attributes = &registry["attributes"];
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let template =
        |entry: &&Value| entry["type"].as_str().is_some_and(|t| t.starts_with("template"));
    attributes.get(name).or_else(|| attributes.get(stem).filter(template))
}

fn type_name(value: &any_value::Value) -> &'static str {
    match value {
        any_value::Value::StringValue(_) => "string",
        any_value::Value::BoolValue(_) => "boolean",
        any_value::Value::IntValue(_) => "int",
        any_value::Value::DoubleValue(_) => "double",
        any_value::Value::ArrayValue(_) => "string[]",
        other => panic!("spans have no such value: {other:?}"),
    }
}

#[track_caller]
fn check(registry: &Value, attributes: &[KeyValue], seen: &mut BTreeSet<String>) {
    for KeyValue { key, .. } in attributes.iter().filter(|a| !is_elsewhere(&a.key)) {
        let entry = registered(registry, key).unwrap_or_else(|| panic!("{key} is not registered"));
        let found = type_name(&attribute(attributes, key).expect("a value"));
        let expected = match &entry["type"] {
            // An enum's values are texts; structured values are JSON texts on spans.
            Value::Object(_) => "string",
            Value::String(kind) => match kind.as_str() {
                "any" | "template[string]" | "enum" => "string",
                kind => kind,
            },
            other => panic!("{key} has a type of another kind: {other}"),
        };
        assert_eq!(found, expected, "{key}");
        assert_ne!(entry["stability"], json!("deprecated"), "{key}");
        seen.insert(key.clone());
    }
}

fn everything() -> Vec<Record> {
    let params = Params {
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(40.0),
        max_tokens: Some(64),
        n: Some(2),
        seed: Some(7),
        stop: vec!["a".into()],
        frequency_penalty: Some(0.1),
        presence_penalty: Some(0.2),
        reasoning_effort: Some("high".into()),
        response_format: Some("json_object".into()),
        service_tier: Some("flex".into()),
        previous_response_id: Some("resp_1".into()),
        encoding_format: Some("base64".into()),
        dimensions: Some(256),
        ..Params::default()
    };
    let prompt = Prompt {
        name: "p".into(),
        version: Some("1".into()),
        variables: [("who".into(), "Ada".into())].into(),
        ..Prompt::default()
    };
    let content = Content {
        input_messages: Some(json!([])),
        output_messages: Some(json!([])),
        system_instructions: Some(json!([])),
        tool_definitions: Some(json!([])),
        query: Some(json!("q")),
        arguments: Some(json!({})),
        result: Some(json!([])),
        documents: Some(json!([])),
    };
    let mut chat = samples::streamed_chat();
    // Counts that contradict each other are in no metric.
    chat.usage.get_or_insert_default().inconsistent = false;
    chat.params = Some(Box::new(params));
    chat.prompt = Some(prompt);
    chat.content = Some(Box::new(content.clone()));
    let embeddings = Record { operation: Some("embeddings".into()), ..chat.clone() };
    let fetch = Record { operation: Some("fetch_response".into()), ..chat.clone() };
    let of = |operation: &'static str, api: &'static str| Record {
        operation: Some(operation.into()),
        api: Some(api.into()),
        ..chat.clone()
    };
    let others = [
        samples::media(),
        samples::read(),
        of("generate_content", "images"),
        of("generate_content", "audio_speech"),
        of("transcription", "audio_transcriptions"),
        of("translation", "audio_translations"),
        of("moderation", "moderations"),
        of("retrieval", "vector_stores"),
        of("api_call", "files"),
    ];
    let mut records = vec![chat, embeddings, fetch, samples::failed(), samples::dropped()];
    records.extend(others);
    records.push(samples::unreachable());
    let known = [
        StepKind::Tool,
        StepKind::Agent,
        StepKind::Workflow,
        StepKind::Retrieval,
        StepKind::Plan,
        StepKind::Memory,
    ];
    for step in known {
        let content = Some(Box::new(content.clone()));
        // Names of the application's own are nobody's to register.
        let attributes = std::collections::BTreeMap::new();
        records.push(Record { step: Some(step), content, attributes, ..samples::told_step() });
    }
    records
}

#[test]
fn every_attribute_and_metric_we_send_is_registered() {
    let Some(registry) = registry() else { return };
    let scene = Scene::measured();
    for mut record in everything() {
        if let Some(latency) = &mut record.latency {
            latency.chunk_gaps_ms = vec![20.0];
        }
        let totals = record.totals.get_or_insert_default();
        (totals.own_inference_calls, totals.own_tools) = (Some(1), Some(2));
        scene.recorder().record(record);
    }
    scene.flush();

    let mut seen = BTreeSet::new();
    for span in scene.receiver.spans() {
        check(&registry, &span.attributes, &mut seen);
    }
    assert!(seen.len() > 40, "{}: {seen:?}", seen.len());
    let metrics = scene.receiver.metrics();
    let mut registered = 0;
    for metric in metrics {
        let points: Vec<_> = match metric.data.expect("data") {
            Data::Histogram(data) => data.data_points.into_iter().map(|p| p.attributes).collect(),
            Data::Sum(data) => data.data_points.into_iter().map(|p| p.attributes).collect(),
            other => panic!("no metric of ours: {other:?}"),
        };
        let (is_histogram, name) = (metric.name.as_str(), &metric.name);
        if name.starts_with("llmobs.") {
            continue;
        }
        registered += 1;
        let entry = registry["metrics"].get(is_histogram).expect(name);
        assert_eq!(entry["unit"], json!(metric.unit), "{name}");
        let known = entry["attributes"].as_object().expect("attributes");
        for attributes in points {
            let foreign =
                |a: &&KeyValue| !a.key.starts_with("llmobs.") && !known.contains_key(&a.key);
            let foreign: Vec<_> = attributes.iter().filter(foreign).map(|a| &a.key).collect();
            assert!(foreign.is_empty(), "{name} has no {foreign:?}");
            check(&registry, &attributes, &mut seen);
        }
    }
    assert_eq!(registered, 18);
}

//! Events by the conventions' own registry.

use llmobs_core::Capture;
use llmobs_core::testing::samples;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Wire;
use serde_json::Value;

use crate::receiver::attribute;
use crate::scene::Scene;

const REGISTRY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/semconv/genai-latest.compact.json");

#[test]
fn events_are_registered_with_all_that_they_must_have() {
    let Ok(text) = std::fs::read_to_string(REGISTRY) else {
        eprintln!("SKIPPED: the registry of the conventions is not at {REGISTRY}");
        return;
    };
    let registry: Value = serde_json::from_str(&text).expect("the registry is JSON");
    let scene = Scene::told(|otlp| otlp.details(true), |builder| builder.capture(Capture::ALL));
    samples::all().into_iter().for_each(|record| scene.recorder().record(record));
    scene.flush();
    let events = scene.receiver.events();
    let mut names: Vec<_> = events.iter().map(|event| event.event_name.clone()).collect();
    names.sort();
    names.dedup();
    assert_eq!(
        names,
        [
            "gen_ai.client.inference.operation.details",
            "gen_ai.client.operation.exception",
            "gen_ai.evaluation.result"
        ]
    );
    for event in &events {
        let entry = &registry["events"][&event.event_name];
        let known = entry["attributes"].as_object().expect("attributes");
        for (name, requirement) in known {
            let there = attribute(&event.attributes, name).is_some();
            assert!(there || requirement["level"] != "required", "{name}: {}", event.event_name);
        }
        for found in event.attributes.iter().filter(|found| found.key.starts_with("gen_ai.")) {
            let stem = found.key.rsplit_once('.').map_or("", |(stem, _)| stem);
            let entry = &registry["attributes"][&found.key];
            let entry = if entry.is_null() { &registry["attributes"][stem] } else { entry };
            let value = attribute(&event.attributes, &found.key).expect("a value");
            match (entry["type"].as_str(), value) {
                (Some("any"), Wire::ArrayValue(_) | Wire::KvlistValue(_))
                | (Some("string" | "template[string]") | None, Wire::StringValue(_))
                | (Some("double"), Wire::DoubleValue(_))
                | (Some("int"), Wire::IntValue(_))
                | (Some("boolean"), Wire::BoolValue(_))
                | (Some("string[]"), Wire::ArrayValue(_)) => {}
                (kind, value) => panic!("{} is {value:?}, and should be {kind:?}", found.key),
            }
            assert!(!entry.is_null(), "{} is not registered", found.key);
        }
    }
}

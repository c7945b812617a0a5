//! Content is valid by the schemas of the conventions, whole and cut.

use std::collections::BTreeMap;
use std::io::Read;

use bytes::Bytes;
use jsonschema::Validator;
use llmobs_core::testing::samples;
use llmobs_core::{BodyEnd, Capture, Exchange, Offline, Record, StepKind, Target};
use llmobs_openai::OpenAi;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

use crate::receiver::text;
use crate::scene::Scene;

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");

const SCHEMAS: [(&str, &str); 8] = [
    ("gen_ai.input.messages", "gen-ai-input-messages"),
    ("gen_ai.output.messages", "gen-ai-output-messages"),
    ("gen_ai.system_instructions", "gen-ai-system-instructions"),
    ("gen_ai.tool.definitions", "gen-ai-tool-definitions"),
    ("gen_ai.tool.call.arguments", "gen-ai-tool-call-arguments"),
    ("gen_ai.tool.call.result", "gen-ai-tool-call-result"),
    ("gen_ai.retrieval.documents", "gen-ai-retrieval-documents"),
    ("gen_ai.memory.records", "gen-ai-memory-records"),
];

fn validators() -> Option<Vec<(&'static str, Validator)>> {
    let of = |(key, name): (&'static str, &str)| {
        let path = format!("{SHARED}/semconv/content-schemas/{name}.json");
        let text = std::fs::read_to_string(path).ok()?;
        // Of a tool's own schema it is enough that it is one.
        let draft = r##""$ref": "http://json-schema.org/draft-07/schema#""##;
        let text = text.replace(draft, r#""type": ["object", "boolean"]"#);
        let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
        Some((key, jsonschema::validator_for(&schema).expect("it is a schema")))
    };
    let validators: Option<Vec<_>> = SCHEMAS.into_iter().map(of).collect();
    if validators.is_none() {
        eprintln!("SKIPPED: no content schemas at {SHARED}");
    }
    validators
}

#[track_caller]
fn check(validators: &[(&str, Validator)], spans: &[Span]) -> BTreeMap<String, u64> {
    let mut seen = BTreeMap::new();
    for span in spans {
        for (key, validator) in validators {
            let Some(text) = text(&span.attributes, key) else { continue };
            let value: Value = serde_json::from_str(&text).expect("content is JSON");
            if let Err(error) = validator.validate(&value) {
                panic!("{key} of {}: {error}: {text}", span.name);
            }
            *seen.entry((*key).to_owned()).or_default() += 1;
            if *key == "gen_ai.output.messages" {
                for message in value.as_array().expect("a list") {
                    assert!(
                        message["role"] == "cut" || message["finish_reason"].is_string(),
                        "{text}"
                    );
                }
            }
        }
    }
    seen
}

fn recorded() -> Vec<Record> {
    let Ok(file) = std::fs::File::open(format!("{SHARED}/recordings/recordings.jsonl.gz")) else {
        eprintln!("SKIPPED: no recordings at {SHARED}");
        return Vec::new();
    };
    let mut lines = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut lines).expect("gzip of UTF-8");
    let mut offline = Offline::new(OpenAi, Capture::ALL);
    let mut records = Vec::new();
    for line in lines.lines().step_by(6) {
        let line: Value = serde_json::from_str(line).expect("one object a line");
        let text = |name: &str| line[name].as_str().unwrap_or_default();
        let kind = [("content-type", text("content_type"))];
        let target = Target {
            method: text("method"),
            host: "host.test",
            port: Some(443),
            path: text("path"),
        };
        let exchange = Exchange {
            target,
            request: Bytes::copy_from_slice(text("request").as_bytes()),
            status: u16::try_from(line["status"].as_u64().unwrap_or(200)).unwrap_or(200),
            headers: if kind[0].1.is_empty() { &[] } else { &kind },
            end: BodyEnd::Complete,
        };
        let body = [Bytes::copy_from_slice(text("response").as_bytes())];
        if let Ok(record) = offline.decode(&exchange, body) {
            let Record { trace_id, span_id, timestamp, .. } = samples::dropped();
            records.push(Record { trace_id, span_id, timestamp, ..record });
        }
    }
    records
}

fn all() -> Vec<Record> {
    let mut records = samples::all();
    for kind in [StepKind::Tool, StepKind::Retrieval, StepKind::Memory, StepKind::Agent] {
        records.push(Record { step: Some(kind), ..samples::told_step() });
    }
    records.extend(recorded());
    records
}

fn arrived(limit: Option<usize>) -> Vec<Span> {
    let limited = |otlp: llmobs_otlp::Otlp| match limit {
        Some(limit) => otlp.attribute_limit(limit),
        None => otlp,
    };
    let scene = Scene::with(limited, |builder| builder);
    for record in all() {
        scene.recorder().record(record);
    }
    scene.flush();
    scene.receiver.spans()
}

#[test]
fn all_content_is_valid_by_its_schema_whole_and_cut() {
    let Some(validators) = validators() else { return };
    for limit in [None, Some(2_048), Some(300), Some(64)] {
        let seen = check(&validators, &arrived(limit));
        assert_eq!(seen.len(), SCHEMAS.len(), "{limit:?}: {seen:?}");
        assert!(limit.is_some() || seen["gen_ai.input.messages"] > 1, "{seen:?}");
        eprintln!("{limit:?}: {seen:?}");
    }
}

#[test]
fn what_a_tool_gives_back_is_an_object() {
    let result = |value: Value| {
        let mut record = samples::told_step();
        record.content.as_mut().expect("it has content").result = Some(value);
        let scene = Scene::own();
        scene.recorder().record(record);
        scene.flush();
        text(&scene.receiver.spans()[0].attributes, "gen_ai.tool.call.result")
    };
    assert_eq!(result(json!({"a": 1})).as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(result(json!(r#"{"a": 1}"#)).as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(result(json!("[1, 2]")).as_deref(), Some(r#"{"result":[1,2]}"#));
    assert_eq!(result(json!("12")).as_deref(), Some(r#"{"result":"12"}"#));
    assert_eq!(result(json!(12)).as_deref(), Some(r#"{"result":12}"#));
}

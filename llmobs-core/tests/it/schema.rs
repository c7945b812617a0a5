//! The published schema says what the types write.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use llmobs_core::{Latency, Logprobs, Params, RateLimit, Record, schema};
use serde_json::{Value, json};

static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&schema()).expect("the schema is one")
});

#[track_caller]
pub(crate) fn assert_valid(line: &Value) {
    let errors: Vec<_> = VALIDATOR.iter_errors(line).map(|err| err.to_string()).collect();
    assert!(errors.is_empty(), "{line} is invalid: {errors:?}");
}

#[test]
fn the_published_file_is_what_the_types_give() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/llmobs-1.json"));
    let text = serde_json::to_string_pretty(&schema()).expect("a schema is JSON") + "\n";
    if std::env::var_os("LLMOBS_BLESS").is_some() {
        std::fs::write(path, &text).expect("the schema can be written");
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert!(text == published, "run this test with LLMOBS_BLESS=1 and review the difference");
}

#[test]
fn every_field_is_described() {
    fn walk(schema: &Value, at: &str, missing: &mut Vec<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let at = format!("{at}.{name}");
            if !property["description"].is_string() {
                missing.push(at);
            }
        }
    }
    let schema = schema();
    let mut missing = Vec::new();
    walk(&schema, "record", &mut missing);
    let definitions = schema["$defs"].as_object().expect("the record has parts");
    for (name, part) in definitions {
        walk(part, name, &mut missing);
    }
    assert!(definitions.len() > 10, "{definitions:?}");
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_schema_leaves_room_for_later_versions() {
    assert_valid(&json!({"kind": "interaction", "later": 1, "usage": {"later": true}}));
    assert_valid(&json!({"kind": "later", "step": "later", "outcome": "later"}));
    assert_valid(&json!({"kind": "step", "usage": {"source": "later"}}));
    assert_valid(&json!({"kind": "step", "latency": {"tpot_source": "later"}}));
}

#[test]
fn the_schema_refuses_what_is_no_record() {
    for line in [
        json!({}),
        json!([]),
        json!({"kind": 1}),
        json!({"kind": "interaction", "trace_id": "XYZ"}),
        json!({"kind": "interaction", "timestamp": "yesterday"}),
        json!({"kind": "interaction", "input_tokens": -1}),
        json!({"kind": "interaction", "logprobs": {"mean": null, "tokens": 1}}),
        json!({"kind": "interaction", "outcome": 5}),
    ] {
        assert!(!VALIDATOR.is_valid(&line), "{line} is valid");
    }
}

#[test]
fn a_number_that_is_none_is_left_out() {
    for none in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let record = Record {
            ttft_ms: Some(none),
            tpot_ms: Some(none),
            total_latency_ms: Some(none),
            server_timing: BTreeMap::from([("a".into(), none), ("b".into(), 1.0)]),
            logprobs: Some(Logprobs { mean: none, entropy: Some(none), tokens: 1 }),
            latency: Some(Box::new(Latency { queue_ms: Some(none), ..Latency::default() })),
            params: Some(Box::new(Params { top_p: Some(none), ..Params::default() })),
            rate_limit: Some(Box::new(RateLimit {
                retry_after_ms: Some(none),
                ..RateLimit::default()
            })),
            ..Record::default()
        };
        let line = serde_json::to_value(&record).expect("a record is JSON");
        assert_valid(&line);
        let left = json!({
            "kind": "interaction", "server_timing": {"b": 1.0},
            "latency": {}, "params": {}, "rate_limit": {}
        });
        assert_eq!(line, left);
        serde_json::from_value::<Record>(line).expect("it can be read");
    }
}

//! What is too long, too much, or no text, and how it arrives.

use std::collections::BTreeMap;

use llmobs_core::testing::samples;
use llmobs_core::{Content, Record};
use llmobs_otlp::{Compat, Otlp};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

use crate::receiver::{json as attributes, text};
use crate::scene::Scene;

fn arrived(record: Record, otlp: impl FnOnce(Otlp) -> Otlp) -> Span {
    let scene = Scene::with(otlp, |builder| builder);
    scene.receiver.expects(|checker| checker.compat().application(["te\u{fffd}xt", "whole"]));
    scene.recorder().record(record);
    scene.flush();
    let mut spans = scene.receiver.spans();
    assert_eq!(spans.len(), 1);
    spans.remove(0)
}

fn said(text: &str) -> Record {
    let message = json!([{"role": "user", "parts": [{"type": "text", "content": text}]}]);
    let content = Content { input_messages: Some(message), ..Content::default() };
    Record { content: Some(Box::new(content)), ..samples::dropped() }
}

fn parsed(span: &Span, key: &str) -> Value {
    let text = text(&span.attributes, key).expect("it is there");
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn a_limit_keeps_json_json_and_says_what_is_missing() {
    let span = arrived(said(&"é".repeat(2_000)), |otlp| otlp.attribute_limit(200));
    let kept = text(&span.attributes, "gen_ai.input.messages").expect("it is there");
    assert!(kept.len() <= 200 && kept.len() > 190, "{kept}");
    let messages = parsed(&span, "gen_ai.input.messages");
    let content = messages[0]["parts"][0]["content"].as_str().expect("a text");
    assert!(content.ends_with("… [4000 bytes]"), "{content}");
}

#[test]
fn one_attribute_can_have_a_limit_of_its_own_and_tempo_brings_its_own() {
    let own = |otlp: Otlp| otlp.attribute_limit_of("gen_ai.input.messages", 100);
    let span = arrived(said(&"x".repeat(3_000)), own);
    assert!(text(&span.attributes, "gen_ai.input.messages").expect("it is there").len() <= 100);
    let span = arrived(said(&"x".repeat(3_000)), |otlp| otlp.compat(Compat::Tempo));
    let length = text(&span.attributes, "gen_ai.input.messages").expect("it is there").len();
    assert!((2_040..=2_048).contains(&length), "{length}");
    let span = arrived(said(&"x".repeat(3_000)), |otlp| otlp);
    assert!(text(&span.attributes, "gen_ai.input.messages").expect("it is there").len() > 3_000);
}

#[test]
fn a_span_of_eight_megabytes_arrives_cut_and_well_formed() {
    let compat = |otlp: Otlp| otlp.compat(Compat::OpenInference);
    let span = arrived(said(&"long \u{1F980} ".repeat(800_000)), compat);
    for key in ["gen_ai.input.messages", "input.value"] {
        let content = parsed(&span, key)[0]["parts"][0]["content"].clone();
        assert!(
            content.as_str().is_some_and(|text| text.len() > 1 << 20 && text.ends_with(" bytes]"))
        );
    }
    let whole: usize = ["gen_ai.input.messages", "input.value"]
        .iter()
        .map(|key| text(&span.attributes, key).expect("it is there").len())
        .sum();
    assert!(whole < 4 << 20, "{whole}");
}

#[test]
fn the_environment_sets_limits() {
    let read = |name: &str| {
        let value = match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => "http://localhost:4318",
            "OTEL_ATTRIBUTE_COUNT_LIMIT" => "7",
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" => "5",
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT" => "4",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let otlp = Otlp::from_lookup(read).expect("it can be followed");
    let scene = Scene::with(
        |here| {
            drop(here);
            otlp
        },
        |builder| builder,
    );
    drop(scene);
    let wrong = Otlp::from_lookup(|name| match name {
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" => Some("many".to_owned()),
        other => read(other),
    });
    let error = wrong.expect_err("it is no number").to_string();
    assert!(error.contains("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"), "{error}");
}

#[test]
fn ids_that_backends_refuse_are_shortened_and_still_tell_sessions_apart() {
    let span = |id: String| {
        let record = Record { session_id: Some(id), ..samples::dropped() };
        attributes(&arrived(record, |otlp| otlp).attributes)
    };
    let (one, other) = ("s".repeat(300), "s".repeat(301));
    let (found, again, differs) = (span(one.clone()), span(one), span(other));
    let id = found["session.id"].as_str().expect("an id");
    assert_eq!(id.chars().count(), 250);
    assert_eq!(found["gen_ai.conversation.id"], found["session.id"]);
    assert_eq!(found["session.id"], again["session.id"]);
    assert_ne!(found["session.id"], differs["session.id"]);
    let whole = "é".repeat(250);
    assert_eq!(span(whole.clone())["session.id"], whole);
}

#[test]
fn control_characters_are_replaced_and_lines_stay() {
    let span = arrived(said("a\0b\u{1b}[2J\tc\r\nd\\b"), |otlp| otlp);
    let content = parsed(&span, "gen_ai.input.messages")[0]["parts"][0]["content"].clone();
    assert_eq!(content, "a\u{fffd}b\u{fffd}[2J\tc\r\nd\\b");
    let own = BTreeMap::from([
        ("te\0xt".to_owned(), json!("a\0b")),
        (String::new(), json!("no name")),
        ("whole".to_owned(), json!(u64::MAX)),
    ]);
    let span = arrived(Record { attributes: own, ..samples::step() }, |otlp| otlp);
    let found = attributes(&span.attributes);
    assert_eq!(found["te\u{fffd}xt"], "a\u{fffd}b");
    assert_eq!(span.dropped_attributes_count, 1, "one has no name");
    assert_eq!(found["whole"], json!(u64::MAX as f64));
}

#[test]
fn what_is_no_number_is_not_sent() {
    let record = Record {
        ttft_ms: Some(f64::NAN),
        tpot_ms: Some(f64::INFINITY),
        ..samples::streamed_chat()
    };
    let found = attributes(&arrived(record, |otlp| otlp).attributes);
    assert_eq!((found.get("llmobs.ttft_ms"), found.get("llmobs.tpot_ms")), (None, None));
}

#[test]
fn an_attached_provider_gets_all_and_counts_what_it_drops() {
    let (scene, provider) = Scene::attached();
    let tags: serde_json::Map<_, _> = (0..150).map(|n| (format!("t{n:03}"), json!("v"))).collect();
    let call = crate::scene::issue(scene.recorder(), json!({ "tags": tags }));
    crate::scene::complete(call, 200, json!({}));
    scene.flush();
    provider.force_flush().expect("it is exported");
    let span = scene.receiver.spans().remove(0);
    assert_eq!(span.attributes.len(), 128);
    assert!(span.dropped_attributes_count > 30, "{}", span.dropped_attributes_count);
}

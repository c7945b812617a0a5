//! Content on events: only where it was turned on, and with its structure.

use llmobs_core::testing::samples;
use llmobs_core::{Capture, Content, ErrorClass, Evaluation, Record};
use llmobs_otlp::{Compat, ContentPlace};
use serde_json::{Value, json};

use super::{body, only};
use crate::receiver::json as attributes;
use crate::scene::Scene;

const SCHEMAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/semconv/content-schemas");
const CANARY: &str = "canary-7f3a";

/// A failed call, and an evaluation of it, with the canary in every place of content but the error.
fn sung() -> [Record; 2] {
    let song = json!([{"role": "user", "parts": [{"type": "text", "content": CANARY}]}]);
    let content = Content {
        input_messages: Some(song.clone()),
        output_messages: Some(song.clone()),
        system_instructions: Some(song.clone()),
        tool_definitions: Some(song.clone()),
        arguments: Some(song.clone()),
        result: Some(song.clone()),
        documents: Some(song),
        query: Some(json!(CANARY)),
    };
    let mut call = Record { content: Some(Box::new(content)), ..samples::streamed_chat() };
    call.outcome = samples::failed().outcome;
    call.error = samples::failed().error;
    let prompt = call.prompt.get_or_insert_default();
    prompt.variables = [("who".into(), CANARY.into())].into();
    let evaluation = Evaluation::new("relevance").explanation(CANARY).of(&call);
    [call, evaluation]
}

/// Whether the canary is in what arrived: on spans, on events.
fn heard(place: Option<ContentPlace>) -> (bool, bool) {
    let scene = Scene::told(
        |otlp| {
            let otlp = otlp.details(true).compat(Compat::OpenInference).compat(Compat::Mlflow);
            place.into_iter().fold(otlp, llmobs_otlp::Otlp::content)
        },
        |builder| builder.capture(Capture::ALL),
    );
    scene.receiver.receives_anything("the same words stand in place of every content");
    sung().into_iter().for_each(|record| scene.recorder().record(record));
    scene.flush();
    assert_eq!((scene.receiver.spans().len(), scene.receiver.events().len()), (1, 3));
    let heard = |path: &str| {
        let requests = scene.receiver.requests();
        let mut bodies = requests.iter().filter(|it| it.path == path).map(|it| &it.body);
        bodies.any(|body| body.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()))
    };
    // What was captured is in the record, wherever it goes.
    let lines = serde_json::to_string(&scene.recording.records()).expect("JSON");
    assert_eq!(lines.matches(CANARY).count(), 10);
    (heard("/v1/traces"), heard("/v1/logs"))
}

#[test]
fn content_goes_where_it_was_sent() {
    assert_eq!(heard(None), (true, true));
    assert_eq!(heard(Some(ContentPlace::NoContent)), (false, false));
    assert_eq!(heard(Some(ContentPlace::SpanOnly)), (true, false));
    assert_eq!(heard(Some(ContentPlace::EventOnly)), (false, true));
    assert_eq!(heard(Some(ContentPlace::SpanAndEvent)), (true, true));
}

#[test]
fn a_recorder_that_captures_nothing_sends_no_content_whatever_the_place() {
    let place = |otlp: llmobs_otlp::Otlp| otlp.content(ContentPlace::SpanAndEvent);
    let scene = Scene::told(place, |builder| builder);
    scene.receiver.receives_anything("the same words stand in place of every content");
    let [_, evaluation] = sung();
    scene.recorder().record(evaluation);
    let event = only(&scene);
    assert_eq!(attributes(&event.attributes).get("gen_ai.evaluation.explanation"), None);
}

#[test]
fn a_place_on_events_turns_the_details_on_unless_told_otherwise() {
    let count = |change: fn(llmobs_otlp::Otlp) -> llmobs_otlp::Otlp| {
        let scene = Scene::told(change, |builder| builder);
        scene.recorder().record(samples::streamed_chat());
        scene.flush();
        scene.receiver.events().len()
    };
    assert_eq!(count(|otlp| otlp), 0);
    assert_eq!(count(|otlp| otlp.content(ContentPlace::SpanOnly)), 0);
    assert_eq!(count(|otlp| otlp.content(ContentPlace::EventOnly)), 1);
    assert_eq!(count(|otlp| otlp.content(ContentPlace::SpanAndEvent)), 1);
    assert_eq!(count(|otlp| otlp.content(ContentPlace::EventOnly).details(false)), 0);
    assert_eq!(count(|otlp| otlp.content(ContentPlace::NoContent).details(true)), 1);
}

#[test]
fn a_message_of_an_error_is_told_where_it_was_captured_and_never_in_the_body() {
    let of = |message: Option<&str>| {
        let scene = Scene::told(|otlp| otlp.content(ContentPlace::SpanOnly), |builder| builder);
        let mut record = samples::failed();
        if let Some(error) = &mut record.error {
            error.message = message.map(str::to_owned);
        }
        scene.recorder().record(record);
        let event = only(&scene);
        assert!(!body(&event).contains(CANARY));
        attributes(&event.attributes).get("exception.message").cloned()
    };
    assert_eq!(of(None), None);
    assert_eq!(of(Some(CANARY)), Some(CANARY.into()));
}

#[test]
fn a_type_of_error_that_is_a_sentence_is_not_in_the_body() {
    let scene = Scene::told(|otlp| otlp, |builder| builder);
    let mut record = samples::failed();
    if let Some(error) = &mut record.error {
        error.kind = format!("you said {CANARY}").into();
        error.class = Some(ErrorClass::RateLimit);
    }
    scene.recorder().record(record);
    assert_eq!(body(&only(&scene)), "chat small: failed (rate_limit)");
}

fn structured() -> Content {
    Content {
        system_instructions: Some(json!([{"type": "text", "content": "be kind"}])),
        input_messages: Some(json!([
            {"role": "user", "parts": [{"type": "text", "content": "weather?"}]},
            {"role": "assistant", "parts": [{
                "type": "tool_call", "id": "c-1", "name": "weather",
                "arguments": {"city": "Oslo", "days": 2, "units": null, "limit": 18446744073709551615_u64}
            }]},
            {"role": "tool", "parts": [
                {"type": "tool_call_response", "id": "c-1", "response": {"celsius": [1.5, 2]}}
            ]},
        ])),
        output_messages: Some(json!([{
            "role": "assistant", "finish_reason": "stop",
            "parts": [{"type": "text", "content": "cold"}]
        }])),
        tool_definitions: Some(json!([{
            "type": "function", "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}
        }])),
        ..Content::default()
    }
}

#[test]
fn content_arrives_with_its_structure_and_valid_by_the_conventions() {
    let scene = Scene::told(|otlp| otlp.details(true), |builder| builder);
    let content = Some(Box::new(structured()));
    scene.recorder().record(Record { content, ..samples::streamed_chat() });
    let found = attributes(&only(&scene).attributes);
    let expected = structured();
    for (key, expected, schema) in [
        ("gen_ai.system_instructions", expected.system_instructions, "system-instructions"),
        ("gen_ai.output.messages", expected.output_messages, "output-messages"),
        ("gen_ai.tool.definitions", expected.tool_definitions, "tool-definitions"),
        ("gen_ai.input.messages", expected.input_messages, "input-messages"),
    ] {
        let mut expected = expected.expect("it was given");
        if let Some(limit) = expected.pointer_mut("/1/parts/0/arguments/limit") {
            // OTLP has no integers of that size.
            *limit = json!(u64::MAX as f64);
        }
        assert_eq!(found[key], expected, "{key}");
        valid(&found[key], schema);
    }
}

#[track_caller]
fn valid(content: &Value, schema: &str) {
    let path = format!("{SCHEMAS}/gen-ai-{schema}.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: the schemas of the conventions are not at {SCHEMAS}");
        return;
    };
    let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    let validator = jsonschema::draft7::new(&schema).expect("it is a schema");
    let errors: Vec<_> = validator.iter_errors(content).map(|err| err.to_string()).collect();
    assert!(errors.is_empty(), "{content} is invalid: {errors:?}");
    assert!(!validator.is_valid(&json!([{"no": "content"}])), "{path} takes anything");
}

#[test]
fn what_is_deeper_than_decoders_read_is_text() {
    let mut deep = json!("bottom");
    for _ in 0..60 {
        deep = json!({"in": [deep]});
    }
    let scene = Scene::told(|otlp| otlp.details(true), |builder| builder);
    scene.receiver.receives_anything("the content is none but for its form");
    let messages = json!([{"role": "user", "parts": [{"type": "odd", "deep": deep}]}]);
    let content = Content { input_messages: Some(messages), ..Content::default() };
    let content = Some(Box::new(content));
    scene.recorder().record(Record { content, ..samples::streamed_chat() });
    // The receiver decodes as most do: a hundred levels, and then it fails.
    let mut found = attributes(&only(&scene).attributes)["gen_ai.input.messages"].take();
    let mut levels = 4;
    found = found.pointer_mut("/0/parts/0/deep").expect("it is there").take();
    while let Some(below) = found.pointer_mut("/in/0") {
        (found, levels) = (below.take(), levels + 2);
    }
    assert_eq!(levels, 24);
    let text: Value = serde_json::from_str(found.as_str().expect("a text")).expect("JSON");
    let pointer = "/in/0".repeat(50);
    assert_eq!(text.pointer(&pointer), Some(&json!("bottom")));
}

#[test]
fn content_goes_before_tags_where_there_is_no_room_for_both() {
    let scene = Scene::told(|otlp| otlp.details(true), |builder| builder);
    let content = Some(Box::new(structured()));
    let tags = (0..200).map(|n| (format!("t{n}"), "v".into())).collect();
    scene.recorder().record(Record { content, tags, ..samples::streamed_chat() });
    let event = only(&scene);
    assert_eq!(event.attributes.len(), 128);
    let found = attributes(&event.attributes);
    assert!(found["gen_ai.input.messages"].is_array());
    let told = event.attributes.iter().filter(|it| it.key.starts_with("llmobs.tag.")).count();
    assert_eq!(told + event.dropped_attributes_count as usize, 200);
}

#[test]
fn numbers_texts_and_bytes_at_the_edges_arrive() {
    let scene = Scene::told(|otlp| otlp.details(true), |builder| builder);
    scene.receiver.receives_anything("the content is none but for its form");
    for mut record in llmobs_core::testing::kit::odd_records() {
        record.operation = Some("chat".into());
        scene.recorder().record(record);
    }
    scene.flush();
    let events = scene.receiver.events();
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event.time_unix_nano > 0 && !body(event).is_empty()));
    assert_eq!(scene.recorder().losses().total(), 0);
}

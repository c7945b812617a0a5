//! Evaluations as events of the calls they are of.

use llmobs_core::testing::samples;
use llmobs_core::{Capture, Evaluated, Evaluation};
use serde_json::json;

use super::{body, only};
use crate::receiver::{json as attributes, text};
use crate::scene::{Scene, quick_call};

const RESULT: &str = "gen_ai.evaluation.result";

#[test]
fn an_evaluation_arrives_in_the_trace_of_its_call_days_later() {
    let scene = Scene::told(|otlp| otlp, |builder| builder);
    quick_call(scene.recorder(), "gpt-4o");
    let call = scene.recording.records().remove(0);
    scene.advance(3 * 24 * 3_600_000);
    let evaluation = Evaluation::new("relevance").score(0.8).label("good").evaluator("judge-1");
    scene.recorder().record(evaluation.of(&call));
    let event = only(&scene);

    let span = scene.receiver.span("chat gpt-4o");
    assert_eq!((&event.trace_id, &event.span_id), (&span.trace_id, &span.span_id));
    assert_eq!((event.event_name.as_str(), event.flags), (RESULT, 1));
    assert_eq!(body(&event), "relevance: good (0.8)");
    assert_eq!(event.time_unix_nano - span.end_time_unix_nano, 3 * 24 * 3_600_000_000_000);
    let id = call.request_id.expect("an id").to_string();
    assert_eq!(
        attributes(&event.attributes),
        json!({
            "gen_ai.evaluation.name": "relevance",
            "gen_ai.evaluation.score.value": 0.8,
            "gen_ai.evaluation.score.label": "good",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "llmobs.evaluation.evaluator": "judge-1",
            "llmobs.request_id": id,
        })
    );
    // A judgement is no call and no step.
    assert_eq!(scene.receiver.spans().len(), 1);
}

#[test]
fn an_evaluation_has_what_identifies_its_call_and_nothing_the_prompt_was_filled_with() {
    let scene = Scene::told(|otlp| otlp, |builder| builder.capture(Capture::ALL));
    scene.recorder().record(samples::evaluation());
    let event = only(&scene);
    let found = attributes(&event.attributes);
    assert_eq!(body(&event), "relevance: failed (timeout)");
    assert_eq!(found["error.type"], "timeout");
    assert_eq!(found["gen_ai.response.id"], "chatcmpl-1");
    assert_eq!(found["gen_ai.response.model"], "small-2026-01-01");
    assert_eq!(found["gen_ai.prompt.name"], "greeting");
    assert_eq!(found["gen_ai.prompt.version"], "3");
    assert_eq!(found["gen_ai.conversation.id"], "s-1");
    assert_eq!(found["gen_ai.evaluation.explanation"], "It answers the question.");
    assert!(event.attributes.iter().all(|it| !it.key.starts_with("gen_ai.prompt.variable")));
}

#[test]
fn an_evaluation_that_knows_no_span_is_told_of_all_the_same() {
    let scene = Scene::told(|otlp| otlp, |builder| builder);
    scene.recorder().record(Evaluation::new("thumbs").of(Evaluated::response("chatcmpl-7")));
    let event = only(&scene);
    assert_eq!((event.trace_id.len(), event.span_id.len(), event.flags), (0, 0, 0));
    assert_eq!(text(&event.attributes, "gen_ai.response.id").as_deref(), Some("chatcmpl-7"));
    assert_eq!(text(&event.attributes, "llmobs.request_id"), None);
    assert_eq!(body(&event), "thumbs: no result");
}

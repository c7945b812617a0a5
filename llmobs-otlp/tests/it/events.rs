//! Events: what happened to calls, as log records.

mod content;
mod evaluation;
mod logger;
mod refused;
mod registered;

use llmobs_core::testing::samples;
use llmobs_core::{BodyEnd, Outcome, Record};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Wire;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::json;

use crate::receiver::{json as attributes, text};
use crate::scene::{Scene, complete, issue, quick_call};

const DETAILS: &str = "gen_ai.client.inference.operation.details";
const EXCEPTION: &str = "gen_ai.client.operation.exception";

/// The text that log viewers show.
#[track_caller]
fn body(event: &LogRecord) -> String {
    match event.body.clone().and_then(|body| body.value) {
        Some(Wire::StringValue(text)) => text,
        other => panic!("no text: {other:?}"),
    }
}

/// The one event there is.
#[track_caller]
fn only(scene: &Scene) -> LogRecord {
    scene.flush();
    let mut events = scene.receiver.events();
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

#[test]
fn a_failed_call_is_one_exception_in_its_span() {
    let scene = Scene::told(|otlp| otlp, |builder| builder.service("shop"));
    let call = issue(scene.recorder(), json!({"model": "gpt-4o", "response_id": "r-1"}));
    scene.advance(300);
    let error = json!({"type": "rate_limit_exceeded", "code": "tpm", "class": "rate_limit"});
    complete(call, 429, json!({"error": error}));
    let event = only(&scene);

    assert_eq!(event.event_name, EXCEPTION);
    assert_eq!((event.severity_number, event.severity_text.as_str()), (13, "WARN"));
    assert_eq!(body(&event), "chat gpt-4o: failed (rate_limit_exceeded)");
    let span = scene.receiver.span("chat gpt-4o");
    assert_eq!((&event.trace_id, &event.span_id), (&span.trace_id, &span.span_id));
    assert_eq!(event.flags, 1);
    assert_eq!(event.time_unix_nano, span.end_time_unix_nano);
    assert_eq!(event.observed_time_unix_nano, event.time_unix_nano);
    let id = scene.recording.records().remove(0).request_id.expect("an id");
    assert_eq!(
        attributes(&event.attributes),
        json!({
            "exception.type": "rate_limit_exceeded",
            "error.type": "rate_limit_exceeded",
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.id": "r-1",
            "server.address": "api.example.com",
            "server.port": 443,
            "openai.api.type": "chat_completions",
            "llmobs.error.class": "rate_limit",
            "llmobs.error.code": "tpm",
            "llmobs.http_status": 429,
            "llmobs.attempts": 1,
            "llmobs.request_id": id.to_string(),
        })
    );
    let (resource, scope) = scene.receiver.scoped_events().remove(0);
    assert_eq!(text(&resource.attributes, "service.name").as_deref(), Some("shop"));
    let named = scope.scope.expect("a scope");
    assert_eq!((named.name.as_str(), named.version.as_str()), ("llmobs", "0.1.0"));
    assert_eq!(scope.schema_url, "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev");
}

#[test]
fn calls_that_did_not_fail_make_no_event_unless_asked_for() {
    let scene = Scene::told(|otlp| otlp, |builder| builder);
    quick_call(scene.recorder(), "good");
    // A first attempt that was refused, and a second that was not.
    let call = issue(scene.recorder(), json!({"model": "retried"}));
    let refused = call.handle().attempt().headers(429, std::iter::empty());
    drop(refused);
    complete(call, 200, json!({}));
    let dropped = issue(scene.recorder(), json!({"model": "dropped", "stream": true}));
    let headers = [("content-type", &b"text/event-stream"[..])];
    let mut tap = dropped.handle().attempt().headers(200, headers.into_iter());
    dropped.returned();
    tap.data(&"data: one\n\n".into());
    tap.end(BodyEnd::Dropped);
    for record in [samples::retried(), samples::dropped(), samples::cut(), samples::step()] {
        scene.recorder().record(record);
    }
    scene.flush();
    let outcomes: Vec<_> = scene.recording.records().iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes.len(), 7, "{outcomes:?}");
    assert!(outcomes.contains(&Some(Outcome::Interrupted)));
    assert_eq!(scene.receiver.events(), []);
    assert!(scene.receiver.requests().iter().all(|request| request.path != "/v1/logs"));
    assert_eq!(scene.recorder().losses().total(), 0);
}

#[test]
fn every_attempt_of_a_call_that_failed_together_is_one_exception() {
    let scene = Scene::told(|otlp| otlp, |builder| builder);
    scene.recorder().record(samples::unreachable());
    let event = only(&scene);
    assert_eq!(body(&event), "chat small: failed (connect)");
    assert_eq!(attributes(&event.attributes)["llmobs.attempts"], 4);
}

#[test]
fn calls_of_other_kinds_fail_as_well() {
    let scene = Scene::told(|otlp| otlp.details(true), |builder| builder);
    let embeddings = Record { operation: Some("embeddings".into()), ..samples::failed() };
    scene.recorder().record(embeddings);
    // No details: the conventions have them for inference alone.
    assert_eq!(only(&scene).event_name, EXCEPTION);
}

#[test]
fn details_are_all_that_the_span_says() {
    let scene = Scene::told(|otlp| otlp.details(true), |builder| builder);
    scene.recorder().record(Record { content: None, prompt: None, ..samples::streamed_chat() });
    let event = only(&scene);
    let span = scene.receiver.spans().remove(0);
    assert_eq!(event.event_name, DETAILS);
    assert_eq!((event.severity_number, event.severity_text.as_str()), (5, "DEBUG"));
    assert_eq!(body(&event), format!("{}: completed", span.name));
    assert_eq!((event.trace_id, event.span_id), (span.trace_id, span.span_id));
    assert_eq!(event.time_unix_nano, span.end_time_unix_nano);
    assert_eq!(attributes(&event.attributes), attributes(&span.attributes));
    assert!(event.attributes.len() > 40);
}

#[test]
fn details_of_a_failed_call_come_beside_its_exception() {
    let scene = Scene::told(|otlp| otlp.details(true), |builder| builder);
    scene.recorder().record(samples::failed());
    scene.flush();
    let events = scene.receiver.events();
    let names: Vec<_> = events.iter().map(|event| event.event_name.as_str()).collect();
    assert_eq!(names, [DETAILS, EXCEPTION]);
    assert_eq!(body(&events[0]), body(&events[1]));
    assert_eq!(scene.receiver.requests().iter().filter(|it| it.path == "/v1/logs").count(), 1);
}

#[test]
fn an_event_of_an_unsampled_trace_says_so_by_its_flags() {
    let scene = Scene::told(|otlp| otlp, |builder| builder);
    scene.recorder().record(Record { unsampled: true, ..samples::failed() });
    let event = only(&scene);
    assert_eq!((event.flags, event.trace_id.len()), (0, 16));
    assert_eq!(scene.receiver.spans(), []);
}

#[test]
fn without_an_endpoint_for_them_there_are_no_events() {
    let scene = Scene::with(|otlp| otlp.details(true), |builder| builder);
    scene.recorder().record(samples::failed());
    scene.flush();
    assert_eq!((scene.receiver.spans().len(), scene.receiver.events().len()), (1, 0));
}

#[test]
fn the_general_endpoint_takes_events_and_attached_spans_do_not_change_that() {
    let receiver = crate::receiver::Receiver::start();
    let provider =
        crate::provider::provider(&receiver, opentelemetry_sdk::trace::Sampler::AlwaysOn);
    let url = receiver.url();
    let scene = Scene::to(
        receiver,
        |otlp| otlp.endpoint(&url).expect("a URL").tracer_provider(&provider),
        |builder| builder,
    );
    complete(issue(scene.recorder(), json!({"model": "m"})), 500, json!({"error": {"type": "e"}}));
    let event = only(&scene);
    let span = scene.receiver.span("chat m");
    assert_eq!((event.trace_id, event.span_id, event.flags), (span.trace_id, span.span_id, 1));
}

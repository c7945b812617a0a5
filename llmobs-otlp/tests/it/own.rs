//! Our own pipeline: records arrive as spans.

use llmobs_core::{BodyEnd, Step, StepKind};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;

use crate::receiver::{json as attributes, text};
use crate::scene::{Scene, complete, issue, quick_call};

#[test]
fn a_call_in_a_step_arrives_with_ids_times_kind_and_name() {
    let scene = Scene::own();
    scene.scope().run_sync(|| {
        let step = Step::start(StepKind::Agent, "answer");
        step.run_sync(|| {
            scene.advance(100);
            let request = json!({"model": "gpt-4o"});
            scene.call(request, json!({"output_tokens": 7, "finish_reasons": ["stop"]}));
        });
        step.end();
    });
    scene.flush();

    let (step, call) =
        (scene.receiver.span("invoke_agent answer"), scene.receiver.span("chat gpt-4o"));
    assert_eq!(step.parent_span_id, Vec::<u8>::new());
    assert_eq!(call.parent_span_id, step.span_id);
    assert_eq!(call.trace_id, step.trace_id);
    assert_eq!((step.trace_id.len(), step.span_id.len()), (16, 8));
    assert_eq!(step.kind, i32::from(SpanKind::Internal));
    assert_eq!(call.kind, i32::from(SpanKind::Client));
    assert_eq!(call.flags, 1);
    let origin = step.start_time_unix_nano;
    assert_eq!(origin, 1_767_225_600_000_000_000);
    assert_eq!(call.start_time_unix_nano - origin, 100_000_000);
    assert_eq!(call.end_time_unix_nano - origin, 400_000_000);
    assert_eq!(step.end_time_unix_nano - origin, 400_000_000);

    let records = scene.recording.records();
    let record = records.iter().find(|record| record.model.is_some()).expect("the call's record");
    let id = record.span_id.expect("the record has a span id");
    assert_eq!(call.span_id, id.to_bytes());
    assert_eq!(
        attributes(&call.attributes),
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "server.address": "api.example.com",
            "server.port": 443,
            "llmobs.outcome": "completed",
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.response.finish_reasons": ["stop"],
            "llmobs.latency.queue_ms": 300.0,
            "llmobs.attempts": 1,
            "llmobs.http_status": 200,
            "llmobs.request_id": record.request_id.expect("a request id").to_string(),
            "openai.api.type": "chat_completions",
        })
    );
    assert_eq!(call.status, None);
    assert_eq!(scene.recorder().losses().total(), 0);
}

#[test]
fn the_resource_and_the_scope_say_who_and_by_what() {
    let scene = Scene::with(
        |otlp| otlp.resource_attribute("service.version", "1.2.3"),
        |builder| builder.service("shop").environment("staging"),
    );
    quick_call(scene.recorder(), "m");
    scene.flush();

    let scoped = scene.receiver.scoped();
    let (resource, scope) = scoped.first().expect("spans have arrived");
    assert_eq!(
        attributes(&resource.attributes),
        json!({
            "service.name": "shop",
            "service.version": "1.2.3",
            "deployment.environment.name": "staging",
            "telemetry.sdk.name": "llmobs",
            "telemetry.sdk.language": "rust",
            "telemetry.sdk.version": env!("CARGO_PKG_VERSION"),
        })
    );
    let named = scope.scope.as_ref().expect("a scope");
    assert_eq!((named.name.as_str(), named.version.as_str()), ("llmobs", "0.1.0"));
    assert_eq!(scope.schema_url, "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev");
    let request = scene.receiver.requests().remove(0);
    assert_eq!(request.path, "/v1/traces");
    assert_eq!(request.headers["content-type"], "application/x-protobuf");
}

#[test]
fn a_service_nobody_named_is_unknown_by_its_program() {
    let scene = Scene::own();
    quick_call(scene.recorder(), "m");
    scene.flush();
    let scoped = scene.receiver.scoped();
    let name = text(&scoped[0].0.attributes, "service.name").expect("a name");
    assert!(name.starts_with("unknown_service:it-"), "{name}");
}

#[test]
fn a_refused_record_is_no_span() {
    let scene = Scene::with(
        |otlp| otlp,
        |builder| {
            builder.processor(|record: &mut llmobs_core::Record| match record.model.as_deref() {
                Some("secret") => llmobs_core::Verdict::Refuse,
                _ => llmobs_core::Verdict::Keep,
            })
        },
    );
    quick_call(scene.recorder(), "secret");
    quick_call(scene.recorder(), "open");
    scene.flush();
    let names: Vec<_> = scene.receiver.spans().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["chat open"]);
}

#[test]
fn the_mode_is_own_once_the_first_call_was_made() {
    let scene = Scene::own();
    let mode = |scene: &Scene| format!("{:?}", scene.recorder());
    assert!(!mode(&scene).contains("Own"));
    quick_call(scene.recorder(), "m");
    assert!(mode(&scene).contains("Own"));
}

#[test]
fn a_call_open_at_the_shutdown_arrives_as_unfinished() {
    let scene = Scene::own();
    let open = issue(scene.recorder(), json!({"model": "gpt-4o"}));
    let Scene { recording, receiver } = scene;
    let recorder = recording.recorder().clone();
    drop(recording);
    let span = receiver.span("chat gpt-4o");
    assert_eq!(attributes(&span.attributes)["llmobs.outcome"], "unfinished");
    assert_eq!(span.status, None, "neither an error nor a success");
    drop(open);
    assert_eq!((recorder.losses().open, recorder.losses().total()), (0, 0));
    assert_eq!(receiver.spans().len(), 1, "it ends once");
}

#[test]
fn a_dropped_call_is_neither_an_error_nor_ok() {
    let scene = Scene::own();
    let call = issue(scene.recorder(), json!({"model": "m", "stream": true}));
    let headers = [("content-type", &b"text/event-stream"[..])];
    let mut tap = call.handle().attempt().headers(200, headers.into_iter());
    call.returned();
    tap.data(&"data: one\n\n".into());
    tap.end(BodyEnd::Dropped);
    scene.flush();
    let span = scene.receiver.span("chat m");
    assert_eq!(span.status, None);
    assert_eq!(text(&span.attributes, "error.type"), None);
    assert_eq!(text(&span.attributes, "llmobs.outcome").as_deref(), Some("dropped"));
    let reasons = &attributes(&span.attributes)["gen_ai.response.finish_reasons"];
    assert_eq!(reasons, &json!(["error"]));
    let record = scene.recording.records().remove(0);
    assert_eq!(record.finish_reasons, Vec::<Option<String>>::new());
}

#[test]
fn a_failed_call_is_an_error_with_its_type() {
    let scene = Scene::own();
    let call = issue(scene.recorder(), json!({"model": "m"}));
    complete(call, 429, json!({"error": {"type": "rate_limit_exceeded", "code": "tpm"}}));
    scene.flush();
    let span = scene.receiver.span("chat m");
    let status = span.status.expect("a status");
    assert_eq!((status.code, status.message.as_str()), (2, ""));
    assert_eq!(text(&span.attributes, "error.type").as_deref(), Some("rate_limit_exceeded"));
    assert_eq!(text(&span.attributes, "llmobs.error.code").as_deref(), Some("tpm"));
    // No answer was generated, so no reason for its end was expected.
    assert_eq!(attributes(&span.attributes).get("gen_ai.response.finish_reasons"), None);
}

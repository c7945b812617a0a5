//! Attached to a provider of the application's: spans are started and ended there.

use llmobs_core::{Step, StepKind};
use opentelemetry::Context;
use opentelemetry::trace::{Span, TraceContextExt, Tracer, TracerProvider};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_sdk::trace::Sampler;
use serde_json::json;

use crate::receiver::{json as attributes, text};
use crate::scene::{Scene, complete, issue, issue_at, quick_call};

#[test]
fn spans_arrive_once_with_the_same_names_times_and_attributes() {
    let (scene, _provider) = Scene::attached();
    scene.scope().run_sync(|| {
        let step = Step::start(StepKind::Tool, "search");
        step.run_sync(|| {
            scene.advance(100);
            scene.call(json!({"model": "gpt-4o"}), json!({"finish_reasons": ["stop"]}));
        });
        step.end();
    });
    scene.flush();

    assert_eq!(scene.receiver.spans().len(), 2);
    let tool = scene.receiver.span("execute_tool search");
    let call = scene.receiver.span("chat gpt-4o");
    assert_eq!(call.parent_span_id, tool.span_id);
    assert_eq!(call.trace_id, tool.trace_id);
    assert_eq!(tool.kind, i32::from(SpanKind::Internal));
    assert_eq!(call.kind, i32::from(SpanKind::Client));
    let origin = 1_767_225_600_000_000_000;
    assert_eq!(tool.start_time_unix_nano, origin);
    assert_eq!(call.start_time_unix_nano, origin + 100_000_000);
    assert_eq!(call.end_time_unix_nano, origin + 400_000_000);
    let records = scene.recording.records();
    let record = records.iter().find(|record| record.model.is_some()).expect("the call's record");
    assert_eq!(record.span_id.expect("an id").to_bytes(), *call.span_id);
    assert_eq!(record.parent_span_id.expect("a parent").to_bytes(), *tool.span_id);
    assert_eq!(
        attributes(&call.attributes),
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "server.address": "api.example.com",
            "server.port": 443,
            "llmobs.outcome": "completed",
            "gen_ai.response.finish_reasons": ["stop"],
            "llmobs.latency.queue_ms": 300.0,
            "llmobs.attempts": 1,
            "llmobs.http_status": 200,
            "llmobs.request_id": record.request_id.expect("a request id").to_string(),
            "openai.api.type": "chat_completions",
        })
    );
    // A key the SDK is given twice is there twice.
    assert_eq!(
        call.attributes.len(),
        attributes(&call.attributes).as_object().map_or(0, |o| o.len())
    );
    let scoped = scene.receiver.scoped();
    assert_eq!(scoped[0].1.scope.as_ref().expect("a scope").name, "llmobs");
}

#[test]
fn a_failed_call_is_an_error_there_too() {
    let (scene, _provider) = Scene::attached();
    complete(issue(scene.recorder(), json!({"model": "m"})), 500, json!({}));
    scene.flush();
    let span = scene.receiver.span("chat m");
    assert_eq!(span.status.expect("a status").code, 2);
    assert_eq!(text(&span.attributes, "error.type").as_deref(), Some("500"));
}

#[test]
fn what_a_head_sampler_left_out_is_only_a_record() {
    let (scene, _provider) = Scene::attached_by(Sampler::AlwaysOff);
    scene.scope().run_sync(|| {
        let step = Step::start(StepKind::Tool, "search");
        step.run_sync(|| quick_call(scene.recorder(), "m"));
        step.end();
    });
    scene.flush();
    assert_eq!(scene.receiver.spans().len(), 0);
    let records = scene.recording.records();
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|record| record.unsampled));
    let (call, step) = (&records[0], &records[1]);
    assert_eq!(call.parent_span_id, step.span_id);
}

#[test]
fn samplers_see_operation_provider_and_server() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let receiver = crate::receiver::Receiver::start();
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
        .with_sampler(Spy(std::sync::Arc::clone(&seen)))
        .build();
    let scene = Scene::to(receiver, |otlp| otlp.tracer_provider(&provider), |builder| builder);
    quick_call(scene.recorder(), "m");
    scene.flush();
    let keys = seen.lock().expect("no panic").clone();
    let expected =
        ["gen_ai.operation.name", "gen_ai.provider.name", "server.address", "server.port"];
    assert_eq!(keys, expected);
}

#[test]
fn a_provider_that_only_the_answer_tells_is_there_once() {
    let receiver = crate::receiver::Receiver::start();
    let provider = crate::provider::provider(&receiver, Sampler::AlwaysOn);
    let scene = Scene::to(
        receiver,
        |otlp| otlp.tracer_provider(&provider),
        |builder| builder.provider("llm.internal", "vllm"),
    );
    for (model, host, answer, expected) in [
        ("a", "api.example.com", json!({}), "openai"),
        ("b", "proxy.internal", json!({"provider": "groq"}), "groq"),
        ("c", "proxy.internal", json!({}), "proxy.internal"),
        ("d", "llm.internal", json!({"provider": "groq"}), "vllm"),
    ] {
        let asked = json!({ "model": model });
        let call = issue_at(scene.recorder(), host, "/v1/chat/completions", asked);
        complete(call, 200, answer);
        scene.flush();
        let span = scene.receiver.span(&format!("chat {model}"));
        let named = span.attributes.iter().filter(|it| it.key == "gen_ai.provider.name");
        assert_eq!(named.count(), 1, "{host}");
        assert_eq!(attributes(&span.attributes)["gen_ai.provider.name"], expected, "{host}");
    }
    let records = scene.recording.records();
    let told: Vec<_> = records.iter().filter_map(|record| record.provider.as_deref()).collect();
    assert_eq!(told, ["openai", "groq", "proxy.internal", "vllm"], "as the spans say");
}

#[derive(Clone, Debug)]
struct Spy(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl opentelemetry_sdk::trace::ShouldSample for Spy {
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: opentelemetry::TraceId,
        _: &str,
        _: &opentelemetry::trace::SpanKind,
        attributes: &[opentelemetry::KeyValue],
        _: &[opentelemetry::trace::Link],
    ) -> opentelemetry_sdk::trace::SamplingResult {
        let keys = attributes.iter().map(|attribute| attribute.key.to_string());
        self.0.lock().expect("no panic").extend(keys);
        opentelemetry_sdk::trace::SamplingResult {
            decision: opentelemetry_sdk::trace::SamplingDecision::Drop,
            attributes: Vec::new(),
            trace_state: opentelemetry::trace::TraceState::default(),
        }
    }
}

#[test]
fn a_refused_record_marks_its_span() {
    let receiver = crate::receiver::Receiver::start();
    let provider = crate::provider::provider(&receiver, Sampler::AlwaysOn);
    let scene = Scene::to(
        receiver,
        |otlp| otlp.tracer_provider(&provider),
        |builder| builder.processor(|_: &mut llmobs_core::Record| llmobs_core::Verdict::Refuse),
    );
    quick_call(scene.recorder(), "m");
    scene.flush();
    let span = scene.receiver.span("chat");
    assert_eq!(attributes(&span.attributes)["llmobs.lost"], json!(true));
    assert_eq!(scene.recorder().losses().refused_by_rule, 1);
}

#[test]
fn a_provider_that_was_shut_down_leaves_the_records_whole() {
    let (scene, provider) = Scene::attached();
    provider.shutdown().expect("nothing is open");
    scene.scope().run_sync(|| {
        let step = Step::start(StepKind::Tool, "search");
        step.run_sync(|| quick_call(scene.recorder(), "m"));
        step.end();
    });
    scene.flush();
    assert_eq!(scene.receiver.spans().len(), 0);
    let records = scene.recording.records();
    let (call, step) = (&records[0], &records[1]);
    assert_eq!(call.parent_span_id, step.span_id);
    assert_eq!(call.trace_id, step.trace_id);
}

#[test]
fn telemetry_suppressed_around_a_call_suppresses_its_span() {
    let (scene, provider) = Scene::attached();
    let tracer = provider.tracer("app");
    let outer = Context::new().with_span(tracer.start("outer"));
    let attached = outer.clone().attach();
    {
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        quick_call(scene.recorder(), "silent");
    }
    quick_call(scene.recorder(), "heard");
    drop(attached);
    outer.span().end();
    scene.flush();
    let names: Vec<_> = scene.receiver.spans().into_iter().map(|span| span.name).collect();
    assert!(names.contains(&"chat heard".to_owned()), "{names:?}");
    assert!(!names.contains(&"chat silent".to_owned()), "{names:?}");
    assert_eq!(scene.recording.records().len(), 2);
}

#[test]
fn spans_the_application_opens_inside_are_children_of_ours() {
    let (scene, provider) = Scene::attached();
    let tracer = provider.tracer("app");
    scene.scope().run_sync(|| {
        let step = Step::start(StepKind::Chain, "work");
        step.run_sync(|| tracer.start("query").end());
        step.end();
    });
    scene.flush();
    let (work, query) = (scene.receiver.span("work"), scene.receiver.span("query"));
    assert_eq!(query.parent_span_id, work.span_id);
    assert_eq!(query.trace_id, work.trace_id);
}

/// Notes whether it runs where telemetry is suppressed.
#[derive(Debug)]
struct Suppressed(std::sync::mpsc::Sender<bool>);

impl opentelemetry_sdk::trace::SpanExporter for Suppressed {
    async fn export(
        &self,
        _: Vec<opentelemetry_sdk::trace::SpanData>,
    ) -> opentelemetry_sdk::error::OTelSdkResult {
        let _ = self.0.send(Context::is_current_telemetry_suppressed());
        Ok(())
    }
}

#[test]
fn an_exporter_that_runs_on_our_thread_is_not_traced() {
    let (told, suppressed) = std::sync::mpsc::channel();
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
        .with_simple_exporter(Suppressed(told))
        .build();
    let receiver = crate::receiver::Receiver::start();
    let scene = Scene::to(receiver, |otlp| otlp.tracer_provider(&provider), |builder| builder);
    quick_call(scene.recorder(), "m");
    scene.flush();
    assert_eq!(suppressed.try_iter().collect::<Vec<_>>(), [true]);
}

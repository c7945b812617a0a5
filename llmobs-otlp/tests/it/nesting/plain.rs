//! llmobs alone, and OpenTelemetry's own contexts.

use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer, TracerProvider,
};

use super::{assert_tree, in_both_modes, step};
use crate::scene::{Scene, quick_call};

#[test]
fn steps_and_calls_nest_among_themselves_without_any_subscriber() {
    in_both_modes(|scene, _| {
        step(scene, "outer", || {
            quick_call(scene.recorder(), "a");
            step(scene, "inner", || quick_call(scene.recorder(), "b"));
            quick_call(scene.recorder(), "c");
        });
        quick_call(scene.recorder(), "d");
        scene.flush();
        let tree = [
            "outer <",
            "chat a < outer",
            "inner < outer",
            "chat b < inner",
            "chat c < outer",
            "chat d <",
        ];
        assert_tree(&scene.receiver, &tree);
    });
}

#[test]
fn a_call_in_a_span_of_the_application_is_its_child() {
    in_both_modes(|scene, provider| {
        let tracer = provider.tracer("app");
        tracer.in_span("request", |_| quick_call(scene.recorder(), "a"));
        scene.flush();
        assert_tree(&scene.receiver, &["request <", "chat a < request"]);
    });
}

#[test]
fn spans_of_the_application_and_ours_nest_in_any_order() {
    in_both_modes(|scene, provider| {
        let tracer = provider.tracer("app");
        tracer.in_span("request", |_| {
            step(scene, "work", || {
                tracer.in_span("query", |_| quick_call(scene.recorder(), "a"));
                quick_call(scene.recorder(), "b");
            });
            quick_call(scene.recorder(), "c");
        });
        scene.flush();
        let tree = [
            "request <",
            "work < request",
            "query < work",
            "chat a < query",
            "chat b < work",
            "chat c < request",
        ];
        assert_tree(&scene.receiver, &tree);
    });
}

fn remote(flags: TraceFlags) -> SpanContext {
    SpanContext::new(TraceId::from(7), SpanId::from(9), flags, true, TraceState::default())
}

#[test]
fn a_trace_that_came_from_elsewhere_goes_on_here() {
    in_both_modes(|scene, _| {
        let _attached =
            Context::new().with_remote_span_context(remote(TraceFlags::SAMPLED)).attach();
        step(scene, "work", || quick_call(scene.recorder(), "a"));
        scene.flush();
        let (work, call) = (scene.receiver.span("work"), scene.receiver.span("chat a"));
        assert_eq!(work.trace_id, 7_u128.to_be_bytes());
        assert_eq!(work.parent_span_id, 9_u64.to_be_bytes());
        assert_eq!(call.parent_span_id, work.span_id);
    });
}

#[test]
fn a_trace_that_was_left_out_elsewhere_is_left_out_here() {
    let scene = Scene::own();
    let _attached = Context::new().with_remote_span_context(remote(TraceFlags::default())).attach();
    step(&scene, "work", || quick_call(scene.recorder(), "a"));
    scene.flush();
    assert_eq!(scene.receiver.spans().len(), 0);
    let records = scene.recording.records();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].parent_span_id, records[1].span_id);
}

#[test]
fn the_thread_is_given_back_as_it_was_when_a_step_panics() {
    in_both_modes(|scene, _| {
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            step(scene, "broken", || std::panic::resume_unwind(Box::new("gone")));
        }));
        assert!(unwound.is_err());
        assert!(!Context::current().has_active_span());
        quick_call(scene.recorder(), "a");
        scene.flush();
        assert_tree(&scene.receiver, &["broken <", "chat a <"]);
    });
}

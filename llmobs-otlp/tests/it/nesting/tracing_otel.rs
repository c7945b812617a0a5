//! `tracing` with tracing-opentelemetry, its context activation on and off.

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Dispatch, info_span};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Registry};

use super::{assert_tree, in_both_modes, step};
use crate::scene::{Scene, quick_call};

fn subscriber(provider: &SdkTracerProvider, activation: bool) -> Dispatch {
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("app"))
        .with_context_activation(activation);
    Dispatch::new(Registry::default().with(layer))
}

/// Runs a case in both modes under tracing-opentelemetry.
fn in_both(activation: bool, case: impl Fn(&Scene)) {
    in_both_modes(|scene, provider| {
        tracing::dispatcher::with_default(&subscriber(provider, activation), || case(scene));
        scene.flush();
    });
}

fn a_call_in_a_span_in_a_step(activation: bool) {
    in_both(activation, |scene| {
        step(scene, "work", || {
            info_span!("query").in_scope(|| quick_call(scene.recorder(), "a"));
            quick_call(scene.recorder(), "b");
        });
        scene.flush();
        let tree = ["work <", "query < work", "chat a < query", "chat b < work"];
        assert_tree(&scene.receiver, &tree);
    });
}

#[test]
fn a_call_in_a_tracing_span_in_a_step_is_the_spans_child() {
    a_call_in_a_span_in_a_step(true);
}

#[cfg(feature = "tracing-opentelemetry")]
#[test]
fn a_call_in_a_tracing_span_in_a_step_is_the_spans_child_without_activation() {
    a_call_in_a_span_in_a_step(false);
}

fn a_step_in_a_span(activation: bool) {
    in_both(activation, |scene| {
        info_span!("request").in_scope(|| {
            quick_call(scene.recorder(), "a");
            step(scene, "work", || quick_call(scene.recorder(), "b"));
        });
        scene.flush();
        let tree = ["request <", "chat a < request", "work < request", "chat b < work"];
        assert_tree(&scene.receiver, &tree);
    });
}

#[test]
fn a_step_in_a_tracing_span_is_its_child() {
    a_step_in_a_span(true);
}

#[cfg(feature = "tracing-opentelemetry")]
#[test]
fn a_step_in_a_tracing_span_is_its_child_without_activation() {
    a_step_in_a_span(false);
}

#[test]
fn a_tracing_span_in_a_step_in_a_tracing_span_is_the_steps_child() {
    in_both(true, |scene| {
        info_span!("request").in_scope(|| {
            step(scene, "work", || {
                info_span!("query").in_scope(|| quick_call(scene.recorder(), "a"));
            });
        });
        scene.flush();
        let tree = ["request <", "work < request", "query < work", "chat a < query"];
        assert_tree(&scene.receiver, &tree);
    });
}

/// tracing-opentelemetry's own choice: without activation it asks `tracing` for the parent first.
#[cfg(feature = "tracing-opentelemetry")]
#[test]
fn without_activation_a_tracing_span_keeps_its_tracing_parent_and_calls_keep_the_innermost() {
    in_both(false, |scene| {
        info_span!("request").in_scope(|| {
            step(scene, "work", || {
                info_span!("query").in_scope(|| quick_call(scene.recorder(), "a"));
                quick_call(scene.recorder(), "b");
            });
        });
        scene.flush();
        let tree =
            ["request <", "work < request", "query < request", "chat a < query", "chat b < work"];
        assert_tree(&scene.receiver, &tree);
    });
}

#[cfg(feature = "tracing-opentelemetry")]
#[test]
fn without_activation_a_local_span_wins_over_a_remote_parent() {
    use opentelemetry::Context;
    use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId};

    in_both(false, |scene| {
        let flags = TraceFlags::SAMPLED;
        let state = Default::default();
        let remote = SpanContext::new(TraceId::from(7), SpanId::from(9), flags, true, state);
        let _attached = Context::new().with_remote_span_context(remote).attach();
        info_span!("request").in_scope(|| quick_call(scene.recorder(), "a"));
        scene.flush();
        let request = scene.receiver.span("request");
        assert_eq!(request.parent_span_id, 9_u64.to_be_bytes());
        assert_eq!(scene.receiver.span("chat a").parent_span_id, request.span_id);
    });
}

#[test]
fn a_subscriber_that_filters_spans_out_makes_them_transparent() {
    for activation in [true, false] {
        in_both_modes(|scene, provider| {
            let layer = tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("app"))
                .with_context_activation(activation);
            let off = Registry::default().with(EnvFilter::new("off")).with(layer);
            tracing::subscriber::with_default(off, || {
                info_span!("request").in_scope(|| {
                    step(scene, "work", || {
                        info_span!("query").in_scope(|| quick_call(scene.recorder(), "a"));
                    });
                });
            });
            scene.flush();
            assert_tree(&scene.receiver, &["work <", "chat a < work"]);
        });
    }
}

#[test]
fn a_subscriber_without_any_layer_makes_spans_transparent() {
    in_both_modes(|scene, _| {
        tracing::subscriber::with_default(Registry::default(), || {
            step(scene, "work", || {
                info_span!("query").in_scope(|| quick_call(scene.recorder(), "a"));
            });
        });
        scene.flush();
        assert_tree(&scene.receiver, &["work <", "chat a < work"]);
    });
}

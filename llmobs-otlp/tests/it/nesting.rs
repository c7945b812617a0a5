//! The innermost wins, in both modes: who is whose child, by the spans that arrived.

mod carried;
mod plain;
mod tracing_layer;
mod tracing_otel;

use llmobs_core::{Step, StepKind};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

use crate::provider::provider;
use crate::receiver::Receiver;
use crate::scene::Scene;

/// Runs a case in both modes, each with a provider whose spans arrive at the scene's receiver. In
/// our own mode, llmobs knows nothing of it.
fn in_both_modes(case: impl Fn(&Scene, &SdkTracerProvider)) {
    let (scene, given) = Scene::attached();
    case(&scene, &given);
    assert!(format!("{:?}", scene.recorder()).contains("Attached"));
    let scene = Scene::own();
    let given = provider(&scene.receiver, Sampler::AlwaysOn);
    case(&scene, &given);
    assert!(format!("{:?}", scene.recorder()).contains("Own"));
}

/// Runs `inside` in a step.
fn step<R>(scene: &Scene, name: &'static str, inside: impl FnOnce() -> R) -> R {
    // The scope that is current already leads to the scene's recorder in a step, but not at first.
    scene.scope().run_sync(|| {
        let step = Step::start(StepKind::Chain, name);
        let result = step.run_sync(inside);
        step.end();
        result
    })
}

/// Asserts that `lines` of the form `child < parent`, with `child <` for a root, are all there is.
#[track_caller]
fn assert_tree(receiver: &Receiver, lines: &[&str]) {
    let spans = receiver.spans();
    let line = |span: &opentelemetry_proto::tonic::trace::v1::Span| {
        let parent = spans.iter().find(|parent| parent.span_id == span.parent_span_id);
        match (parent, span.parent_span_id.is_empty()) {
            (Some(parent), _) => {
                assert_eq!(parent.trace_id, span.trace_id, "one trace");
                format!("{} < {}", span.name, parent.name)
            }
            (None, true) => format!("{} <", span.name),
            (None, false) => format!("{} < (missing)", span.name),
        }
    };
    let mut found: Vec<_> = spans.iter().map(line).collect();
    found.sort();
    let mut expected = lines.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

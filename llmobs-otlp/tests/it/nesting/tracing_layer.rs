//! `llmobs::layer()`: for services without OpenTelemetry.

use tracing::info_span;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::{assert_tree, step};
use crate::scene::{Scene, quick_call};

fn request_with_a_step(scene: &Scene) {
    let subscriber = Registry::default().with(llmobs_core::layer());
    tracing::subscriber::with_default(subscriber, || {
        info_span!("request").in_scope(|| {
            step(scene, "work", || {
                info_span!("query").in_scope(|| quick_call(scene.recorder(), "a"));
                quick_call(scene.recorder(), "b");
            });
            info_span!("idle").in_scope(|| {});
        });
    });
    scene.flush();
}

#[test]
fn tracing_spans_take_their_place_between_ours() {
    let scene = Scene::own();
    request_with_a_step(&scene);
    let tree = ["request <", "work < request", "query < work", "chat a < query", "chat b < work"];
    assert_tree(&scene.receiver, &tree);
}

/// The provider has no such spans: a parent nobody can find would be worse than none.
#[test]
fn attached_the_layers_spans_are_left_out_of_the_tree() {
    let (scene, _provider) = Scene::attached();
    request_with_a_step(&scene);
    assert_tree(&scene.receiver, &["work <", "chat a < work", "chat b < work"]);
}

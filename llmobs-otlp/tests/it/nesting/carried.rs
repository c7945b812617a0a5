//! Futures: spawned, interleaved in one task, and moved between threads.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use llmobs_core::{ScopeExt, Step, StepKind};
use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer, TracerProvider};
use tokio::runtime::{Builder, Runtime};
use tracing::Instrument;
use tracing_subscriber::layer::SubscriberExt;

use super::{assert_tree, in_both_modes};
use crate::scene::{Scene, quick_call};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// A step around a future.
async fn step<F: Future>(name: &'static str, inside: F) -> F::Output {
    let step = Step::start(StepKind::Chain, name);
    let result = step.run(inside).await;
    step.end();
    result
}

/// Lets others run once.
async fn pause() {
    tokio::task::yield_now().await;
}

#[test]
fn a_spawned_task_goes_on_in_the_scope_it_is_given() {
    in_both_modes(|scene, _| {
        runtime().block_on(scene.scope().run(async {
            let recorder = scene.recorder().clone();
            step("work", async {
                let with = recorder.clone();
                let task = async move { quick_call(&with, "with") };
                tokio::spawn(task.in_current_scope()).await.expect("no panic");
                let without = async move { quick_call(&recorder, "without") };
                tokio::spawn(without).await.expect("no panic");
            })
            .await;
        }));
        scene.flush();
        assert_tree(&scene.receiver, &["work <", "chat with < work", "chat without <"]);
    });
}

#[test]
fn a_scope_made_in_a_span_of_the_application_takes_it_along() {
    in_both_modes(|scene, provider| {
        let tracer = provider.tracer("app");
        runtime().block_on(scene.scope().run(async {
            let recorder = scene.recorder().clone();
            step("work", async {
                let query = opentelemetry::Context::current_with_span(tracer.start("query"));
                let spawn = async {
                    let task = async move { quick_call(&recorder, "a") };
                    tokio::spawn(task.in_current_scope()).await.expect("no panic");
                };
                spawn.with_context(query).await;
            })
            .await;
        }));
        scene.flush();
        assert_tree(&scene.receiver, &["work <", "query < work", "chat a < query"]);
    });
}

#[test]
fn a_scope_made_in_a_tracing_span_takes_it_along() {
    in_both_modes(|scene, provider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("app"));
        let subscriber = tracing_subscriber::Registry::default().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            // One thread, so that the subscriber is there.
            let runtime = Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(scene.scope().run(async {
                let recorder = scene.recorder().clone();
                step("work", async {
                    let spawn = async {
                        let task = async move { quick_call(&recorder, "a") };
                        tokio::spawn(task.in_current_scope()).await.expect("no panic");
                    };
                    spawn.instrument(tracing::info_span!("query")).await;
                })
                .await;
            }));
        });
        scene.flush();
        assert_tree(&scene.receiver, &["work <", "query < work", "chat a < query"]);
    });
}

#[test]
fn two_futures_interleaved_in_one_task_keep_their_own_parents() {
    in_both_modes(|scene, provider| {
        let tracer = provider.tracer("app");
        let one = |name: &'static str, model: &'static str| {
            let tracer = &tracer;
            step(name, async move {
                pause().await;
                quick_call(scene.recorder(), model);
                pause().await;
                tracer.in_span(format!("query {model}"), |_| {});
                pause().await;
                quick_call(scene.recorder(), model);
            })
        };
        let both = async { tokio::join!(one("left", "l"), one("right", "r")) };
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(scene.scope().run(both));
        scene.flush();
        let tree = [
            "left <",
            "right <",
            "chat l < left",
            "chat l < left",
            "chat r < right",
            "chat r < right",
            "query l < left",
            "query r < right",
        ];
        assert_tree(&scene.receiver, &tree);
    });
}

#[test]
fn a_future_that_moves_between_threads_keeps_its_parent() {
    in_both_modes(|scene, provider| {
        let tracer = provider.tracer("app");
        let recorder = scene.recorder().clone();
        let query = tracer.clone();
        let work = scene.scope().run(step("work", async move {
            quick_call(&recorder, "here");
            pause_once().await;
            quick_call(&recorder, "there");
            query.in_span("query", |_| {});
        }));
        let mut work: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(work);
        let mut cx = Context::from_waker(Waker::noop());
        // The other thread has a span of its own current, which is not to be mixed up.
        assert_eq!(work.as_mut().poll(&mut cx), Poll::Pending);
        assert!(!opentelemetry::Context::current().has_active_span());
        std::thread::scope(|threads| {
            threads.spawn(|| {
                tracer.in_span("other", |_| {
                    let mut cx = Context::from_waker(Waker::noop());
                    assert_eq!(pin!(work).poll(&mut cx), Poll::Ready(()));
                });
            });
        });
        scene.flush();
        let tree = ["work <", "other <", "chat here < work", "chat there < work", "query < work"];
        assert_tree(&scene.receiver, &tree);
    });
}

/// Is pending once.
async fn pause_once() {
    let mut done = false;
    std::future::poll_fn(|_| match std::mem::replace(&mut done, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

#[test]
fn the_parent_is_taken_when_the_call_is_made_not_when_its_body_is_read() {
    in_both_modes(|scene: &Scene, provider| {
        let call = super::step(scene, "work", || {
            crate::scene::issue(scene.recorder(), serde_json::json!({"model": "m"}))
        });
        provider.tracer("app").in_span("later", |_| {
            crate::scene::complete(call, 200, serde_json::json!({}));
        });
        scene.flush();
        assert_tree(&scene.receiver, &["work <", "later <", "chat m < work"]);
    });
}

#[test]
fn a_scope_that_continues_a_callers_trace_nests_below_the_caller() {
    in_both_modes(|scene, _| {
        let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        scene.scope().traceparent(caller).run_sync(|| {
            let step = Step::start(StepKind::Chain, "work");
            step.run_sync(|| quick_call(scene.recorder(), "a"));
            step.end();
        });
        scene.flush();
        assert_tree(&scene.receiver, &["work < (missing)", "chat a < work"]);
        for span in scene.receiver.spans() {
            let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
            assert_eq!(hex(&span.trace_id), caller[3..35]);
            if span.name == "work" {
                assert_eq!(hex(&span.parent_span_id), caller[36..52]);
            }
        }
    });
}

#[test]
fn a_span_of_this_process_is_nearer_than_the_callers() {
    in_both_modes(|scene, provider| {
        let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        provider.tracer("app").in_span("GET /", |_| {
            scene.scope().traceparent(caller).run_sync(|| quick_call(scene.recorder(), "a"));
        });
        scene.flush();
        assert_tree(&scene.receiver, &["GET / <", "chat a < GET /"]);
    });
}

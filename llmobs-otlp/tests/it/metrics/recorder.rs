//! What the recorder says of itself.

use std::time::Duration;

use llmobs_core::testing::samples;
use llmobs_core::{Backoff, Batch, BodyEnd, Limits, Sink, SinkError};
use llmobs_otlp::{Otlp, Temporality};
use serde_json::json;

use super::{measured_with, names, sums};
use crate::provider::meter_provider;
use crate::receiver::Receiver;
use crate::scene::{Scene, complete, issue, issue_at, quick_call};

const ACTIVE: &str = "llmobs.client.active_calls";
const OPEN: &str = "llmobs.recorder.open_operations";
const LOST: &str = "llmobs.recorder.lost_records";

/// Takes nothing.
#[derive(Debug)]
struct Refusing;

impl Sink for Refusing {
    fn deliver(&mut self, _: &Batch<'_>) -> Result<(), SinkError> {
        Err(SinkError::permanent("no"))
    }

    fn name(&self) -> &str {
        "refusing"
    }
}

#[test]
fn calls_under_way_are_counted_up_and_down() {
    for temporality in [Temporality::Cumulative, Temporality::Delta, Temporality::LowMemory] {
        let scene = measured_with(|otlp| otlp.temporality(temporality));
        quick_call(scene.recorder(), "m");
        let first = issue(scene.recorder(), json!({"model": "m"}));
        let second = issue(scene.recorder(), json!({"model": "m"}));
        let elsewhere =
            issue_at(scene.recorder(), "vllm.internal", "/v1/chat/completions", json!({}));
        scene.flush();
        let of = |provider: &str, n: f64| {
            let labels = json!({"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider});
            (n, labels)
        };
        let (active, grows) = sums(&scene.receiver, ACTIVE);
        assert_eq!(active, [of("openai", 2.0), of("vllm.internal", 1.0)], "{temporality:?}");
        assert!(!grows);
        assert_eq!(sums(&scene.receiver, OPEN).0, [(3.0, json!({}))]);

        complete(first, 200, json!({}));
        drop(second);
        let mut tap = elsewhere.handle().attempt().headers(200, std::iter::empty());
        elsewhere.returned();
        tap.end(BodyEnd::Dropped);
        scene.flush();
        let (active, _) = sums(&scene.receiver, ACTIVE);
        assert_eq!(active, [of("openai", 0.0), of("vllm.internal", 0.0)], "{temporality:?}");
        assert_eq!(sums(&scene.receiver, OPEN).0, [(0.0, json!({}))]);
    }
}

#[test]
fn what_a_sink_loses_is_counted_by_cause_and_sink() {
    let receiver = Receiver::start();
    let url = format!("{}/v1/metrics", receiver.url());
    let otlp = |otlp: Otlp| otlp.metrics_endpoint(&url).expect("a URL");
    let scene = Scene::to(receiver, otlp, |builder| builder.sink(Refusing));
    for _ in 0..3 {
        quick_call(scene.recorder(), "m");
    }
    let _ = scene.recorder().flush(Duration::from_secs(20));
    let _ = scene.recorder().flush(Duration::from_secs(20));
    let (lost, grows) = sums(&scene.receiver, LOST);
    assert!(grows);
    let refused = json!({"llmobs.loss.cause": "sink_refused", "llmobs.sink": "refusing"});
    assert!(lost.contains(&(3.0, refused)), "{lost:?}");
    assert!(lost.contains(&(0.0, json!({"llmobs.loss.cause": "queue_full"}))), "{lost:?}");
    assert_eq!(lost.iter().map(|(n, _)| n).sum::<f64>(), 3.0);
}

#[test]
fn what_the_recorder_refuses_for_want_of_room_is_counted() {
    let receiver = Receiver::start();
    let url = format!("{}/v1/metrics", receiver.url());
    let otlp = |otlp: Otlp| otlp.metrics_endpoint(&url).expect("a URL");
    let mut limits = Limits::default();
    limits.operations = 2;
    let scene = Scene::to(receiver, otlp, |builder| builder.limits(limits));
    scene.recorder().record(samples::failed());
    scene.flush();
    let held = [issue(scene.recorder(), json!({})), issue(scene.recorder(), json!({}))];
    scene.recorder().record(samples::failed());
    scene.flush();
    let (lost, _) = sums(&scene.receiver, LOST);
    assert!(lost.contains(&(1.0, json!({"llmobs.loss.cause": "queue_full"}))), "{lost:?}");
    drop(held);
}

#[test]
fn losses_between_two_delta_exports_are_told_once() {
    let receiver = Receiver::start();
    let url = format!("{}/v1/metrics", receiver.url());
    let otlp =
        |otlp: Otlp| otlp.metrics_endpoint(&url).expect("a URL").temporality(Temporality::Delta);
    let scene = Scene::to(receiver, otlp, |builder| {
        builder.sink(Refusing).backoff(Backoff::new().offers(1))
    });
    let mut told = 0.0;
    for _ in 0..4 {
        quick_call(scene.recorder(), "m");
        let _ = scene.recorder().flush(Duration::from_secs(20));
        if names_all(&scene).iter().any(|name| name == LOST) {
            told += sums(&scene.receiver, LOST).0.iter().map(|(n, _)| n).sum::<f64>();
        }
    }
    // The last loss may come after the last export.
    let _ = scene.recorder().flush(Duration::from_secs(20));
    if names_all(&scene).iter().any(|name| name == LOST) {
        told += sums(&scene.receiver, LOST).0.iter().map(|(n, _)| n).sum::<f64>();
    }
    assert_eq!(told, 4.0);
}

fn names_all(scene: &Scene) -> Vec<String> {
    scene.receiver.metrics().into_iter().map(|metric| metric.name).collect()
}

#[test]
fn recorders_that_share_a_provider_add_up_and_leave_nothing_behind() {
    let receiver = Receiver::start();
    let provider = meter_provider(&receiver);
    let start = || Scene::with(|otlp| otlp.meter_provider(&provider), |builder| builder);
    let active = |receiver: &Receiver| {
        provider.force_flush().expect("delivered");
        sums(receiver, ACTIVE).0.iter().map(|(n, _)| n).sum::<f64>()
    };
    let (one, other) = (start(), start());
    let mut calls: Vec<_> = (0..3).map(|_| issue(one.recorder(), json!({"model": "m"}))).collect();
    calls.push(issue(other.recorder(), json!({"model": "m"})));
    one.flush();
    other.flush();
    assert_eq!(active(&receiver), 4.0);
    calls.truncate(1);
    one.flush();
    other.flush();
    assert_eq!(active(&receiver), 1.0);
    // The provider outlives both, and keeps neither alive.
    let weak = one.recorder().downgrade();
    drop(calls);
    drop((one, other));
    assert!(weak.upgrade().is_none());
    assert_eq!(active(&receiver), 0.0);
}

#[test]
fn nothing_is_said_before_there_is_anything() {
    let scene = Scene::measured();
    scene.flush();
    assert_eq!(names(&scene.receiver), Vec::<String>::new());
}

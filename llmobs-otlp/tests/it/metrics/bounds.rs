//! A hostile name takes no memory, and loses no number.

use llmobs_core::Record;
use llmobs_core::testing::samples;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use serde_json::{Value, json};

use super::{attributes, counter, measured_with, metric};
use crate::provider::meter_provider;
use crate::receiver::Receiver;
use crate::scene::Scene;

const MODELS: u64 = 10_000;

fn hostile(n: u64) -> Record {
    Record {
        model: Some(format!("model-{n}")),
        model_version: None,
        usage: None,
        input_tokens: Some(1),
        output_tokens: Some(2),
        total_latency_ms: Some(1_000.0),
        ..samples::priced()
    }
}

fn ask(scene: &Scene) {
    for n in 0..MODELS {
        scene.recorder().record(hostile(n));
    }
    scene.flush();
}

#[track_caller]
fn check(receiver: &Receiver, limit: usize) {
    let overflow = json!({"otel.metric.overflow": true});
    let input = counter(receiver, "gen_ai.client.inference.usage.input_tokens");
    assert_eq!(input.len(), limit + 1);
    assert_eq!(input.iter().map(|(n, _)| n).sum::<i64>(), 10_000);
    let beyond: Vec<_> = input.iter().filter(|(_, labels)| *labels == overflow).collect();
    assert_eq!(beyond, [&(10_000 - limit as i64, overflow.clone())]);
    for metric in receiver.metrics() {
        let labels: Vec<Value> = match metric.data.expect("data") {
            Data::Histogram(h) => h.data_points.iter().map(|p| attributes(&p.attributes)).collect(),
            Data::Sum(s) => s.data_points.iter().map(|p| attributes(&p.attributes)).collect(),
            other => panic!("no metric of ours: {other:?}"),
        };
        assert!(labels.len() <= limit + 1, "{}: {}", metric.name, labels.len());
    }
    let Some(Data::Histogram(histogram)) =
        metric(receiver, "gen_ai.client.inference.duration").data
    else {
        panic!("a histogram")
    };
    let (count, sum) = histogram
        .data_points
        .iter()
        .fold((0, 0.0), |(n, sum), point| (n + point.count, sum + point.sum.expect("a sum")));
    assert_eq!((count, sum), (10_000, 10_000.0));
}

#[test]
fn ten_thousand_models_are_bounded_and_nothing_is_missing() {
    let scene = measured_with(|otlp| otlp);
    ask(&scene);
    check(&scene.receiver, 2_000);
}

#[test]
fn the_limit_can_be_set_and_keeps_the_buckets() {
    let scene = measured_with(|otlp| otlp.cardinality_limit(50));
    ask(&scene);
    check(&scene.receiver, 50);
    let Some(Data::Histogram(histogram)) =
        metric(&scene.receiver, "gen_ai.client.inference.duration").data
    else {
        panic!("a histogram")
    };
    assert!(histogram.data_points.iter().all(|point| point.explicit_bounds == super::SECONDS));
}

#[test]
fn a_provider_without_a_bound_is_bounded_too() {
    let receiver = Receiver::start();
    let provider = meter_provider(&receiver);
    let otlp = |otlp: llmobs_otlp::Otlp| otlp.meter_provider(&provider).cardinality_limit(100);
    let scene = Scene::to(receiver, otlp, |builder| builder);
    ask(&scene);
    provider.force_flush().expect("delivered");
    check(&scene.receiver, 100);
}

#[test]
fn a_long_name_is_cut() {
    let scene = measured_with(|otlp| otlp);
    scene.receiver.receives_anything("the name of the span is cut, too");
    let long = Record { model: Some("é".repeat(100_000)), ..hostile(0) };
    scene.recorder().record(long);
    scene.flush();
    let input = counter(&scene.receiver, "gen_ai.client.inference.usage.input_tokens");
    assert_eq!(input[0].1["gen_ai.request.model"], json!("é".repeat(128)));
}

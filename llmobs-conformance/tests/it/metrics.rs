//! Metrics, each wrong in one way.

use llmobs_conformance::{Class, State};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
};
use serde_json::{Value, json};

use crate::made::{assert_only, attributes, checker, metrics, scope, set};

const SECONDS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

fn labels() -> Value {
    json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "small",
        "server.address": "api.example.com",
        "server.port": 443,
    })
}

fn point() -> HistogramDataPoint {
    let mut bucket_counts = vec![0; SECONDS.len() + 1];
    bucket_counts.iter_mut().take(2).for_each(|count| *count = 1);
    HistogramDataPoint {
        attributes: attributes(&labels()),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 2,
        sum: Some(0.02),
        bucket_counts,
        explicit_bounds: SECONDS.to_vec(),
        ..HistogramDataPoint::default()
    }
}

fn histogram(point: HistogramDataPoint) -> Metric {
    let temporality = AggregationTemporality::Cumulative.into();
    let data = Histogram { data_points: vec![point], aggregation_temporality: temporality };
    Metric {
        name: "gen_ai.client.inference.duration".into(),
        unit: "s".into(),
        data: Some(Data::Histogram(data)),
        ..Metric::default()
    }
}

fn counter(value: f64) -> Metric {
    let mut attributes = attributes(&labels());
    set(&mut attributes, "llmobs.cost.currency", &json!("USD"));
    let point = NumberDataPoint {
        attributes,
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        value: Some(Number::AsDouble(value)),
        ..NumberDataPoint::default()
    };
    let data = Sum {
        data_points: vec![point],
        aggregation_temporality: AggregationTemporality::Delta.into(),
        is_monotonic: true,
    };
    Metric {
        name: "llmobs.client.cost".into(),
        unit: "{currency_unit}".into(),
        data: Some(Data::Sum(data)),
        ..Metric::default()
    }
}

#[track_caller]
fn wrong(metric: Metric, class: Class, attribute: Option<&str>) {
    if let Some(checker) = checker() {
        assert_only(&checker.check_metrics(&metrics(vec![metric])), class, attribute);
    }
}

#[test]
fn what_is_right_has_nothing_wrong() {
    let Some(checker) = checker() else { return };
    let mut dropped = point();
    set(&mut dropped.attributes, "llmobs.outcome", &json!("dropped"));
    let all = vec![histogram(point()), histogram(dropped), counter(0.5)];
    assert_eq!(checker.check_metrics(&metrics(all)), []);
    // All that found no room is in one point, which only says so.
    let mut rest = point();
    rest.attributes = attributes(&json!({"otel.metric.overflow": true}));
    assert_eq!(checker.check_metrics(&metrics(vec![histogram(rest)])), []);
}

#[test]
fn names() {
    let named = |name: &str| Metric { name: name.into(), ..histogram(point()) };
    wrong(named("gen_ai.client.invented"), Class::UnknownMetric, None);
    wrong(named("llmobs.client.invented"), Class::UnknownMetric, None);
    let previous = "gen_ai.client.operation.time_to_first_chunk";
    wrong(named(previous), Class::DeprecatedMetric, None);
    let Some(checker) = checker() else { return };
    let request = metrics(vec![named(previous)]);
    assert_eq!(checker.clone().state(State::V2026_08).check_metrics(&request), []);
    assert_eq!(checker.clone().state(State::Both).check_metrics(&request), []);
    // The newest names are not in the state of before.
    let newest = metrics(vec![histogram(point())]);
    let found = checker.clone().state(State::V2026_08).check_metrics(&newest);
    assert_only(&found, Class::UnknownMetric, None);
    assert_eq!(checker.state(State::Both).check_metrics(&newest), []);
}

#[test]
fn instruments_units_and_boundaries() {
    let unit = Metric { unit: "ms".into(), ..histogram(point()) };
    wrong(unit, Class::WrongUnit, None);
    let Some(Data::Sum(sum)) = counter(0.5).data else { panic!("a sum") };
    let gauge = Gauge { data_points: sum.data_points.clone() };
    let gauge = Metric { data: Some(Data::Gauge(gauge)), ..counter(0.5) };
    wrong(gauge, Class::WrongInstrument, None);
    let up_and_down = Sum { is_monotonic: false, ..sum.clone() };
    let up_and_down = Metric { data: Some(Data::Sum(up_and_down)), ..counter(0.5) };
    wrong(up_and_down, Class::WrongInstrument, None);
    let mut few = point();
    few.explicit_bounds.truncate(2);
    few.bucket_counts.truncate(3);
    wrong(histogram(few), Class::WrongBuckets, None);
    let timeless = Sum { aggregation_temporality: 0, ..sum };
    let timeless = Metric { data: Some(Data::Sum(timeless)), ..counter(0.5) };
    wrong(timeless, Class::BadPoint, None);
}

#[test]
fn points() {
    wrong(histogram(HistogramDataPoint { count: 9, ..point() }), Class::BadPoint, None);
    wrong(histogram(HistogramDataPoint { sum: Some(f64::NAN), ..point() }), Class::BadPoint, None);
    wrong(counter(-0.5), Class::BadPoint, None);
    wrong(counter(f64::INFINITY), Class::BadPoint, None);
    wrong(histogram(HistogramDataPoint { time_unix_nano: 0, ..point() }), Class::BadTime, None);
}

#[test]
fn labels_follow_the_registry() {
    let with = |key: &str, value: Value| {
        let mut point = point();
        set(&mut point.attributes, key, &value);
        histogram(point)
    };
    let key = "gen_ai.conversation.id";
    wrong(with(key, json!("s-1")), Class::AttributeNotAllowed, Some(key));
    let key = "gen_ai.provider.name";
    wrong(with(key, Value::Null), Class::MissingRequired, Some(key));
    wrong(with("server.port", Value::Null), Class::MissingConditional, Some("server.port"));
    let key = "gen_ai.request.model";
    wrong(with(key, json!(1)), Class::WrongType, Some(key));
    wrong(with("tenant", json!("acme")), Class::UnknownAttribute, Some("tenant"));
    let key = "llmobs.outcome";
    wrong(with(key, json!("fine")), Class::UnknownEnumValue, Some(key));
}

#[test]
fn our_names_are_ours_alone() {
    let Some(checker) = checker() else { return };
    let mut request = metrics(vec![counter(0.5)]);
    for metrics in &mut request.resource_metrics {
        for scoped in &mut metrics.scope_metrics {
            scoped.scope =
                scope().map(|scope| opentelemetry_proto::tonic::common::v1::InstrumentationScope {
                    name: "shop".into(),
                    ..scope
                });
        }
    }
    assert_only(&checker.check_metrics(&request), Class::ScopeName, None);
}

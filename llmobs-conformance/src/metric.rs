//! Metrics.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, HistogramDataPoint, Metric, NumberDataPoint,
};
use serde_json::Value;

use crate::attributes::Bearer;
use crate::checker::Checker;
use crate::registry::MetricDef;
use crate::violation::{Class, Signal, Violation};
use crate::{scope, value};

/// The point in which an SDK puts what is over its limit of points.
const OVERFLOW: &str = "otel.metric.overflow";

pub(crate) fn check(
    checker: &Checker,
    request: &ExportMetricsServiceRequest,
    out: &mut Vec<Violation>,
) {
    for resource_metrics in &request.resource_metrics {
        let mut any_ours = false;
        for scoped in &resource_metrics.scope_metrics {
            if !scope::is_ours(checker, scoped.scope.as_ref()) {
                for metric in &scoped.metrics {
                    scope::foreign(checker, scoped.scope.as_ref(), &metric.name, &[], out);
                }
                continue;
            }
            any_ours = true;
            scope::scope(checker, scoped.scope.as_ref(), &scoped.schema_url, out);
            for metric in &scoped.metrics {
                one(checker, metric, out);
            }
        }
        if any_ours {
            scope::resource(checker, resource_metrics.resource.as_ref(), out);
        }
    }
}

fn one(checker: &Checker, metric: &Metric, out: &mut Vec<Violation>) {
    let found = checker.metric(&metric.name);
    let bearer = Bearer {
        checker,
        registry: found.map_or(checker.registry(), |(registry, _)| registry),
        signal: Signal::Metric,
        kind: &metric.name,
        name: &metric.name,
        uses: found.map(|(_, def)| &def.attributes),
        forbidden: None,
        structured: false,
    };
    let Some((_, def)) = found else {
        let known = checker.rules().previous.metrics.contains_key(&metric.name);
        let (class, detail) = match known {
            true => (Class::DeprecatedMetric, "it was given up after August 2026"),
            false => (Class::UnknownMetric, "no registry has it"),
        };
        out.push(bearer.wrong(class, None, detail));
        return;
    };
    if metric.unit != def.unit {
        let detail = format!("{:?} instead of {:?}", metric.unit, def.unit);
        out.push(bearer.wrong(Class::WrongUnit, None, detail));
    }
    data(&bearer, metric, def, out);
}

fn data(bearer: &Bearer<'_>, metric: &Metric, def: &MetricDef, out: &mut Vec<Violation>) {
    let (instrument, temporality) = match &metric.data {
        Some(Data::Histogram(data)) => {
            for point in &data.data_points {
                attributes(bearer, &point.attributes, out);
                histogram(bearer, def, point, out);
            }
            ("histogram", Some(data.aggregation_temporality()))
        }
        Some(Data::Sum(data)) => {
            for point in &data.data_points {
                attributes(bearer, &point.attributes, out);
                number(bearer, point, data.is_monotonic, out);
            }
            let instrument = if data.is_monotonic { "counter" } else { "updowncounter" };
            (instrument, Some(data.aggregation_temporality()))
        }
        Some(Data::Gauge(data)) => {
            for point in &data.data_points {
                attributes(bearer, &point.attributes, out);
                number(bearer, point, false, out);
            }
            ("gauge", None)
        }
        Some(Data::ExponentialHistogram(_)) => ("exponential histogram", None),
        _ => ("nothing", None),
    };
    if instrument != def.instrument {
        let detail = format!("{instrument} instead of {}", def.instrument);
        out.push(bearer.wrong(Class::WrongInstrument, None, detail));
    }
    if temporality == Some(AggregationTemporality::Unspecified) {
        out.push(bearer.wrong(Class::BadPoint, None, "neither cumulative nor delta"));
    }
}

fn attributes(bearer: &Bearer<'_>, attributes: &[KeyValue], out: &mut Vec<Violation>) {
    if value::is(attributes, OVERFLOW, &Value::Bool(true)) {
        // All the points that found no room: what tells them apart is gone.
        let mut said = Vec::new();
        bearer.check(attributes, &mut said);
        let of_the_rest = |one: &Violation| {
            let missing = [Class::MissingRequired, Class::MissingConditional];
            !missing.contains(&one.class) && one.attribute.as_deref() != Some(OVERFLOW)
        };
        out.extend(said.into_iter().filter(of_the_rest));
        return;
    }
    bearer.check(attributes, out);
}

fn histogram(
    bearer: &Bearer<'_>,
    def: &MetricDef,
    point: &HistogramDataPoint,
    out: &mut Vec<Violation>,
) {
    if !def.buckets.is_empty() && point.explicit_bounds != def.buckets {
        let detail = format!("{:?} instead of {:?}", point.explicit_bounds, def.buckets);
        out.push(bearer.wrong(Class::WrongBuckets, None, detail));
    }
    let counted: u64 = point.bucket_counts.iter().sum();
    let fitting = point.bucket_counts.len() == point.explicit_bounds.len() + 1;
    if counted != point.count || !fitting || !point.sum.is_none_or(f64::is_finite) {
        let detail = format!("{} values, {counted} in buckets, {:?}", point.count, point.sum);
        out.push(bearer.wrong(Class::BadPoint, None, detail));
    }
    times(bearer, point.start_time_unix_nano, point.time_unix_nano, out);
}

fn number(bearer: &Bearer<'_>, point: &NumberDataPoint, monotonic: bool, out: &mut Vec<Violation>) {
    let wrong = match point.value {
        None => true,
        Some(Number::AsDouble(number)) => !number.is_finite() || monotonic && number < 0.0,
        Some(Number::AsInt(number)) => monotonic && number < 0,
    };
    if wrong {
        out.push(bearer.wrong(Class::BadPoint, None, format!("{:?}", point.value)));
    }
    times(bearer, point.start_time_unix_nano, point.time_unix_nano, out);
}

fn times(bearer: &Bearer<'_>, start: u64, at: u64, out: &mut Vec<Violation>) {
    if at == 0 || start > at {
        out.push(bearer.wrong(Class::BadTime, None, format!("from {start} to {at}")));
    }
}

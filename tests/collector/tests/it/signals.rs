//! Each signal, by each way to a collector, as it comes out of it.

use std::collections::BTreeMap;

use collector::{Arrived, ArrivedSpan, Collector, Receiver};
use llmobs::otlp::Otlp;
use llmobs::testing::Memory;
use llmobs::{Capture, Kind, Record};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, Metric, metric};

use crate::shop::{Shop, builder, flush};
use crate::way::Way;

/// What came out of the collector, what was put into it, and what both are about.
struct Run {
    arrived: Arrived,
    direct: Vec<ArrivedSpan>,
    records: Vec<Record>,
}

/// A customer in the shop, by way of a collector; `None` where there is none.
async fn run(way: Way) -> Option<Run> {
    let mut collector = Collector::start()?;
    let mut variables = way.variables(&collector);
    variables.extend([
        ("OTEL_SERVICE_NAME", "shop".to_owned()),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.version=1.2.3".to_owned()),
        ("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "true".to_owned()),
    ]);
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, &**value)).collect();
    // The same spans once more, with nobody in between.
    let direct = Receiver::start();
    let endpoint = format!("{}/v1/traces", direct.url());
    let otlp = Otlp::from_lookup(|name| {
        let resource = ["OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"].contains(&name);
        let mut known = variables.iter().filter(|(known, _)| resource && *known == name);
        known.next().map(|(_, value)| (*value).to_owned())
    });
    let beside = otlp.expect("it is understood").traces_endpoint(&endpoint).expect("a URL");
    let memory = Memory::default();
    let llmobs = builder(&variables)
        .capture(Capture::ALL)
        .sink(memory.clone())
        .sink(beside.sink().expect("it has an endpoint"))
        .start()
        .expect("it starts");
    Shop::open().await.serve(llmobs.recorder()).await;
    flush(&llmobs);
    drop(llmobs);
    collector.finish();
    Some(Run {
        arrived: collector.receiver().arrived(),
        direct: direct.arrived().spans,
        records: memory.records().into_iter().filter(|it| it.kind != Kind::Meta).collect(),
    })
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    match value(attributes, key)? {
        any_value::Value::StringValue(text) => Some(text),
        other => panic!("{key} is no text: {other:?}"),
    }
}

fn number(attributes: &[KeyValue], key: &str) -> Option<u64> {
    match value(attributes, key)? {
        any_value::Value::IntValue(number) => Some(u64::try_from(number).expect("a count")),
        other => panic!("{key} is no number: {other:?}"),
    }
}

fn value(attributes: &[KeyValue], key: &str) -> Option<any_value::Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.clone().and_then(|AnyValue { value }| value)
}

/// Nothing is missing, nothing is more, and nothing was changed.
fn check_spans(Run { arrived, direct, records }: &Run) {
    let by_id = |spans: &[ArrivedSpan]| -> BTreeMap<Vec<u8>, ArrivedSpan> {
        spans.iter().map(|it| (it.span.span_id.clone(), it.clone())).collect()
    };
    let (spans, direct) = (by_id(&arrived.spans), by_id(direct));
    assert_eq!(spans.len(), records.len());
    assert_eq!(spans.len(), 7, "three steps and four calls");
    assert!(spans == direct, "the collector changed spans: {spans:#?}\nwere {direct:#?}");

    for record in records {
        let id = record.span_id.expect("a span").to_bytes();
        let ArrivedSpan { resource, scope, schema_url, span } = &spans[&id[..]];
        assert_eq!(span.trace_id, record.trace_id.expect("a trace").to_bytes());
        let parent = record.parent_span_id.map(|id| id.to_bytes().to_vec());
        assert_eq!(span.parent_span_id, parent.unwrap_or_default());
        assert_eq!(text(&resource.attributes, "service.name").as_deref(), Some("shop"));
        assert_eq!(text(&resource.attributes, "service.version").as_deref(), Some("1.2.3"));
        assert_eq!((&*scope.name, &*scope.version), ("llmobs", env!("CARGO_PKG_VERSION")));
        assert!(schema_url.starts_with("https://opentelemetry.io/schemas/"), "{schema_url}");

        let told = |key: &str| text(&span.attributes, key);
        assert_eq!(told("gen_ai.request.model"), record.model);
        assert_eq!(told("gen_ai.response.model"), record.model_version);
        assert_eq!(told("session.id").as_deref(), Some("session-7"));
        assert_eq!(told("user.id").as_deref(), Some("user-42"));
        // The conventions have it where somebody is talking.
        let apart = ["embeddings", "retrieval"];
        let talking = !apart.iter().any(|operation| span.name.starts_with(operation));
        assert_eq!(told("gen_ai.conversation.id"), told("session.id").filter(|_| talking));
        let counted = |key: &str| number(&span.attributes, key);
        assert_eq!(counted("gen_ai.usage.input_tokens"), record.input_tokens);
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
        let failed = span.status.as_ref().map_or(0, |status| status.code);
        assert_eq!(failed == 2, record.error.is_some(), "{span:#?}");
    }
    let mut names: Vec<_> = spans.values().map(|it| &*it.span.name).collect();
    names.sort_unstable();
    let chats = ["chat gpt-4o-mini"; 3];
    let others = [
        "embeddings text-embedding-3-small",
        "execute_tool look_up",
        "invoke_workflow support",
        "retrieval",
    ];
    assert_eq!(names, [&chats[..], &others].concat());
    let greeting = |it: &ArrivedSpan| {
        let said = text(&it.span.attributes, "gen_ai.input.messages").unwrap_or_default();
        let said: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
        // Databases behind collectors refuse NUL.
        said.to_string().contains("Grüße! 你好 \u{fffd} Boots?")
    };
    assert_eq!(
        spans.values().filter(|it| greeting(it)).count(),
        1,
        "text is what it was but for NUL"
    );
}

/// The last export of each metric.
fn last(arrived: &Arrived) -> BTreeMap<&str, &Metric> {
    arrived.metrics.iter().map(|(_, metric)| (&*metric.name, metric)).collect()
}

fn points(metric: &Metric) -> &[HistogramDataPoint] {
    match &metric.data {
        Some(metric::Data::Histogram(histogram)) => &histogram.data_points,
        other => panic!("{} is no histogram: {other:?}", metric.name),
    }
}

/// Names, units, buckets and counts.
fn check_metrics(Run { arrived, records, .. }: &Run) {
    let resource = |(resource, _): &(_, _)| -> Option<String> {
        let resource: &opentelemetry_proto::tonic::resource::v1::Resource = resource;
        text(&resource.attributes, "service.name")
    };
    assert!(arrived.metrics.iter().all(|it| resource(it).as_deref() == Some("shop")));
    let metrics = last(arrived);
    let seconds =
        [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
    let tokens: [f64; 14] = std::array::from_fn(|n| 4_f64.powi(n as i32));
    let minutes = [1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0];
    for (name, unit, bounds, count) in [
        ("gen_ai.client.inference.duration", "s", &seconds[..], 3),
        ("gen_ai.client.embeddings.duration", "s", &seconds, 1),
        ("gen_ai.execute_tool.duration", "s", &seconds, 1),
        ("gen_ai.invoke_workflow.duration", "s", &minutes, 1),
        ("gen_ai.client.inference.time_to_first_chunk", "s", &seconds, 1),
        ("gen_ai.client.inference.operation.input_tokens", "{token}", &tokens, 2),
        ("gen_ai.client.inference.operation.output_tokens", "{token}", &tokens, 2),
        ("gen_ai.client.embeddings.operation.input_tokens", "{token}", &tokens, 1),
    ] {
        let metric = metrics.get(name).unwrap_or_else(|| panic!("{name} among {metrics:#?}"));
        assert_eq!(metric.unit, unit, "{name}");
        assert!(points(metric).iter().all(|point| point.explicit_bounds == bounds), "{metric:#?}");
        assert_eq!(points(metric).iter().map(|point| point.count).sum::<u64>(), count, "{name}");
    }
    let input: u64 = records
        .iter()
        .filter(|record| record.operation.as_deref() == Some("chat"))
        .filter_map(|record| record.input_tokens)
        .sum();
    let arrived = points(metrics["gen_ai.client.inference.operation.input_tokens"]);
    assert_eq!(arrived.iter().filter_map(|point| point.sum).sum::<f64>(), input as f64);
}

/// Events by name, with the span that they are about, content in its structure, and a text for those
/// who show nothing else.
fn check_events(Run { arrived, records, .. }: &Run) {
    let known = |name: &str, of: &dyn Fn(&Record) -> bool| {
        let about: Vec<_> = records.iter().filter(|record| of(record)).collect();
        let logs: Vec<_> = arrived.logs.iter().filter(|(_, log)| log.event_name == name).collect();
        assert_eq!(logs.len(), about.len(), "{name} in {:#?}", arrived.logs);
        for record in about {
            let (trace, span) =
                (record.trace_id.expect("a trace"), record.span_id.expect("a span"));
            let found = logs.iter().find(|(_, log)| log.span_id == span.to_bytes());
            let (resource, log) = found.unwrap_or_else(|| panic!("no {name} about {record:?}"));
            assert_eq!(log.trace_id, trace.to_bytes());
            let body = log.body.clone().and_then(|body| body.value);
            let said =
                matches!(&body, Some(any_value::Value::StringValue(text)) if !text.is_empty());
            assert!(said, "{log:#?}");
            if name.ends_with("details") {
                let messages = value(&log.attributes, "gen_ai.input.messages");
                let structured = matches!(messages, Some(any_value::Value::ArrayValue(_)));
                assert!(structured, "{log:#?}");
            }
            assert_eq!(text(&resource.attributes, "service.name").as_deref(), Some("shop"));
        }
    };
    let chat = |record: &Record| record.operation.as_deref() == Some("chat");
    known("gen_ai.client.inference.operation.details", &chat);
    known("gen_ai.client.operation.exception", &|record| chat(record) && record.error.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_way_everything_comes_out_as_it_went_in() {
    for way in Way::ALL {
        let Some(run) = run(way).await else { return };
        check_spans(&run);
        check_metrics(&run);
        check_events(&run);
    }
}

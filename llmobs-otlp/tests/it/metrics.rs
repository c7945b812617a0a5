//! Instruments, units, buckets, attributes and values, from the protobuf that arrived.

mod bounds;
mod durable;
mod flush;
mod ours;
mod recorder;
mod versions;

use llmobs_core::testing::samples;
use llmobs_core::{BodyEnd, Record, Recorder, Step, StepKind, Verdict};
use llmobs_otlp::Temporality;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, HistogramDataPoint, Metric, number_data_point,
};
use serde_json::{Value, json};

use crate::receiver::{Answer, Receiver, json as attributes};
use crate::scene::{Scene, complete, issue, issue_to, quick_call};

const SECONDS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

fn tokens() -> Vec<f64> {
    (0..14).map(|power| 4_f64.powi(power)).collect()
}

/// What all metrics of a call to `model` have.
fn common(model: &str, more: Value) -> Value {
    let mut all = json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "server.address": "api.example.com",
        "server.port": 443,
    });
    for (name, value) in more.as_object().expect("an object") {
        all[name] = value.clone();
    }
    all
}

#[track_caller]
fn metric(receiver: &Receiver, name: &str) -> Metric {
    let metrics = receiver.metrics();
    let names: Vec<_> = metrics.iter().map(|metric| metric.name.clone()).collect();
    let found = metrics.into_iter().find(|metric| metric.name == name);
    found.unwrap_or_else(|| panic!("{name} among {names:?}"))
}

#[track_caller]
fn points(metric: Metric, unit: &str, bounds: &[f64]) -> Vec<HistogramDataPoint> {
    assert_eq!(metric.unit, unit, "{}", metric.name);
    let Some(Data::Histogram(histogram)) = metric.data else {
        panic!("{} is no histogram", metric.name)
    };
    for point in &histogram.data_points {
        assert_eq!(point.explicit_bounds, bounds, "{}", metric.name);
    }
    histogram.data_points
}

/// The one point of a histogram: how many, their sum, and the attributes.
#[track_caller]
fn histogram(receiver: &Receiver, name: &str, unit: &str, bounds: &[f64]) -> (u64, f64, Value) {
    let mut points = points(metric(receiver, name), unit, bounds);
    assert_eq!(points.len(), 1, "{name}");
    let point = points.remove(0);
    let sum = (point.sum.expect("a sum") * 1e6).round() / 1e6;
    (point.count, sum, attributes(&point.attributes))
}

/// The points of a counter, by their attributes, largest first.
#[track_caller]
fn counter(receiver: &Receiver, name: &str) -> Vec<(i64, Value)> {
    let metric = metric(receiver, name);
    assert_eq!(metric.unit, "{token}", "{name}");
    let Some(Data::Sum(sum)) = metric.data else { panic!("{name} is no counter") };
    assert!(sum.is_monotonic);
    let mut points: Vec<_> = sum
        .data_points
        .into_iter()
        .map(|point| match point.value {
            Some(number_data_point::Value::AsInt(n)) => (n, attributes(&point.attributes)),
            other => panic!("{name} counts no integers: {other:?}"),
        })
        .collect();
    points.sort_by_key(|(n, _)| -n);
    points
}

/// The points of a sum of any kind, by their labels; and whether it only ever grows.
#[track_caller]
fn sums(receiver: &Receiver, name: &str) -> (Vec<(f64, Value)>, bool) {
    let Some(Data::Sum(sum)) = metric(receiver, name).data else { panic!("{name} is no sum") };
    let mut points: Vec<_> = sum
        .data_points
        .into_iter()
        .map(|point| {
            let value = match point.value.expect("a value") {
                number_data_point::Value::AsInt(n) => n as f64,
                number_data_point::Value::AsDouble(n) => n,
            };
            (value, attributes(&point.attributes))
        })
        .collect();
    points.sort_by_key(|(_, labels)| labels.to_string());
    (points, sum.is_monotonic)
}

/// A scene whose metrics go to the receiver, set up by `otlp` besides.
fn measured_with(otlp: impl FnOnce(llmobs_otlp::Otlp) -> llmobs_otlp::Otlp) -> Scene {
    let receiver = Receiver::start();
    let url = format!("{}/v1/metrics", receiver.url());
    let with_metrics = |base: llmobs_otlp::Otlp| otlp(base.metrics_endpoint(&url).expect("a URL"));
    Scene::to(receiver, with_metrics, |builder| builder)
}

/// The names that arrived, but for those that every recorder sends of itself.
fn names(receiver: &Receiver) -> Vec<String> {
    let always = ["llmobs.client.active_calls", "llmobs.client.queue_time"];
    let mut names: Vec<_> = receiver.metrics().into_iter().map(|metric| metric.name).collect();
    names.retain(|name| !name.starts_with("llmobs.recorder.") && !always.contains(&name.as_str()));
    names.sort();
    names
}

#[test]
fn a_call_adds_its_duration_and_its_tokens() {
    let scene = Scene::measured();
    let usage = json!({
        "cache_read_tokens": 60, "cache_write_tokens": 5, "reasoning_tokens": 10,
        "audio_input_tokens": 30,
    });
    let answer = json!({
        "model_version": "gpt-4o-2026", "input_tokens": 100, "output_tokens": 40, "usage": usage,
    });
    scene.call(json!({"model": "gpt-4o"}), answer);
    scene.flush();

    let to = &scene.receiver;
    let base = common("gpt-4o", json!({"gen_ai.response.model": "gpt-4o-2026"}));
    let with = |modality: &str| {
        let more = json!({
            "gen_ai.response.model": "gpt-4o-2026", "gen_ai.token.modality": modality,
        });
        common("gpt-4o", more)
    };
    let duration = histogram(to, "gen_ai.client.inference.duration", "s", &SECONDS);
    assert_eq!(duration, (1, 0.3, base.clone()));
    let input = counter(to, "gen_ai.client.inference.usage.input_tokens");
    assert_eq!(input, [(70, with("unknown")), (30, with("audio"))]);
    let output = counter(to, "gen_ai.client.inference.usage.output_tokens");
    assert_eq!(output, [(40, with("unknown"))]);
    let read = counter(to, "gen_ai.client.inference.usage.cache_read.input_tokens");
    assert_eq!(read, [(60, with("unknown"))]);
    let write = counter(to, "gen_ai.client.inference.usage.cache_write.input_tokens");
    assert_eq!(write, [(5, with("unknown"))]);
    let reasoning = counter(to, "gen_ai.client.inference.usage.reasoning.output_tokens");
    assert_eq!(reasoning, [(10, with("unknown"))]);
    let size = |name| histogram(to, name, "{token}", &tokens());
    let input = size("gen_ai.client.inference.operation.input_tokens");
    assert_eq!(input, (1, 100.0, base.clone()));
    let output = size("gen_ai.client.inference.operation.output_tokens");
    assert_eq!(output, (1, 40.0, base));
    assert_eq!(names(to).len(), 10, "and its share, and that the cost is not known");
    let request = &to.metric_requests()[0].resource_metrics[0].scope_metrics[0];
    assert_eq!(request.scope.as_ref().expect("a scope").name, "llmobs");
    assert_eq!(request.schema_url, "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev");
}

#[test]
fn what_is_made_beside_text_is_inference_and_other_calls_are_not() {
    let durations = |operation: &'static str| {
        let scene = Scene::measured();
        let operation = Some(operation.into());
        scene.recorder().record(Record { operation, ..samples::media() });
        scene.flush();
        let names = names(&scene.receiver);
        names.into_iter().filter(|name| name.ends_with(".duration")).collect::<Vec<_>>()
    };
    for operation in ["generate_content", "transcription", "translation"] {
        assert_eq!(durations(operation), ["gen_ai.client.inference.duration"], "{operation}");
    }
    for operation in ["moderation", "retrieval", "api_call"] {
        assert_eq!(durations(operation), ["gen_ai.client.operation.duration"], "{operation}");
    }
}

#[test]
fn tokens_of_a_known_kind_are_counted_under_it() {
    let scene = Scene::measured();
    scene.recorder().record(samples::media());
    scene.flush();
    let of = |name| {
        let all = counter(&scene.receiver, name);
        let all = all.into_iter().map(|(tokens, by)| (tokens, by["gen_ai.token.modality"].clone()));
        all.collect::<Vec<_>>()
    };
    let input = of("gen_ai.client.inference.usage.input_tokens");
    assert_eq!(input, [(200, json!("image")), (30, json!("text"))]);
    let output = of("gen_ai.client.inference.usage.output_tokens");
    assert_eq!(output, [(1_056, json!("image")), (4, json!("text"))]);
}

/// A stream of `tokens` events, the first after 200 ms and then one every 50 ms.
fn stream(scene: &Scene, model: &str, tokens: usize, end: BodyEnd) {
    let call = issue(scene.recorder(), json!({"model": model, "stream": true}));
    let headers = [("content-type", &b"text/event-stream"[..])];
    let mut tap = call.handle().attempt().headers(200, headers.into_iter());
    call.returned();
    scene.advance(150);
    for _ in 0..tokens {
        scene.advance(50);
        tap.data(&"data: token\n\n".into());
    }
    if end == BodyEnd::Complete {
        let usage = json!({"output_tokens": tokens, "usage": {"source": "reported"}}).to_string();
        tap.data(&format!("data: {usage}\n\ndata: [DONE]\n\n").into());
    }
    tap.end(end);
}

#[test]
fn a_stream_adds_the_pace_of_its_tokens() {
    let scene = Scene::measured();
    stream(&scene, "m", 5, BodyEnd::Complete);
    scene.flush();
    let to = &scene.receiver;
    let seconds = |name| histogram(to, name, "s", &SECONDS);
    let base = common("m", json!({}));
    let first = seconds("gen_ai.client.inference.time_to_first_chunk");
    assert_eq!(first, (1, 0.2, base.clone()));
    // From each event to the next, the one with the usage included.
    let chunks = seconds("gen_ai.client.inference.time_per_output_chunk");
    assert_eq!(chunks, (5, 0.2, base.clone()));
    assert_eq!(seconds("llmobs.client.time_to_first_token"), (1, 0.2, base.clone()));
    let bounds = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];
    let pace = histogram(to, "llmobs.client.time_per_output_token", "s", &bounds);
    assert_eq!(pace, (1, 0.05, base));
}

#[test]
fn a_dropped_call_is_labelled_and_no_error() {
    let scene = Scene::measured();
    stream(&scene, "m", 2, BodyEnd::Dropped);
    scene.flush();
    let name = "gen_ai.client.inference.duration";
    let (count, sum, labels) = histogram(&scene.receiver, name, "s", &SECONDS);
    assert_eq!((count, sum), (1, 0.25));
    assert_eq!(labels, common("m", json!({"llmobs.outcome": "dropped"})));
}

#[test]
fn a_stream_without_an_end_is_an_error_of_no_known_type() {
    let scene = Scene::measured();
    let call = issue(scene.recorder(), json!({"model": "m", "stream": true}));
    let headers = [("content-type", &b"text/event-stream"[..])];
    let mut tap = call.handle().attempt().headers(200, headers.into_iter());
    call.returned();
    tap.data(&"data: token\n\n".into());
    tap.end(BodyEnd::Complete);
    scene.flush();
    let labels = json!({"error.type": "_OTHER", "llmobs.outcome": "interrupted"});
    let name = "gen_ai.client.inference.duration";
    assert_eq!(histogram(&scene.receiver, name, "s", &SECONDS).2, common("m", labels));
    let span = scene.receiver.span("chat m");
    assert_eq!(span.status.expect("a status").code, 2);
    assert_eq!(attributes(&span.attributes)["error.type"], json!("_OTHER"));
    assert_eq!(attributes(&span.attributes)["llmobs.outcome"], json!("interrupted"));
}

#[test]
fn a_failed_call_has_its_error_type_and_success_has_none() {
    let scene = Scene::measured();
    complete(issue(scene.recorder(), json!({"model": "m"})), 429, json!({}));
    quick_call(scene.recorder(), "m");
    scene.flush();
    let metric = metric(&scene.receiver, "gen_ai.client.inference.duration");
    let mut labels: Vec<_> = points(metric, "s", &SECONDS)
        .into_iter()
        .map(|point| attributes(&point.attributes).get("error.type").cloned())
        .collect();
    labels.sort_by_key(|label| label.as_ref().map(ToString::to_string));
    assert_eq!(labels, [None, Some(json!("429"))]);
}

#[test]
fn other_operations_have_metrics_of_their_own() {
    let scene = Scene::measured();
    let request = json!({"model": "embed", "params": {"dimensions": 256}});
    let call = issue_to(scene.recorder(), "/v1/embeddings", request);
    scene.advance(20);
    complete(call, 200, json!({"input_tokens": 12}));
    complete(issue_to(scene.recorder(), "/v1/responses/r-1", json!({})), 200, json!({}));
    scene.flush();
    let to = &scene.receiver;
    let expected = [
        "gen_ai.client.embeddings.duration",
        "gen_ai.client.embeddings.operation.input_tokens",
        "gen_ai.client.operation.duration",
        "llmobs.client.unpriced",
    ];
    assert_eq!(names(to), expected);
    let name = "gen_ai.client.embeddings.operation.input_tokens";
    let (count, sum, labels) = histogram(to, name, "{token}", &tokens());
    assert_eq!((count, sum), (1, 12.0));
    assert_eq!(labels, common("embed", json!({"gen_ai.operation.name": "embeddings"})));
    let (_, _, labels) = histogram(to, "gen_ai.client.operation.duration", "s", &SECONDS);
    assert_eq!(labels["gen_ai.operation.name"], json!("fetch_response"));
}

#[test]
fn tools_agents_and_workflows_have_durations_with_their_names() {
    let scene = Scene::measured();
    scene.scope().run_sync(|| {
        let kinds = [
            (StepKind::Tool, "search"),
            (StepKind::Agent, "planner"),
            (StepKind::Workflow, "support"),
            (StepKind::Retrieval, "kb"),
            (StepKind::Prompt, "build"),
        ];
        for (kind, name) in kinds {
            let mut step = Step::start(kind, name);
            scene.advance(500);
            if kind == StepKind::Tool {
                step.fail("NotFound");
            }
            step.end();
        }
    });
    scene.flush();
    let to = &scene.receiver;
    let agents = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6];
    let workflows = [1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0];
    let tool = histogram(to, "gen_ai.execute_tool.duration", "s", &SECONDS);
    assert_eq!(tool, (1, 0.5, json!({"gen_ai.tool.name": "search", "error.type": "NotFound"})));
    let agent = histogram(to, "gen_ai.invoke_agent.duration", "s", &agents);
    assert_eq!(agent, (1, 0.5, json!({"gen_ai.agent.name": "planner"})));
    let workflow = histogram(to, "gen_ai.invoke_workflow.duration", "s", &workflows);
    assert_eq!(workflow, (1, 0.5, json!({"gen_ai.workflow.name": "support"})));
    let retrieval = histogram(to, "gen_ai.client.operation.duration", "s", &SECONDS);
    assert_eq!(retrieval, (1, 0.5, json!({"gen_ai.operation.name": "retrieval"})));
    assert_eq!(names(to).len(), 6, "and how many calls the agent made");
}

#[test]
fn counts_that_contradict_each_other_are_not_counted() {
    let scene = Scene::measured();
    let answer = json!({"input_tokens": 5, "output_tokens": 9, "usage": {"inconsistent": true}});
    scene.call(json!({"model": "m"}), answer);
    scene.flush();
    let expected = ["gen_ai.client.inference.duration", "llmobs.client.unpriced"];
    assert_eq!(names(&scene.receiver), expected);
}

#[test]
fn metrics_are_taken_before_anything_is_sampled() {
    let receiver = Receiver::start();
    let metrics = format!("{}/v1/metrics", receiver.url());
    let scene = Scene::to(
        receiver,
        |otlp| otlp.metrics_endpoint(&metrics).expect("a URL"),
        |builder| builder.processor(|_: &mut Record| Verdict::Refuse),
    );
    quick_call(scene.recorder(), "m");
    scene.flush();
    assert_eq!(scene.receiver.spans().len(), 0);
    let expected = ["gen_ai.client.inference.duration", "llmobs.client.unpriced"];
    assert_eq!(names(&scene.receiver), expected);
}

#[test]
fn costs_add_up_beside_the_calls_without_one() {
    let scene = Scene::measured();
    let price = |json: &str| serde_json::from_str(json).map(Box::new).ok();
    let priced = Record {
        cost: price(r#"{"total":0.25,"currency":"USD","source":"reported"}"#),
        ..samples::priced()
    };
    let euros = Record { cost: price(r#"{"total":3,"currency":"EUR"}"#), ..samples::priced() };
    let unpriced = Record { cost: None, ..samples::priced() };
    let fetched = Record { operation: Some("fetch_response".into()), ..unpriced.clone() };
    for record in [priced.clone(), priced, euros, unpriced, fetched] {
        scene.recorder().record(record);
    }
    scene.flush();
    let Some(Data::Sum(sum)) = metric(&scene.receiver, "llmobs.client.cost").data else {
        panic!("a sum")
    };
    let mut sums: Vec<_> = sum
        .data_points
        .into_iter()
        .map(|point| {
            let currency = attributes(&point.attributes)["llmobs.cost.currency"].to_string();
            (currency, point.value)
        })
        .collect();
    sums.sort_by(|one, other| one.0.cmp(&other.0));
    let double = |number| Some(number_data_point::Value::AsDouble(number));
    assert_eq!(sums, [("\"EUR\"".into(), double(3.0)), ("\"USD\"".into(), double(0.5))]);
    let Some(Data::Sum(sum)) = metric(&scene.receiver, "llmobs.client.unpriced").data else {
        panic!("a sum")
    };
    assert_eq!(sum.data_points.len(), 1);
    assert_eq!(sum.data_points[0].value, Some(number_data_point::Value::AsInt(1)));
}

#[test]
fn prompts_users_sessions_and_tags_are_no_labels() {
    let scene = Scene::measured();
    let scope = scene.scope().session("s-1").user("u-1").tag("tenant", "acme").prompt("p", "v1");
    scope.run_sync(|| quick_call(scene.recorder(), "m"));
    scene.flush();
    let name = "gen_ai.client.inference.duration";
    let labels = histogram(&scene.receiver, name, "s", &SECONDS).2;
    assert_eq!(labels, common("m", json!({})));
}

fn counted(recorder: &Recorder) {
    let answer = json!({"input_tokens": 10});
    complete(issue(recorder, json!({"model": "m"})), 200, answer);
}

fn temporality(preference: Temporality) -> (Vec<i64>, AggregationTemporality) {
    let receiver = Receiver::start();
    let url = format!("{}/v1/metrics", receiver.url());
    let otlp = |otlp: llmobs_otlp::Otlp| {
        otlp.metrics_endpoint(&url).expect("a URL").temporality(preference)
    };
    let scene = Scene::to(receiver, otlp, |builder| builder);
    let mut seen = Vec::new();
    for _ in 0..2 {
        counted(scene.recorder());
        scene.flush();
        seen.push(counter(&scene.receiver, "gen_ai.client.inference.usage.input_tokens")[0].0);
    }
    let metric = metric(&scene.receiver, "gen_ai.client.inference.usage.input_tokens");
    let Some(Data::Sum(sum)) = metric.data else { panic!("a sum") };
    (seen, sum.aggregation_temporality())
}

#[test]
fn points_count_from_the_start_or_from_the_last_export() {
    let from_start = temporality(Temporality::Cumulative);
    assert_eq!(from_start, (vec![10, 20], AggregationTemporality::Cumulative));
    let from_last = temporality(Temporality::Delta);
    assert_eq!(from_last, (vec![10, 10], AggregationTemporality::Delta));
}

#[test]
fn deltas_are_offered_again() {
    let receiver = Receiver::start();
    let url = format!("{}/v1/metrics", receiver.url());
    let otlp = llmobs_otlp::Otlp::new().metrics_endpoint(&url).expect("a URL");
    let otlp = otlp.temporality(Temporality::Delta);
    receiver.answer(Answer { status: 503, ..Answer::default() });
    let scene = Scene::to(receiver, |_| otlp, |builder| builder);
    counted(scene.recorder());
    scene.flush();
    let requests = scene.receiver.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].body, requests[1].body);
}

#[test]
fn a_meter_provider_given_in_code_is_used_in_either_mode() {
    let receiver = Receiver::start();
    let provider = crate::provider::meter_provider(&receiver);
    let otlp = |otlp: llmobs_otlp::Otlp| otlp.meter_provider(&provider);
    let scene = Scene::to(receiver, otlp, |builder| builder);
    counted(scene.recorder());
    scene.flush();
    assert_eq!(scene.receiver.metric_requests().len(), 0, "when to export is the provider's");
    provider.force_flush().expect("delivered");
    let input = counter(&scene.receiver, "gen_ai.client.inference.usage.input_tokens");
    assert_eq!(input[0].0, 10);
}

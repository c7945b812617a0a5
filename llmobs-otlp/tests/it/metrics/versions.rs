//! Names of one state of the conventions, or of both.

use llmobs_conformance::State;
use llmobs_core::testing::samples;
use llmobs_core::{BodyEnd, LatencyClock, Record, StepKind};
use llmobs_otlp::Semconv;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use serde_json::{Value, json};

use super::{SECONDS, attributes, histogram, measured_with, metric, names, points, stream, tokens};
use crate::scene::{Scene, complete, issue_to};

const PREVIOUS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/semconv/genai-2026-08-03.compact.json");

fn stream_and_embed(semconv: Semconv) -> Scene {
    let scene = measured_with(|otlp| otlp.semconv(semconv));
    scene.receiver.expects(|checker| checker.state(state(semconv)));
    stream(&scene, "m", 5, BodyEnd::Complete);
    let request = json!({"model": "embed"});
    let call = issue_to(scene.recorder(), "/v1/embeddings", request);
    complete(call, 200, json!({"input_tokens": 12}));
    let workflow = Record { step: Some(StepKind::Workflow), ..samples::told_step() };
    scene.recorder().record(workflow);
    scene.flush();
    scene
}

fn state(semconv: Semconv) -> State {
    match semconv {
        Semconv::V2026_08 => State::V2026_08,
        Semconv::Both => State::Both,
        _ => State::Latest,
    }
}

const OF_AUGUST: [&str; 5] = [
    "gen_ai.client.operation.duration",
    "gen_ai.client.operation.time_per_output_chunk",
    "gen_ai.client.operation.time_to_first_chunk",
    "gen_ai.client.token.usage",
    "gen_ai.workflow.duration",
];
const OF_OCTOBER: [&str; 8] = [
    "gen_ai.client.embeddings.duration",
    "gen_ai.client.embeddings.operation.input_tokens",
    "gen_ai.client.inference.duration",
    "gen_ai.client.inference.operation.output_tokens",
    "gen_ai.client.inference.time_per_output_chunk",
    "gen_ai.client.inference.time_to_first_chunk",
    "gen_ai.client.inference.usage.output_tokens",
    "gen_ai.invoke_workflow.duration",
];

fn conventional(scene: &Scene) -> Vec<String> {
    let names = names(&scene.receiver).into_iter();
    names.filter(|name| name.starts_with("gen_ai.")).collect()
}

#[test]
fn the_previous_names_take_the_place_of_the_newest() {
    let scene = stream_and_embed(Semconv::V2026_08);
    assert_eq!(conventional(&scene), OF_AUGUST);
    let to = &scene.receiver;
    let mut counts: Vec<_> = points(metric(to, "gen_ai.client.token.usage"), "{token}", &tokens())
        .into_iter()
        .map(|point| {
            let labels = attributes(&point.attributes);
            let of = labels["gen_ai.operation.name"].clone();
            (labels["gen_ai.token.type"].to_string(), of, point.sum.expect("a sum"))
        })
        .collect();
    counts.sort_by(|a, b| (&a.0, a.2 as u64).cmp(&(&b.0, b.2 as u64)));
    let input = |of: &str, sum| ("\"input\"".to_owned(), json!(of), sum);
    let output = ("\"output\"".to_owned(), json!("chat"), 5.0);
    assert_eq!(counts, [input("chat", 0.0), input("embeddings", 12.0), output][1..]);
    let durations = points(metric(to, "gen_ai.client.operation.duration"), "s", &SECONDS);
    assert_eq!(durations.len(), 2);
}

#[test]
fn both_sets_of_names_are_sent_beside_each_other() {
    let scene = stream_and_embed(Semconv::Both);
    let mut both: Vec<_> = OF_AUGUST.into_iter().chain(OF_OCTOBER).collect();
    both.sort_unstable();
    assert_eq!(conventional(&scene), both);
    let to = &scene.receiver;
    let newest = histogram(to, "gen_ai.client.inference.time_to_first_chunk", "s", &SECONDS);
    let before = histogram(to, "gen_ai.client.operation.time_to_first_chunk", "s", &SECONDS);
    assert_eq!(newest, before);
}

#[test]
fn the_newest_names_leave_the_previous_out() {
    assert_eq!(conventional(&stream_and_embed(Semconv::Latest)), OF_OCTOBER);
}

#[test]
fn what_is_sent_under_the_previous_names_is_what_their_registry_has() {
    let Ok(text) = std::fs::read_to_string(PREVIOUS) else {
        eprintln!("SKIPPED: the registry of August 2026 is not at {PREVIOUS}");
        return;
    };
    let registry: Value = serde_json::from_str(&text).expect("the registry is JSON");
    let scene = measured_with(|otlp| otlp.semconv(Semconv::V2026_08));
    scene
        .receiver
        .receives_anything("figures of samples are made to be there, whether they can be");
    let steps = [StepKind::Agent, StepKind::Workflow, StepKind::Retrieval].map(|kind| Record {
        step: Some(kind),
        totals: Some(Box::default()),
        ..samples::told_step()
    });
    for mut record in samples::all().into_iter().chain(steps) {
        if let Some(usage) = &mut record.usage {
            usage.inconsistent = false;
        }
        if let Some(latency) = &mut record.latency {
            latency.chunk_gaps_ms = vec![20.0];
        }
        if let Some(totals) = &mut record.totals {
            (totals.own_inference_calls, totals.own_tools) = (Some(2), Some(3));
        }
        scene.recorder().record(record);
    }
    scene.flush();
    let mut checked = Vec::new();
    for metric in scene.receiver.metrics() {
        let name = metric.name.clone();
        if name.starts_with("llmobs.") {
            continue;
        }
        // What OpenAI adds is a refinement of the same name.
        let entries: Vec<&Value> = registry["metrics"]
            .as_object()
            .expect("metrics")
            .values()
            .filter(|entry| entry["name"] == json!(name))
            .collect();
        assert!(!entries.is_empty(), "{name} is not registered");
        let Some(Data::Histogram(histogram)) = metric.data else { panic!("{name}: no histogram") };
        assert_eq!(entries[0]["instrument"], json!("histogram"), "{name}");
        assert_eq!(entries[0]["unit"], json!(metric.unit), "{name}");
        for point in histogram.data_points {
            let labels = attributes(&point.attributes);
            for label in labels.as_object().expect("labels").keys() {
                let known = entries.iter().any(|entry| entry["attributes"].get(label).is_some());
                assert!(known || label.starts_with("llmobs."), "{name} has no {label}");
            }
            for (required, level) in entries[0]["attributes"].as_object().expect("attributes") {
                let there = labels.get(required).is_some();
                assert!(there || level["level"] != json!("required"), "{name}: no {required}");
            }
        }
        checked.push(name);
    }
    checked.sort();
    let mut expected = OF_AUGUST.to_vec();
    expected.extend([
        "gen_ai.execute_tool.duration",
        "gen_ai.invoke_agent.duration",
        "gen_ai.invoke_agent.inference_calls",
        "gen_ai.invoke_agent.tool_calls",
    ]);
    expected.sort_unstable();
    assert_eq!(checked, expected);
}

#[test]
fn times_that_a_reader_took_are_apart_from_those_of_the_wire() {
    let scene = Scene::measured();
    scene.recorder().record(samples::read());
    let mut wire = samples::read();
    if let Some(latency) = &mut wire.latency {
        latency.clock = None;
        latency.chunk_gaps_ms = vec![20.0];
    }
    let mut paced = samples::read();
    if let Some(latency) = &mut paced.latency {
        latency.chunk_gaps_ms = vec![20.0];
        latency.queue_ms = Some(1.0);
    }
    scene.recorder().record(wire);
    scene.recorder().record(paced);
    scene.flush();
    let reader = json!(LatencyClock::Reader.as_str());
    let by_clock = |name| {
        let points = points(metric(&scene.receiver, name), "s", &SECONDS).into_iter();
        let mut counts: Vec<_> = points
            .map(|point| {
                let labels = attributes(&point.attributes);
                (labels.get("llmobs.latency.clock") == Some(&reader), point.count)
            })
            .collect();
        counts.sort_unstable();
        counts
    };
    let timed = [
        "gen_ai.client.inference.duration",
        "gen_ai.client.inference.time_to_first_chunk",
        "llmobs.client.time_to_first_token",
    ];
    for name in timed {
        assert_eq!(by_clock(name), [(false, 1), (true, 2)], "{name}");
    }
    let per_chunk = by_clock("gen_ai.client.inference.time_per_output_chunk");
    assert_eq!(per_chunk, [(false, 1)], "a reader knows no times of chunks");
    assert!(!names(&scene.receiver).iter().any(|name| name == "llmobs.client.queue_time"));
}

//! Recorded exchanges as spans and metrics, against the registries.
//!
//! The recordings are not part of the project. Where they are absent the test says so and passes,
//! but not in CI.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use llmobs_conformance::{Checker, Class, Exceptions, State};
use llmobs_core::testing::{Recording, samples};
use llmobs_core::{BodyEnd, CallStart, Capture, Record, Redact, Target};
use llmobs_openai::OpenAi;
use llmobs_otlp::{Compat, Otlp, Semconv};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::Value;

use crate::conformance::{checker, told, wrong};
use crate::receiver::Receiver;
use crate::registry::scene_of_everything;
use crate::scene::Scene;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/recordings");
/// Bytes of bodies that the worker is given before it is waited for.
const ROUND: usize = 1 << 20;

fn exchanges() -> Option<Vec<Value>> {
    let folder = Path::new(FOLDER);
    if !folder.exists() {
        assert!(std::env::var_os("CI").is_none(), "the recordings are missing");
        eprintln!("SKIPPED: no recordings at {}", folder.display());
        return None;
    }
    let file = std::fs::File::open(folder.join("recordings.jsonl.gz")).expect("they can be read");
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip of UTF-8");
    Some(text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect())
}

/// Where the exchange went: those with a name in the registry by their own hosts.
fn host(provider: &str) -> String {
    match provider {
        "openai" => "api.openai.com".into(),
        "azure" => "somewhere.openai.azure.com".into(),
        "groq" => "api.groq.com".into(),
        "mistral" => "api.mistral.ai".into(),
        "deepseek" => "api.deepseek.com".into(),
        other => format!("{other}.test"),
    }
}

fn observe(recording: &Recording, exchange: &Value) -> usize {
    let text = |field: &str| exchange[field].as_str().unwrap_or_default();
    let call = recording.recorder().call(CallStart {
        target: Target {
            method: text("method"),
            host: &host(text("provider")),
            port: Some(443),
            path: text("path"),
        },
        body: Some(Bytes::copy_from_slice(text("request").as_bytes())),
        body_len: None,
    });
    let call = call.expect("the exchange is observed");
    recording.clock().advance(Duration::from_millis(5));
    let none = serde_json::Map::new();
    let headers = exchange["response_headers"].as_object().unwrap_or(&none);
    let headers = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?.as_bytes())))
        .chain(exchange["content_type"].as_str().map(|kind| ("content-type", kind.as_bytes())));
    let status = exchange["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    let mut tap = call.handle().attempt().headers(status.expect("a status"), headers);
    call.returned();
    let body = Bytes::copy_from_slice(text("response").as_bytes());
    for piece in body.chunks(700) {
        recording.clock().advance(Duration::from_millis(1));
        tap.data(&body.slice_ref(piece));
    }
    tap.end(BodyEnd::Complete);
    text("request").len() + body.len()
}

/// Observes everything with all content kept, and gives back what arrived.
fn arrived(exchanges: &[Value], semconv: Semconv) -> Receiver {
    let receiver = Receiver::start();
    let otlp = Otlp::new()
        .semconv(semconv)
        .details(true)
        .metric_interval(Duration::from_secs(3_600))
        .endpoint(&receiver.url())
        .expect("the receiver has a URL");
    let recording = Recording::with(|base| {
        otlp.install(base.decoder(OpenAi).capture(Capture::ALL).redact(Redact::none()))
    });
    let mut waiting = 0;
    for exchange in exchanges {
        waiting += observe(&recording, exchange);
        if waiting >= ROUND {
            waiting = 0;
            recording.recorder().flush(Duration::from_secs(60)).expect("everything is delivered");
        }
    }
    recording.recorder().flush(Duration::from_secs(60)).expect("everything is delivered");
    receiver
}

/// How many spans of each type there are.
fn counted(receiver: &Receiver, checker: &Checker) -> BTreeMap<String, usize> {
    let mut types = BTreeMap::new();
    for span in receiver.spans() {
        let kind = if span.kind() == SpanKind::Client { "client" } else { "internal" };
        let id = checker.span_type(kind, &span.attributes).unwrap_or("unknown");
        *types.entry(id.to_owned()).or_insert(0) += 1;
    }
    types
}

/// One of what only a backend's names make.
fn for_mlflow() -> Scene {
    let scene = Scene::with(|otlp| otlp.compat(Compat::Mlflow), |builder| builder);
    let mut embeddings =
        Record { operation: Some("embeddings".into()), ..samples::streamed_chat() };
    embeddings.usage.get_or_insert_default().inconsistent = false;
    embeddings.output_tokens = None;
    scene.receiver.expects(Checker::compat);
    scene.recorder().record(embeddings);
    scene.flush();
    scene
}

#[test]
fn nothing_recorded_makes_a_span_or_metric_that_the_conventions_do_not_have() {
    let (Some(exchanges), Some(checker)) = (exchanges(), checker()) else { return };
    let receiver = arrived(&exchanges, Semconv::Latest);
    let types = counted(&receiver, checker);
    for (id, count) in &types {
        eprintln!("{count:>6} spans of {id}");
    }
    assert_eq!(types.values().sum::<usize>(), exchanges.len(), "a span for each exchange");
    let details = "gen_ai.client.inference.operation.details";
    let details = receiver.events().iter().filter(|event| event.event_name == details).count();
    let generated = types.iter().filter(|(id, _)| id.contains("inference"));
    assert_eq!(
        details,
        generated.map(|(_, count)| count).sum::<usize>(),
        "details of each inference"
    );

    let mut found = wrong(&receiver, checker);
    let mut classes: BTreeMap<Class, usize> = BTreeMap::new();
    found.iter().for_each(|one| *classes.entry(one.class).or_default() += 1);
    eprintln!("declared and undeclared violations of recordings: {classes:?}");
    found.extend(wrong(&scene_of_everything().receiver, checker));
    found.extend(wrong(&for_mlflow().receiver, &checker.clone().compat()));

    let exceptions = Exceptions::of_this_workspace().expect("a list of exceptions");
    let undeclared = exceptions.undeclared(found);
    assert!(undeclared.is_empty(), "not as the conventions have it:{}", told(&undeclared));
    for (exception, used) in exceptions.used() {
        let what = exception.class.map(|class| class.name()).unwrap_or_default();
        eprintln!("{used:>6} × {what} of {}", exception.kinds.join(", "));
        assert!(used > 0, "nothing needs it any more: {exception:?}");
    }
}

#[test]
fn nor_does_it_in_the_state_of_august() {
    let Some(exchanges) = exchanges() else { return };
    let some: Vec<_> = exchanges.into_iter().step_by(10).collect();
    let receiver = arrived(&some, Semconv::V2026_08);
    receiver.expects(|checker| checker.state(State::V2026_08));
    assert!(!receiver.metrics().is_empty());
    // What is wrong fails the test where the receiver ends.
}

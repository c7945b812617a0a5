//! What Prometheus scrapes: from our own port, and from the service's.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use llmobs_core::testing::samples;
use llmobs_core::{BodyEnd, Builder, Llmobs, Outcome, Record, StepKind};
use llmobs_otlp::{Otlp, OtlpError, Prometheus, Semconv};
use serde_json::json;

use crate::receiver::Receiver;
use crate::scene::{Fields, Scene, complete, issue, quick_call};

const LONG: Duration = Duration::from_secs(20);

/// Sends `request` and gives the whole answer.
fn send(to: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(to).expect("it listens");
    stream.set_read_timeout(Some(LONG)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("it takes the request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn get(to: SocketAddr, path: &str) -> String {
    send(to, &format!("GET {path} HTTP/1.1\r\nhost: {to}\r\n\r\n"))
}

fn scraped(prometheus: &Prometheus) -> Scene {
    Scene::with(|otlp| otlp.scraped_by(prometheus), |builder| builder)
}

/// The values of a series, whatever its labels say beyond `labels`.
#[track_caller]
fn value(text: &str, series: &str, labels: &[&str]) -> f64 {
    let lines: Vec<_> = text
        .lines()
        .filter(|line| {
            let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap_or(line.len()));
            name == series && labels.iter().all(|label| rest.contains(label))
        })
        .collect();
    assert_eq!(lines.len(), 1, "{series} {labels:?}: {lines:?} in\n{text}");
    let (_, value) = lines[0].rsplit_once(' ').expect("a value");
    value.parse().expect("a number")
}

/// Everything that can be sent, names that somebody hostile chose included.
fn everything(scene: &Scene) {
    for mut record in samples::all() {
        if let Some(latency) = &mut record.latency {
            latency.chunk_gaps_ms = vec![20.0];
        }
        scene.recorder().record(record);
    }
    let odd = "a \"quoted\"\\ name\nwith\ttabs, {braces}, \u{0}\u{7f}\u{200b} and é";
    let hostile = Record {
        model: Some(odd.into()),
        provider: Some(odd.to_owned().into()),
        outcome: Some(Outcome::Dropped),
        attempts: Some(3),
        ..samples::priced()
    };
    scene.recorder().record(hostile);
    for step in [StepKind::Agent, StepKind::Workflow, StepKind::Retrieval] {
        let totals = Some(Box::default());
        scene.recorder().record(Record { step: Some(step), totals, ..samples::told_step() });
    }
    scene.flush();
}

#[test]
fn names_units_and_histograms_are_as_prometheus_has_them() {
    let prometheus = Prometheus::new();
    assert_eq!(prometheus.render(), "", "nothing has been started");
    let scene = scraped(&prometheus);
    let call = issue(scene.recorder(), json!({"model": "m"}));
    scene.advance(300);
    complete(call, 200, json!({"input_tokens": 100, "output_tokens": 7}));
    let open = issue(scene.recorder(), json!({"model": "m"}));
    scene.flush();
    let text = prometheus.render();
    let duration = "gen_ai_client_inference_duration_seconds";
    let model = "gen_ai_request_model=\"m\"";
    for (bound, count) in [("0.16", 0.0), ("0.32", 1.0), ("81.92", 1.0), ("+Inf", 1.0)] {
        let le = format!("le=\"{bound}\"");
        assert_eq!(value(&text, &format!("{duration}_bucket"), &[model, &le]), count, "{bound}");
    }
    assert_eq!(value(&text, &format!("{duration}_count"), &[model]), 1.0);
    assert_eq!(value(&text, &format!("{duration}_sum"), &[model]), 0.3);
    let input = "gen_ai_client_inference_usage_input_tokens_total";
    assert_eq!(value(&text, input, &["gen_ai_token_modality=\"unknown\""]), 100.0);
    assert_eq!(value(&text, "llmobs_client_active_calls", &["openai"]), 1.0);
    assert_eq!(value(&text, "llmobs_recorder_open_operations", &[]), 1.0);
    assert_eq!(value(&text, "llmobs_recorder_lost_payload_bytes_total", &[]), 0.0);
    let sink = ["sink_failed", "llmobs_sink=\"memory\""];
    assert_eq!(value(&text, "llmobs_recorder_lost_records_total", &sink), 0.0);
    assert_eq!(value(&text, "target_info", &["telemetry_sdk_name=\"llmobs\""]), 1.0);
    assert!(text.contains(&format!("# TYPE {duration} histogram")), "{text}");
    assert!(text.contains(&format!("# HELP {duration} ")), "{text}");
    assert!(text.contains(&format!("# TYPE {input} counter")), "{text}");
    assert!(text.contains("# TYPE llmobs_client_active_calls gauge"), "{text}");
    drop(open);
}

#[test]
fn everything_that_can_be_sent_is_well_formed() {
    let prometheus = Prometheus::new();
    let scene =
        Scene::with(|otlp| otlp.scraped_by(&prometheus).semconv(Semconv::Both), |builder| builder);
    scene.receiver.expects(|checker| checker.state(llmobs_conformance::State::Both));
    everything(&scene);
    let text = prometheus.render();
    assert!(text.contains(r#"a \"quoted\"\\ name\nwith"#), "{text}");
    for line in text.lines() {
        assert!(line.starts_with("# ") || line.rsplit_once(' ').is_some(), "{line:?}");
    }
    let mut typed: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    let all = typed.len();
    typed.sort_unstable();
    typed.dedup();
    assert_eq!(typed.len(), all, "each metric is there once");
    let checker = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut checker = match checker {
        Ok(checker) => checker,
        Err(err) if err.kind() == ErrorKind::NotFound => {
            eprintln!("SKIPPED: promtool, which comes with Prometheus, is not installed");
            return;
        }
        Err(err) => panic!("promtool does not run: {err}"),
    };
    let mut input = checker.stdin.take().expect("its input");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    let output = checker.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert_eq!(said, "", "it has something to say");
}

#[test]
fn a_port_of_its_own_answers_one_page_until_the_shutdown() {
    let prometheus = Prometheus::bind("127.0.0.1:0").expect("a free port");
    let addr = prometheus.addr().expect("it listens");
    let scene = scraped(&prometheus);
    quick_call(scene.recorder(), "m");
    scene.flush();
    let page = get(addr, "/metrics");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{page}");
    assert!(page.contains("gen_ai_client_inference_duration_seconds_count"), "{page}");
    assert!(get(addr, "/metrics?collect=all").starts_with("HTTP/1.1 200"));
    assert!(get(addr, "/").starts_with("HTTP/1.1 404"));
    let post = "POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi";
    assert!(send(addr, post).starts_with("HTTP/1.1 405"));
    let head = send(addr, "HEAD /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200") && !head.contains("gen_ai"), "{head}");
    assert!(send(addr, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
    let long = format!("GET /metrics HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(64 << 10));
    let refused = TcpStream::connect(addr).and_then(|mut stream| {
        stream.write_all(long.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    });
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.starts_with("HTTP/1.1 4")));

    drop(scene);
    assert!(TcpStream::connect(addr).is_err(), "the port is free again");
    assert_eq!(prometheus.render(), "");
}

#[test]
fn connections_that_say_nothing_hold_up_no_other() {
    let prometheus = Prometheus::bind("127.0.0.1:0").expect("a free port");
    let addr = prometheus.addr().expect("it listens");
    let scene = scraped(&prometheus);
    quick_call(scene.recorder(), "m");
    scene.flush();
    // More than are served at one time: each is given up for want of a request.
    let silent: Vec<_> = (0..12)
        .map(|n| {
            let mut stream = TcpStream::connect(addr).expect("it listens");
            if n % 2 == 0 {
                stream.write_all(b"GET /metrics HTTP/1.1\r\nhost").expect("it reads");
            }
            stream
        })
        .collect();
    assert!(get(addr, "/metrics").starts_with("HTTP/1.1 200"));
    drop(silent);
}

#[test]
fn a_port_that_is_taken_is_an_error_at_the_set_up() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let addr = taken.local_addr().expect("the port").to_string();
    let err = Otlp::new().prometheus(&addr).expect_err("it is taken");
    assert_eq!(err, OtlpError::Listen { addr: addr.clone(), kind: ErrorKind::AddrInUse });
    assert!(err.to_string().contains(&addr), "{err}");
    for nonsense in ["", "nowhere", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:99999"] {
        assert!(Otlp::new().prometheus(nonsense).is_err(), "{nonsense}");
    }
}

/// Starts what the environment says, with a free port in place of `PORT`.
fn from_environment(pairs: &[(&str, &str)]) -> (Llmobs, u16) {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = free.local_addr().expect("the port").port();
    drop(free);
    let otlp = Otlp::from_lookup(|name| {
        let (_, value) = pairs.iter().find(|(key, _)| *key == name)?;
        Some(value.replace("PORT", &port.to_string()))
    });
    let otlp = otlp.expect("it can be followed");
    let builder = otlp.install(Builder::new().process_wide(false).decoder(Fields).service("shop"));
    (builder.start().expect("threads can be started"), port)
}

#[test]
fn the_environment_turns_it_on() {
    let (llmobs, port) = from_environment(&[
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "PORT"),
        ("LLMOBS_SEMCONV", "2026-08"),
    ]);
    quick_call(&llmobs, "m");
    llmobs.flush(LONG).expect("there is nothing to wait for");
    let page = get(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), "/metrics");
    assert!(page.contains("gen_ai_client_operation_duration_seconds_count"), "{page}");
    assert!(!page.contains("gen_ai_client_inference_duration"), "{page}");
    assert!(page.contains("service_name=\"shop\""), "{page}");

    let message = |pairs: &[(&str, &str)]| {
        let lookup = |name: &str| {
            let found = pairs.iter().find(|(key, _)| *key == name)?;
            Some(found.1.to_owned())
        };
        Otlp::from_lookup(lookup).expect_err("it cannot be followed").to_string()
    };
    let on = ("OTEL_METRICS_EXPORTER", "prometheus");
    let port = message(&[on, ("OTEL_EXPORTER_PROMETHEUS_PORT", "http")]);
    assert_eq!(port, "OTEL_EXPORTER_PROMETHEUS_PORT should be a port, a number from 0 to 65535");
    let traces = message(&[("OTEL_TRACES_EXPORTER", "prometheus")]);
    assert_eq!(
        traces,
        "OTEL_TRACES_EXPORTER asks for `prometheus`, and llmobs knows `otlp` and `none`"
    );
}

#[test]
fn it_is_scraped_beside_an_export_and_in_both_modes() {
    let prometheus = Prometheus::new();
    let receiver = Receiver::start();
    let url = format!("{}/v1/metrics", receiver.url());
    let otlp = |otlp: Otlp| otlp.metrics_endpoint(&url).expect("a URL").scraped_by(&prometheus);
    let scene = Scene::to(receiver, otlp, |builder| builder);
    quick_call(scene.recorder(), "m");
    scene.flush();
    let count = "gen_ai_client_inference_duration_seconds_count";
    assert_eq!(value(&prometheus.render(), count, &[]), 1.0);
    let exported = scene.receiver.metrics();
    assert!(exported.iter().any(|metric| metric.name == "gen_ai.client.inference.duration"));

    let prometheus = Prometheus::new();
    let receiver = Receiver::start();
    let provider =
        crate::provider::provider(&receiver, opentelemetry_sdk::trace::Sampler::AlwaysOn);
    let otlp = |otlp: Otlp| otlp.tracer_provider(&provider).scraped_by(&prometheus);
    let scene = Scene::to(receiver, otlp, |builder| builder);
    let call = issue(scene.recorder(), json!({"model": "m"}));
    let mut tap = call.handle().attempt().headers(200, std::iter::empty());
    call.returned();
    tap.end(BodyEnd::Dropped);
    scene.flush();
    let dropped = ["llmobs_outcome=\"dropped\""];
    assert_eq!(value(&prometheus.render(), count, &dropped), 1.0);
}

#[test]
fn too_many_names_are_added_up_here_too() {
    let prometheus = Prometheus::new();
    let otlp = |otlp: Otlp| otlp.scraped_by(&prometheus).cardinality_limit(10);
    let scene = Scene::with(otlp, |builder| builder);
    for n in 0..100 {
        quick_call(scene.recorder(), &format!("model-{n}"));
    }
    scene.flush();
    let text = prometheus.render();
    let overflow = ["otel_metric_overflow=\"true\""];
    let count = "gen_ai_client_inference_duration_seconds_count";
    assert_eq!(value(&text, count, &overflow), 90.0);
}

//! The environment and the setters.

use std::collections::HashMap;
use std::time::Duration;

use llmobs_core::Builder;
use llmobs_otlp::{Otlp, OtlpError, Protocol, Temporality};

use crate::receiver::{Receiver, json};
use crate::scene::{Scene, quick_call};

fn environment(pairs: &[(&str, &str)]) -> Result<Otlp, OtlpError> {
    let pairs: HashMap<_, _> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Otlp::from_lookup(|name| pairs.get(name).cloned())
}

/// Makes a call with this environment, where `URL` stands for the receiver's.
fn run(pairs: &[(&str, &str)]) -> Scene {
    let receiver = Receiver::start();
    let url = receiver.url();
    let pairs: Vec<_> =
        pairs.iter().map(|(name, value)| (*name, value.replace("URL", &url))).collect();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let otlp = environment(&pairs).expect("the environment can be followed");
    let scene = Scene::to(receiver, |_| otlp, |builder| builder);
    quick_call(scene.recorder(), "m");
    scene.flush();
    scene
}

fn paths(pairs: &[(&str, &str)]) -> Vec<String> {
    let mut paths: Vec<_> =
        run(pairs).receiver.requests().into_iter().map(|request| request.path).collect();
    paths.sort();
    paths.dedup();
    paths
}

#[test]
fn endpoints_follow_the_specifications_path_rules() {
    const GENERAL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const METRICS: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    assert_eq!(paths(&[(GENERAL, "URL")]), ["/v1/metrics", "/v1/traces"]);
    assert_eq!(paths(&[(GENERAL, "URL/")]), ["/v1/metrics", "/v1/traces"]);
    assert_eq!(paths(&[(GENERAL, "URL/otel/")]), ["/otel/v1/metrics", "/otel/v1/traces"]);
    assert_eq!(paths(&[(TRACES, "URL/custom")]), ["/custom"]);
    assert_eq!(paths(&[(TRACES, "URL")]), ["/"]);
    assert_eq!(paths(&[(GENERAL, "URL"), (TRACES, "URL/custom")]), ["/custom", "/v1/metrics"]);
    assert_eq!(paths(&[(GENERAL, "URL"), (METRICS, "URL/m")]), ["/m", "/v1/traces"]);
    assert_eq!(paths(&[(GENERAL, " "), (TRACES, "")]), Vec::<String>::new());
}

#[test]
fn exporters_can_be_turned_off_by_signal_or_all_at_once() {
    const GENERAL: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "URL");
    assert_eq!(paths(&[GENERAL, ("OTEL_TRACES_EXPORTER", "none")]), ["/v1/metrics"]);
    assert_eq!(paths(&[GENERAL, ("OTEL_METRICS_EXPORTER", "none")]), ["/v1/traces"]);
    assert_eq!(paths(&[GENERAL, ("OTEL_METRICS_EXPORTER", "otlp, none")]).len(), 2);
    let scene = run(&[GENERAL, ("OTEL_SDK_DISABLED", "True")]);
    assert_eq!(scene.receiver.requests().len(), 0);
    assert_eq!(scene.recording.records().len(), 1, "records are not OpenTelemetry's");
}

#[test]
fn events_follow_the_same_rules() {
    const GENERAL: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "URL/otel");
    const LOGS: &str = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT";
    const DETAILS: (&str, &str) = ("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "True");
    let logs = |pairs: &[(&str, &str)]| -> Vec<String> {
        let paths = paths(pairs).into_iter();
        paths.filter(|path| !path.ends_with("traces") && !path.ends_with("metrics")).collect()
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(logs(&[GENERAL]), none);
    assert_eq!(logs(&[GENERAL, DETAILS]), ["/otel/v1/logs"]);
    assert_eq!(logs(&[GENERAL, DETAILS, (LOGS, "URL/l")]), ["/l"]);
    assert_eq!(logs(&[DETAILS, (LOGS, "URL/l")]), ["/l"]);
    assert_eq!(logs(&[GENERAL, DETAILS, ("OTEL_LOGS_EXPORTER", "none")]), none);
    assert_eq!(logs(&[GENERAL, DETAILS, ("OTEL_SDK_DISABLED", "true")]), none);
    let place = |name| ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", name);
    assert_eq!(logs(&[GENERAL, place("event_only")]), ["/otel/v1/logs"]);
    assert_eq!(logs(&[GENERAL, place("Span_And_Event")]), ["/otel/v1/logs"]);
    for name in ["SPAN_ONLY", "no_content", "true", "false"] {
        assert_eq!(logs(&[GENERAL, place(name)]), none, "{name}");
    }
    let off = ("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "false");
    assert_eq!(logs(&[GENERAL, place("EVENT_ONLY"), off]), none);
    let scene = run(&[GENERAL, DETAILS, ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x-tenant=9")]);
    for request in scene.receiver.requests() {
        let tenant = request.headers.get("x-tenant").is_some();
        assert_eq!(tenant, request.path == "/otel/v1/logs", "{}", request.path);
    }
}

#[test]
fn an_endpoint_is_what_makes_it_export() {
    let exports = |pairs: &[(&str, &str)]| environment(pairs).expect("fine").exports();
    assert!(!exports(&[]));
    assert!(exports(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")]));
    assert!(exports(&[("OTEL_TRACES_EXPORTER", "otlp")]));
    assert!(!exports(&[("OTEL_METRICS_EXPORTER", "otlp")]));
    let on = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
    assert!(!exports(&[on, ("OTEL_TRACES_EXPORTER", "none")]));
    assert!(!exports(&[on, ("OTEL_SDK_DISABLED", "true")]));
    let off = environment(&[on, ("OTEL_SDK_DISABLED", "true")]).expect("fine");
    assert!(off.is_disabled());
    assert!(!off.install(Builder::new()).has_sinks());
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    let given = Otlp::new().tracer_provider(&provider);
    assert!(given.exports());
    assert!(!given.install(Builder::new()).has_sinks());
    // Events alone are no export of what happened.
    let events = Otlp::new().logs_endpoint("http://localhost:4318/v1/logs").expect("a URL");
    assert!(!events.exports() && !events.event_sinks().is_empty());
    assert!(events.install(Builder::new()).has_sinks());
}

#[test]
fn headers_and_the_resource_are_percent_decoded_and_arrive() {
    let scene = run(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "URL"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20YTpi, x-tenant = 7 ,"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-tenant=8"),
        ("OTEL_SERVICE_NAME", "shop"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=other,service.version=1.2,deployment.environment.name=prod%2Deu,x=100%",
        ),
    ]);
    for request in scene.receiver.requests() {
        let header = |name| request.headers.get(name).map(|value| value.to_str().expect("ascii"));
        match request.path.as_str() {
            "/v1/traces" => {
                assert_eq!(header("authorization"), Some("Basic YTpi"));
                assert_eq!(header("x-tenant"), Some("7"));
            }
            _ => {
                assert_eq!(header("authorization"), None);
                assert_eq!(header("x-tenant"), Some("8"));
            }
        }
    }
    let expected = serde_json::json!({
        "service.name": "shop",
        "service.version": "1.2",
        "deployment.environment.name": "prod-eu",
        "x": "100%",
        "telemetry.sdk.name": "llmobs",
        "telemetry.sdk.language": "rust",
        "telemetry.sdk.version": env!("CARGO_PKG_VERSION"),
    });
    let (spans, metrics) = (scene.receiver.scoped(), scene.receiver.metric_requests());
    assert_eq!(json(&spans[0].0.attributes), expected);
    let resource = metrics[0].resource_metrics[0].resource.clone().expect("a resource");
    assert_eq!(json(&resource.attributes), expected);
}

#[test]
fn what_cannot_be_followed_is_an_error_that_says_what_to_do() {
    let on = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
    let message =
        |pairs: &[(&str, &str)]| environment(pairs).expect_err("it cannot be followed").to_string();
    let messages = [
        message(&[on, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http")]),
        message(&[on, ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json")]),
        message(&[("OTEL_TRACES_EXPORTER", "otlp,zipkin")]),
        message(&[("OTEL_METRICS_EXPORTER", "otlp,console")]),
        message(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318")]),
        message(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://localhost")]),
        message(&[on, ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s")]),
        message(&[("OTEL_METRIC_EXPORT_INTERVAL", "0")]),
        message(&[("OTEL_LOGS_EXPORTER", "console")]),
        message(&[("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN")]),
        message(&[("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "yes")]),
        message(&[on, ("OTEL_TRACES_SAMPLER", "xray")]),
        message(&[on, ("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")]),
        message(&[("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "both")]),
        message(&[on, ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd")]),
        message(&[on, ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "br")]),
        message(&[on, ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "0")]),
        message(&[on, ("OTEL_LOGS_EXPORTER", "console")]),
        message(&[on, ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem")]),
        message(&[on, ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "Cargo.toml")]),
        message(&[("LLMOBS_SEMCONV", "newest")]),
    ];
    let expected = [
        "OTEL_EXPORTER_OTLP_PROTOCOL asks for `http`, and llmobs speaks http/protobuf and, with the \
         feature `grpc`, grpc: set it to http/protobuf, and the endpoint to the collector's HTTP \
         port, usually 4318",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL asks for `http/json`, and llmobs speaks http/protobuf \
         and, with the feature `grpc`, grpc: set it to http/protobuf, and the endpoint to the \
         collector's HTTP port, usually 4318",
        "OTEL_TRACES_EXPORTER asks for `zipkin`, and llmobs knows `otlp` and `none`",
        "OTEL_METRICS_EXPORTER asks for `console`, and llmobs knows `otlp`, `prometheus` and `none`",
        "OTEL_EXPORTER_OTLP_ENDPOINT should be an http or https URL, such as http://localhost:4318",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT should be an http or https URL, such as \
         http://localhost:4318",
        "OTEL_EXPORTER_OTLP_TIMEOUT should be a number of milliseconds above zero",
        "OTEL_METRIC_EXPORT_INTERVAL should be a number of milliseconds above zero",
        "OTEL_LOGS_EXPORTER asks for `console`, and llmobs knows `otlp` and `none`",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT should be NO_CONTENT, SPAN_ONLY, \
         EVENT_ONLY or SPAN_AND_EVENT",
        "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT should be true or false",
        "OTEL_TRACES_SAMPLER should be always_on, always_off or traceidratio, or one with \
         parentbased_ before",
        "OTEL_TRACES_SAMPLER_ARG should be a share from 0 to 1",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE should be cumulative, delta or lowmemory",
        "OTEL_EXPORTER_OTLP_COMPRESSION should be gzip or none",
        "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION should be gzip or none",
        "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT should be a number of milliseconds above zero",
        "OTEL_LOGS_EXPORTER asks for `console`, and llmobs knows `otlp` and `none`",
        "OTEL_EXPORTER_OTLP_CERTIFICATE names a file that cannot be read: entity not found",
        "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY should be set beside the other of the client's \
         certificate and key",
        "LLMOBS_SEMCONV should be latest, 2026-08 or both",
    ];
    assert_eq!(messages, expected);
    // A protocol nothing is sent by is somebody else's.
    assert!(environment(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).is_ok());
}

#[test]
fn headers_that_are_none_are_errors_that_tell_the_place_and_never_the_secret() {
    const ALL: &str = "OTEL_EXPORTER_OTLP_HEADERS";
    let on = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
    let cases = [
        (ALL, "Bearer s3cret", "entry 1 of OTEL_EXPORTER_OTLP_HEADERS has no `=`"),
        (ALL, "a=b,,s3cret", "entry 3 of OTEL_EXPORTER_OTLP_HEADERS has no `=`"),
        (
            ALL,
            "Bearer s3cret==",
            "entry 1 of OTEL_EXPORTER_OTLP_HEADERS has a name or a value that HTTP does not allow",
        ),
        (
            ALL,
            "=s3cret",
            "entry 1 of OTEL_EXPORTER_OTLP_HEADERS has a name or a value that HTTP does not allow",
        ),
        (
            "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
            "x-key=s3cret%0A",
            "entry 1 of OTEL_EXPORTER_OTLP_METRICS_HEADERS has a name or a value that HTTP does not \
             allow",
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
            "x-key=s3cret%",
            "entry 1 of OTEL_EXPORTER_OTLP_TRACES_HEADERS has a `%` without two hex digits after it \
             (`%25` stands for `%`)",
        ),
        (
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
            "x-key=%s3cret",
            "entry 1 of OTEL_EXPORTER_OTLP_LOGS_HEADERS has a `%` without two hex digits after it \
             (`%25` stands for `%`)",
        ),
    ];
    for (variable, value, problem) in cases {
        let err = environment(&[on, (variable, value)]).expect_err("it is no header");
        let expected = ": expected name=value, percent-encoded, with commas between";
        assert_eq!(err.to_string(), format!("{problem}{expected}"));
        assert!(!format!("{err:?}").contains("s3cret"), "{err:?}");
    }
    // What nothing is sent with is somebody else's.
    assert!(environment(&[(ALL, "s3cret")]).is_ok());
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_an_error_that_names_it() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let broken = || OsString::from_vec(b"s3cret\xff".to_vec());
    for variable in [
        "OTEL_SDK_DISABLED",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "OTEL_TRACES_SAMPLER",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
        "OTEL_SERVICE_NAME",
        "OTEL_RESOURCE_ATTRIBUTES",
        "LLMOBS_SEMCONV",
    ] {
        let failed = Otlp::from_lookup(|name| match name {
            name if name == variable => Some(broken()),
            "OTEL_TRACES_EXPORTER" | "OTEL_LOGS_EXPORTER" => Some("otlp".into()),
            _ => None,
        });
        let said = failed.expect_err("it is no text").to_string();
        assert_eq!(said, format!("{variable} should be UTF-8"));
    }
    // What nothing is sent by is somebody else's.
    let others = |name: &str| (name == "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT").then(broken);
    assert!(Otlp::from_lookup(others).is_ok());
}

#[test]
fn what_this_build_cannot_do_is_an_error_that_names_the_feature() {
    let on = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
    let grpc = environment(&[on, ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc")]);
    if cfg!(feature = "grpc") {
        assert!(grpc.expect("there is gRPC").exports());
    } else {
        let hint = "gRPC for OTLP needs the feature `grpc`: enable it, or use http/protobuf, and the \
                    collector's HTTP port, usually 4318";
        assert_eq!(grpc.expect_err("there is no gRPC").to_string(), hint);
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let no_pem = environment(&[on, ("OTEL_EXPORTER_OTLP_CERTIFICATE", file)]);
    let no_pem = no_pem.expect_err("it is no certificate").to_string();
    let expected = match cfg!(feature = "tls") {
        true => "the certificates or the key for OTLP cannot be used: they should be PEM",
        false => {
            "https for OTLP needs TLS, and this build has none: enable the feature `tls`, or export \
             to an http endpoint"
        }
    };
    assert_eq!(no_pem, expected);
    if cfg!(feature = "grpc") {
        let usual = environment(&[("OTEL_TRACES_EXPORTER", "otlp")]).expect("fine");
        let ports = |otlp: &Otlp| format!("{otlp:?}").matches("port: Some(4317)").count();
        assert_eq!(ports(&usual), 0);
        assert_eq!(ports(&usual.protocol(Protocol::Grpc).expect("there is gRPC")), 1);
    }
    // What is said of another signal stays with it.
    let other = ("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", file);
    assert!(environment(&[on, ("OTEL_METRICS_EXPORTER", "none"), other]).is_ok());
}

#[test]
fn compression_is_by_signal_and_leaves_what_is_said() {
    let scene = run(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "URL"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "none"),
    ]);
    for request in scene.receiver.requests() {
        assert_eq!(request.is_compressed(), request.path != "/v1/metrics", "{}", request.path);
    }
    scene.receiver.span("chat m");
    assert!(!scene.receiver.metrics().is_empty());
}

#[test]
fn setters_win_over_the_environment() {
    let receiver = Receiver::start();
    let otlp = environment(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=7"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.version=1"),
    ]);
    let otlp = otlp
        .and_then(|otlp| otlp.endpoint(&receiver.url()))
        .and_then(|otlp| otlp.header("x-tenant", "8"))
        .expect("all of it is fine")
        .resource_attribute("service.version", "2")
        .timeout(Duration::from_secs(5))
        .temporality(Temporality::Delta);
    let scene = Scene::to(receiver, |_| otlp, |builder| builder);
    quick_call(scene.recorder(), "m");
    scene.flush();
    let request = scene.receiver.requests().remove(0);
    assert_eq!(request.headers["x-tenant"], "8");
    let scoped = scene.receiver.scoped();
    assert_eq!(json(&scoped[0].0.attributes)["service.version"], "2");
}

#[test]
fn nothing_secret_shows_in_debug_output() {
    let otlp = Otlp::new()
        .endpoint("http://user:s3cret@localhost:4318")
        .and_then(|otlp| otlp.header("authorization", "s3cret"))
        .expect("all of it is fine");
    assert!(!format!("{otlp:?}").contains("s3cret"), "{otlp:?}");
}

/// Names of the spans that arrive of a root and of a call below a parent from elsewhere, which was
/// sampled or not.
fn sampled(pairs: &[(&str, &str)], remote: bool) -> Vec<String> {
    use opentelemetry::Context;
    use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId};

    let mut all = vec![("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "URL/v1/traces")];
    all.extend_from_slice(pairs);
    let scene = run(&all);
    let flags = TraceFlags::default().with_sampled(remote);
    let state = Default::default();
    let parent = SpanContext::new(TraceId::from(7), SpanId::from(9), flags, true, state);
    let _attached = Context::new().with_remote_span_context(parent).attach();
    quick_call(scene.recorder(), "below");
    scene.flush();
    assert_eq!(scene.recording.records().len(), 2, "records are made of all");
    scene.receiver.spans().into_iter().map(|span| span.name).collect()
}

#[test]
fn the_sampler_of_the_environment_decides_in_our_own_pipeline() {
    const BOTH: [&str; 2] = ["chat m", "chat below"];
    const NONE: [&str; 0] = [];
    let by = |name| [("OTEL_TRACES_SAMPLER", name)];
    assert_eq!(sampled(&[], true), BOTH);
    assert_eq!(sampled(&[], false), ["chat m"]);
    assert_eq!(sampled(&by("always_on"), false), BOTH);
    assert_eq!(sampled(&by("always_off"), true), NONE);
    assert_eq!(sampled(&by("parentbased_always_off"), true), ["chat below"]);
    assert_eq!(sampled(&by("traceidratio"), false), BOTH);
    let share = |name, share| [("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", share)];
    assert_eq!(sampled(&share("traceidratio", "0"), true), NONE);
    assert_eq!(sampled(&share("parentbased_traceidratio", "0"), true), ["chat below"]);
    assert_eq!(sampled(&share("parentbased_traceidratio", "1"), false), ["chat m"]);
    // The counting ids are small: the smallest share keeps them.
    assert_eq!(sampled(&share("traceidratio", "0.001"), false), BOTH);
}

#[cfg(not(feature = "prometheus"))]
#[test]
fn an_exporter_that_this_build_lacks_is_named_with_its_feature() {
    let err = environment(&[("OTEL_METRICS_EXPORTER", "prometheus")]).expect_err("it is not built");
    let expected = "OTEL_METRICS_EXPORTER asks for `prometheus`, which needs the feature \
                    `prometheus` of llmobs";
    assert_eq!(err.to_string(), expected);
}

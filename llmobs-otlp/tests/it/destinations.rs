//! Several endpoints at once: none holds up another.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use llmobs_conformance::Checker;
use llmobs_core::{LossCause, SinkLosses};
use llmobs_otlp::{Compression, Destination, Otlp, OtlpError, Signal};

use crate::receiver::{Answer, Receiver};
use crate::scene::{Scene, quick_call};

fn to(receiver: &Receiver) -> Destination {
    Destination::new(&receiver.url()).expect("a URL")
}

/// A URL nobody listens at.
fn down() -> String {
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", port.local_addr().expect("its address"))
}

/// The accounts of the sinks for spans.
fn span_sinks(scene: &Scene) -> Vec<SinkLosses> {
    let mut sinks = scene.recorder().losses().sinks;
    sinks.retain(|sink| sink.sink == "otlp" || sink.sink.starts_with("otlp@"));
    sinks
}

#[test]
fn one_that_is_down_holds_up_no_other() {
    let second = Receiver::start();
    let scene = Scene::with(
        |otlp| {
            let otlp = otlp.metrics_endpoint(&format!("{}/v1/metrics", down())).expect("a URL");
            otlp.also(to(&second)).also(Destination::new(&down()).expect("a URL"))
        },
        // It is still being tried when all is over.
        |builder| builder.shutdown_timeout(Duration::from_millis(10)),
    );
    scene.receiver.expects(Checker::compat);
    second.expects(Checker::compat);
    scene.receiver.rule(|_| Some(Answer { delay: Duration::from_secs(60), ..Answer::default() }));
    for _ in 0..20 {
        quick_call(scene.recorder(), "m");
    }
    let arrived = || second.spans().len() == 20 && !second.metrics().is_empty();
    let begun = Instant::now();
    while !arrived() && begun.elapsed() < Duration::from_secs(20) {
        let _ = scene.recorder().flush(Duration::from_millis(200));
    }
    assert!(arrived(), "{} spans have", second.spans().len());
    let soon = Duration::from_millis(10);
    assert!(scene.recorder().flush(soon).expect_err("two do not answer").waiting() > 0);
    let delivered: Vec<_> = span_sinks(&scene).iter().map(|sink| sink.delivered).collect();
    assert_eq!(delivered, [0, 20, 0]);
}

#[test]
fn each_has_an_account_headers_and_compression_of_its_own() {
    let second = Receiver::start();
    let host = second.addr();
    let path = format!("{}/other?key=s3cret", second.url());
    let scene = Scene::with(
        |otlp| {
            let other = to(&second)
                .header("x-key", "s3cret")
                .expect("a header")
                .compression(Compression::Gzip);
            let third = Destination::default().traces_endpoint(&path).expect("a URL");
            otlp.header("x-tenant", "7").expect("a header").also(other).also(third)
        },
        |builder| builder,
    );
    scene.receiver.expects(Checker::compat);
    second.expects(Checker::compat);
    scene.receiver.rule(|_| Some(Answer { status: 403, ..Answer::default() }));
    quick_call(scene.recorder(), "m");
    let err = scene.recorder().flush(Duration::from_secs(20)).expect_err("one refuses");
    assert_eq!(err.failed_sinks(), ["otlp".to_owned()]);
    let sinks = span_sinks(&scene);
    let names: Vec<_> = sinks.iter().map(|sink| sink.sink.clone()).collect();
    assert_eq!(names, ["otlp".to_owned(), format!("otlp@{host}"), format!("otlp@{host}#2")]);
    assert_eq!(sinks[0].lost[&LossCause::SinkRefused], 1);
    assert_eq!((sinks[1].delivered, sinks[2].delivered), (1, 1));
    let first = scene.receiver.requests().remove(0);
    assert!(first.headers.get("x-key").is_none() && !first.is_compressed());
    for request in second.requests() {
        let ours = request.path != "/other";
        assert_eq!(request.headers.get("x-key").is_some(), ours);
        assert_eq!(request.is_compressed(), ours);
        assert!(request.headers.get("x-tenant").is_none(), "credentials stay with their host");
    }
}

#[test]
fn a_destination_gets_the_signals_it_is_for() {
    let second = Receiver::start();
    let scene =
        Scene::with(|otlp| otlp.also(to(&second).only(&[Signal::Metrics])), |builder| builder);
    quick_call(scene.recorder(), "m");
    scene.flush();
    let paths = |receiver: &Receiver| {
        receiver.requests().into_iter().map(|request| request.path).collect::<Vec<_>>()
    };
    assert_eq!(paths(&scene.receiver), ["/v1/traces"]);
    assert_eq!(paths(&second), ["/v1/metrics"]);
}

#[test]
fn signals_do_not_depend_on_each_other() {
    let receiver = Receiver::start();
    receiver.rule(|request| {
        let refused = request.path == "/v1/traces";
        refused.then(|| Answer { status: 404, ..Answer::default() })
    });
    let url = receiver.url();
    let scene = Scene::to(receiver, |otlp| otlp.endpoint(&url).expect("a URL"), |builder| builder);
    quick_call(scene.recorder(), "m");
    scene.recorder().flush(Duration::from_secs(20)).expect_err("spans are refused");
    assert!(!scene.receiver.metrics().is_empty());
}

#[test]
fn a_destination_alone_is_enough() {
    let receiver = Receiver::start();
    let otlp = Otlp::new().also(to(&receiver));
    assert!(otlp.exports());
    assert_eq!(otlp.sinks().len(), 1);
    let metrics = Otlp::new().also(to(&receiver).only(&[Signal::Metrics]));
    assert!(!metrics.exports());
    assert!(metrics.sink().is_none());
}

#[test]
fn a_destination_is_checked_like_the_first_and_shows_no_secrets() {
    assert_eq!(Destination::new("localhost").expect_err("no URL"), OtlpError::Endpoint);
    let destination = Destination::new("http://user:s3cret@localhost:4318")
        .and_then(|destination| destination.header("x-key", "s3cret"))
        .expect("all of it is fine");
    assert!(!format!("{destination:?}").contains("s3cret"), "{destination:?}");
    let bad = destination.header("bad name", "s3cret").expect_err("no header");
    assert_eq!(bad, OtlpError::Header { name: "bad name".to_owned() });
}

#[test]
fn metrics_that_are_refused_are_lost_alone() {
    let receiver = Receiver::start();
    let url = receiver.url();
    receiver.rule(|request| {
        let bad =
            String::from_utf8_lossy(&request.body).contains("gen_ai.client.inference.duration");
        (request.path == "/v1/metrics" && bad).then(|| Answer { status: 400, ..Answer::default() })
    });
    let scene = Scene::to(receiver, |otlp| otlp.endpoint(&url).expect("a URL"), |builder| builder);
    quick_call(scene.recorder(), "m");
    let err = scene.recorder().flush(Duration::from_secs(20)).expect_err("one is lost");
    assert_eq!(err.failed_sinks(), ["otlp_metrics"]);
    assert_eq!(scene.recorder().losses().metrics[0].lost[&LossCause::SinkRefused], 1);
    let requests = scene.receiver.metric_requests();
    let names = |n: usize| {
        let scopes = requests[n].resource_metrics.iter().flat_map(|of| &of.scope_metrics);
        scopes.flat_map(|of| &of.metrics).map(|metric| metric.name.clone()).collect::<Vec<_>>()
    };
    let all = names(0);
    assert!(all.len() > 1, "{all:?}");
    let mut taken: Vec<_> = (1..requests.len())
        .map(names)
        .filter(|names| names.iter().all(|name| name != "gen_ai.client.inference.duration"))
        .flatten()
        .collect();
    taken.sort();
    let mut others = all;
    others.retain(|name| name != "gen_ai.client.inference.duration");
    others.sort();
    assert_eq!(taken, others);
}

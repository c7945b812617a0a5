//! What becomes of spans when the endpoint does not take them.

use std::error::Error;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use llmobs_core::testing::samples;
use llmobs_core::{Batch, Content, LossCause, Record, Sink, SinkError};
use llmobs_otlp::{Otlp, OtlpSink};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::json;

use crate::receiver::{Answer, Receiver};
use crate::scene::{Scene, quick_call};

/// `google.rpc.Status`, as OTLP servers send it.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

fn answer(status: u16) -> Answer {
    Answer { status, ..Answer::default() }
}

fn status(status: u16, message: &str) -> Answer {
    let body = Status { code: 3, message: message.to_owned() }.encode_to_vec();
    let headers = vec![("content-type", "application/x-protobuf".to_owned())];
    Answer { headers, body, ..answer(status) }
}

fn partial(rejected_spans: i64, message: &str) -> Answer {
    let error_message = message.to_owned();
    let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
    let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    Answer { body, ..Answer::default() }
}

fn otlp(url: &str) -> Otlp {
    Otlp::new().endpoint(url).expect("a URL")
}

/// Offers a dropped and a failed call to a sink.
fn deliver(sink: &mut OtlpSink) -> Result<(), SinkError> {
    offer(sink, &[Arc::new(samples::dropped()), Arc::new(samples::failed())])
}

fn offer(sink: &mut OtlpSink, records: &[Arc<Record>]) -> Result<(), SinkError> {
    let meta = samples::file_start();
    sink.deliver(&Batch { records, meta: &meta })
}

/// Offers one call to a receiver that gives one answer.
fn delivered(receiver: &Receiver, answer: Answer) -> Result<(), SinkError> {
    receiver.answer(answer);
    let mut sink = otlp(&receiver.url()).sink().expect("there is an endpoint");
    offer(&mut sink, &[Arc::new(samples::dropped())])
}

#[test]
fn what_may_pass_is_offered_again_and_the_rest_is_not() {
    let receiver = Receiver::start();
    for code in [408, 429, 500, 502, 503, 504] {
        let err = delivered(&receiver, answer(code)).expect_err("it was not taken");
        assert!(err.is_retryable(), "{code}");
        assert_eq!(err.to_string(), format!("the endpoint answered {code}"));
    }
    for code in [301, 302, 400, 401, 403, 404, 413, 415, 422, 501] {
        let err = delivered(&receiver, answer(code)).expect_err("it was not taken");
        assert!(!err.is_retryable(), "{code}");
        assert_eq!(err.to_string(), format!("the endpoint answered {code}"));
    }
    for code in [200, 202, 204] {
        delivered(&receiver, answer(code)).expect("it was taken");
    }
}

#[test]
fn an_error_says_what_the_server_said() {
    let receiver = Receiver::start();
    let message = |answer| delivered(&receiver, answer).expect_err("refused").to_string();
    let said = message(status(400, "span 3 has no id"));
    assert_eq!(said, "the endpoint answered 400: span 3 has no id");
    let body = br#"{"detail":"x-mlflow-experiment-id is missing"}"#.to_vec();
    let said = message(Answer { body, ..answer(422) });
    assert_eq!(said, "the endpoint answered 422: x-mlflow-experiment-id is missing");
    let said = message(Answer { body: "two\nlines ".repeat(1_000).into_bytes(), ..answer(400) });
    assert!(said.starts_with("the endpoint answered 400: two lines two"), "{said}");
    assert!(said.len() < 400, "{}", said.len());
}

#[test]
fn an_endpoint_that_is_not_there_is_asked_again() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", port.local_addr().expect("its address"));
    drop(port);
    let mut sink = otlp(&url).header("x-key", "s3cret").expect("a header").sink().expect("a sink");
    let err = deliver(&mut sink).expect_err("nobody listens");
    assert!(err.is_retryable());
    assert_eq!(err.to_string(), "the endpoint cannot be reached");
    assert!(err.source().is_some());
    assert!(!format!("{err:?} {sink:?}").contains("s3cret"));
}

#[test]
fn an_endpoint_that_does_not_answer_in_time_is_asked_again() {
    let receiver = Receiver::start();
    receiver.answer(Answer { delay: Duration::from_secs(60), ..Answer::default() });
    let short = otlp(&receiver.url()).timeout(Duration::from_millis(50));
    let err = deliver(&mut short.sink().expect("a sink")).expect_err("no answer");
    assert!(err.is_retryable());
    assert_eq!(err.to_string(), "the endpoint did not answer in time");
}

#[test]
fn a_batch_that_is_taken_in_the_end_is_not_lost() {
    let scene = Scene::own();
    scene.receiver.answer(answer(503));
    quick_call(scene.recorder(), "m");
    scene.flush();
    let requests = scene.receiver.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(scene.recorder().losses().total(), 0);
    assert_eq!(scene.recorder().losses().sinks[1].delivered, 1);
}

/// Asserts that a flush says that spans were lost.
#[track_caller]
fn assert_lost(scene: &Scene) {
    let err = scene.recorder().flush(Duration::from_secs(20)).expect_err("some were not taken");
    assert_eq!((err.waiting(), err.failed_sinks()), (0, &["otlp".to_owned()][..]));
}

#[test]
fn a_batch_that_is_refused_is_counted() {
    let scene = Scene::own();
    scene.receiver.answer(status(400, "no"));
    quick_call(scene.recorder(), "m");
    assert_lost(&scene);
    assert_eq!(scene.receiver.requests().len(), 1);
    let sink = &scene.recorder().losses().sinks[1];
    assert_eq!((sink.sink.as_str(), sink.delivered), ("otlp", 0));
    assert_eq!(sink.lost[&LossCause::SinkRefused], 1);
}

#[test]
fn spans_rejected_out_of_a_batch_are_counted_and_only_they() {
    let scene = Scene::own();
    scene.scope().run_sync(|| {
        let step = llmobs_core::Step::start(llmobs_core::StepKind::Tool, "a");
        step.run_sync(|| quick_call(scene.recorder(), "m"));
        step.end();
    });
    scene.receiver.answer(partial(1, "too long"));
    assert_lost(&scene);
    let account = scene.recorder().losses().sinks[1].clone();
    let requests = scene.receiver.requests().len() as u64;
    assert_eq!(account.lost[&LossCause::SinkRefused], 1);
    assert_eq!(account.delivered, 1, "in {requests} requests");
    assert_eq!(account.waiting, 0);
}

#[test]
fn a_partial_success_says_why_and_an_empty_one_nothing() {
    let receiver = Receiver::start();
    let err = delivered(&receiver, partial(1, "attribute too long")).expect_err("one is lost");
    assert!(!err.is_retryable());
    assert_eq!(err.to_string(), "the endpoint rejected 1 spans: attribute too long");
    delivered(&receiver, partial(0, "")).expect("nothing was rejected");
    // A warning without a loss.
    delivered(&receiver, partial(0, "please upgrade")).expect("nothing was rejected");
    // Nonsense is no loss either.
    let garbage = Answer { body: vec![0xff; 64], ..Answer::default() };
    delivered(&receiver, garbage).expect("it was taken");
}

#[test]
fn a_batch_too_large_for_one_request_is_sent_in_several_and_goes_on_where_it_stopped() {
    let receiver = Receiver::start();
    receiver.receives_anything("the content is only large");
    let mut sink = otlp(&receiver.url()).sink().expect("a sink");
    let large = |n: u64| {
        let text = "x".repeat(3 << 20);
        let content = Content { input_messages: Some(json!([text])), ..Content::default() };
        let mut record = samples::dropped();
        record.span_id = llmobs_core::SpanId::new(n);
        Arc::new(Record { content: Some(Box::new(content)), ..record })
    };
    let records = [large(1), large(2), large(3)];
    receiver.answer(Answer::default());
    receiver.answer(answer(503));
    let err = offer(&mut sink, &records).expect_err("the second request failed");
    assert!(err.is_retryable());
    assert_eq!(err.already_taken(), 1);
    offer(&mut sink, &records[1..]).expect("the rest was taken");
    let ids: Vec<_> = receiver
        .traces()
        .into_iter()
        .map(|request| {
            let spans = &request.resource_spans[0].scope_spans[0].spans;
            spans.iter().map(|span| span.span_id[7]).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(ids, [[1], [2], [2], [3]]);
    // A new batch begins at its beginning.
    offer(&mut sink, &records).expect("taken");
    assert_eq!(receiver.requests().len(), 7);
}

#[test]
fn meta_lines_and_judgements_are_no_spans() {
    let receiver = Receiver::start();
    let mut sink = otlp(&receiver.url()).sink().expect("a sink");
    let evaluation = Record { kind: llmobs_core::Kind::Evaluation, ..samples::dropped() };
    offer(&mut sink, &[Arc::new(samples::file_start()), Arc::new(evaluation)]).expect("taken");
    assert_eq!(receiver.requests().len(), 0);
}

#[test]
fn a_call_of_which_nobody_knows_when_it_was_is_lost_and_said_to_be() {
    let receiver = Receiver::start();
    let mut sink = otlp(&receiver.url()).sink().expect("a sink");
    let undated = Record { timestamp: None, ..samples::dropped() };
    let records = [Arc::new(undated), Arc::new(samples::failed())];
    receiver.answer(answer(503));
    let later = offer(&mut sink, &records).expect_err("not now");
    assert!(later.is_retryable() && later.already_taken() == 0, "{later:?}");
    let lost = offer(&mut sink, &records).expect_err("one of them never");
    assert!(!lost.is_retryable(), "{lost:?}");
    assert_eq!(lost.to_string(), "it is not known when it was");
    // The other one, twice.
    assert_eq!(receiver.spans().len(), 2);
}

#[test]
fn a_dead_endpoint_never_holds_up_the_caller_and_a_flush_says_what_is_left() {
    let soon = Duration::from_millis(100);
    let scene = Scene::with(|otlp| otlp, |builder| builder.shutdown_timeout(soon));
    for _ in 0..20 {
        scene.receiver.answer(Answer { delay: Duration::from_secs(60), ..Answer::default() });
    }
    for _ in 0..100 {
        quick_call(scene.recorder(), "m");
    }
    let err = scene.recorder().flush(Duration::from_millis(200)).expect_err("nothing was taken");
    assert!(err.waiting() > 0);
    assert!(scene.recorder().losses().sinks[1].waiting > 0);
}

#[test]
fn https_without_tls_in_the_build_is_a_mistake_of_the_set_up_that_says_so() {
    let Err(err) = Otlp::new().endpoint("https://127.0.0.1:9") else {
        // This feature, or another crate of the build, has given the client its TLS.
        let mut sink = otlp("https://127.0.0.1:9").sink().expect("a sink");
        let err = deliver(&mut sink).expect_err("nobody listens");
        assert_eq!(err.to_string(), "the endpoint cannot be reached");
        return;
    };
    let hint = "https for OTLP needs TLS, and this build has none: enable the feature `tls`, or \
                export to an http endpoint";
    assert_eq!(err.to_string(), hint);
    // It can be asked for from within a runtime.
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    assert!(runtime.block_on(async { Otlp::new().traces_endpoint("https://a.example") }).is_err());
}

#[test]
fn a_sink_that_has_exported_can_be_dropped_anywhere() {
    let receiver = Receiver::start();
    let mut sink = otlp(&receiver.url()).sink().expect("a sink");
    deliver(&mut sink).expect("taken");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async { drop(sink) });
}

//! The layer for services of HTTP requests.

use std::convert::Infallible;
use std::future::{pending, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full};
use llmobs_core::testing::Recording;
use llmobs_core::{Limits, Outcome, TransportError};
use llmobs_http::{Observe, ObserveLayer, RequestBody};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::toy::{Pieces, Toy, recording, recording_with};

const URL: &str = "http://model.example:8000/chat?key=1";

async fn read<B: Body>(body: B) -> Bytes {
    match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::from_static(b"the body failed"),
    }
}

/// Answers with what it was sent, after all of it has come.
async fn echo<B: Body>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = read(request.into_body()).await;
    let answer = Response::builder().status(201).header("x-kept", "yes").body(Full::new(body));
    Ok(answer.expect("the answer is complete"))
}

fn post<B>(body: B) -> Request<B> {
    Request::post(URL).body(body).expect("the request is complete")
}

fn observed<S>(recorder: &llmobs_core::Recorder, service: S) -> Observe<S> {
    ObserveLayer::new().recorder(recorder).layer(service)
}

#[tokio::test]
async fn a_request_in_memory_becomes_a_record() {
    let recording = recording();
    let service = observed(recording.recorder(), service_fn(echo));
    let answer = service.oneshot(post(Full::from("m"))).await.expect("it answers");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-kept"]),
        (201, &"yes".parse().expect("a value"))
    );
    assert_eq!(read(answer.into_body()).await, "m");
    let records = recording.observed();
    let record = records.only();
    assert_eq!((record.outcome, record.http_status), (Some(Outcome::Completed), Some(201)));
    assert_eq!((record.model.as_deref(), record.response_id.as_deref()), (Some("m"), Some("m")));
    let server = record.server.as_ref().expect("known");
    assert_eq!((server.address.as_str(), server.port), ("model.example", Some(8000)));
    let wire = record.wire.as_ref().expect("something came");
    assert_eq!((wire.request_bytes, wire.bytes, record.attempts), (Some(1), Some(1), Some(1)));
}

#[tokio::test]
async fn a_request_is_observed_as_it_is_sent() {
    let recording = recording();
    let service = observed(recording.recorder(), service_fn(echo));
    let answer = service.oneshot(post(Pieces::new(["gp", "", "t-", "4"]))).await;
    assert_eq!(read(answer.expect("it answers").into_body()).await, "gpt-4");
    let records = recording.observed();
    let record = records.only();
    assert_eq!((record.model.as_deref(), &record.cut), (Some("gpt-4"), &None));
    assert_eq!(record.wire.as_ref().and_then(|wire| wire.request_bytes), Some(5));
}

#[tokio::test]
async fn a_request_that_is_too_large_is_sent_whole_and_cut() {
    let mut limits = Limits::default();
    limits.body_bytes = 4;
    let recording = recording_with(limits);
    let service = observed(recording.recorder(), service_fn(echo));
    let answer = service.oneshot(post(Pieces::new(["gpt", "-4"]))).await;
    assert_eq!(read(answer.expect("it answers").into_body()).await, "gpt-4");
    let records = recording.observed();
    let record = records.only();
    let cut = record.cut.as_ref().and_then(|cut| cut.request_body.as_ref()).expect("it was cut");
    assert_eq!((cut.bytes, cut.missing, record.model.as_deref()), (5, 5, None));
}

#[tokio::test]
async fn an_answer_that_did_not_wait_for_the_request_is_recorded_without_it() {
    let recording = recording();
    let rude = |_: Request<RequestBody<Pieces>>| {
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    };
    let answer = observed(recording.recorder(), service_fn(rude)).oneshot(post(Pieces::new(["m"])));
    drop(answer.await.expect("it answers"));
    let records = recording.observed();
    let record = records.only();
    assert_eq!(record.outcome, Some(Outcome::Completed), "there was nothing more to read");
    assert_eq!((record.model.as_deref(), &record.cut), (None, &None));
    assert_eq!(record.wire.as_ref().and_then(|wire| wire.request_bytes), None, "unknown");
}

#[tokio::test]
async fn a_request_without_a_body_is_told_to_be_empty() {
    let recording = recording();
    let service = observed(recording.recorder(), service_fn(echo));
    read(service.oneshot(post(Empty::new())).await.expect("it answers").into_body()).await;
    let records = recording.observed();
    assert_eq!(records.only().wire.as_ref().and_then(|wire| wire.request_bytes), Some(0));
}

#[tokio::test]
async fn what_is_kept_of_requests_leaves_no_room_taken() {
    let mut limits = Limits::default();
    limits.payload_bytes = 64 * 1024;
    let recording = recording_with(limits);
    const LARGE: &str = match std::str::from_utf8(&[b'm'; 10_000]) {
        Ok(text) => text,
        Err(_) => "",
    };
    for _ in 0..50 {
        let service = observed(recording.recorder(), service_fn(echo));
        read(
            service.oneshot(post(Pieces::new([LARGE, "m"]))).await.expect("it answers").into_body(),
        )
        .await;
        // Sent by half when it is dropped.
        let half = service_fn(|request: Request<RequestBody<Pieces>>| async move {
            request.into_body().frame().await;
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        });
        let service = observed(recording.recorder(), half);
        drop(service.oneshot(post(Pieces::new([LARGE, "m"]))).await);
        recording.take();
    }
    let service = observed(recording.recorder(), service_fn(echo));
    read(service.oneshot(post(Pieces::new(["m"]))).await.expect("it answers").into_body()).await;
    assert_eq!(recording.take().only().cut, None, "room for payload has been lost");
}

#[tokio::test]
async fn a_service_that_fails_gives_its_own_error_and_a_failed_call() {
    let recording = recording();
    let refuse = |_: Request<RequestBody<Full<Bytes>>>| {
        ready(Err::<Response<Full<Bytes>>, _>(std::io::Error::from(std::io::ErrorKind::TimedOut)))
    };
    let layer = ObserveLayer::new().recorder(recording.recorder()).classify(|err| {
        match err.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
            Some(std::io::ErrorKind::TimedOut) => TransportError::Timeout,
            _ => TransportError::Other,
        }
    });
    let err = layer.layer(service_fn(refuse)).oneshot(post(Full::from("m"))).await.unwrap_err();
    assert_eq!(err.kind(), std::io::ErrorKind::TimedOut);
    let records = recording.observed();
    let record = records.only();
    assert_eq!((record.outcome, record.model.as_deref()), (Some(Outcome::Failed), Some("m")));
    assert_eq!(record.error.as_ref().map(|error| &*error.kind), Some("timeout"));
}

#[tokio::test]
async fn a_call_that_is_dropped_is_recorded_as_dropped() {
    let recording = recording();
    let never = |_: Request<RequestBody<Full<Bytes>>>| {
        pending::<Result<Response<Full<Bytes>>, Infallible>>()
    };
    let mut service = observed(recording.recorder(), service_fn(never));
    drop(service.call(post(Full::from("m"))));
    let answer = observed(recording.recorder(), service_fn(echo)).oneshot(post(Full::from("m")));
    drop(answer.await.expect("it answers"));
    let outcomes: Vec<_> = recording.records().iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Dropped), Some(Outcome::Dropped)]);
}

#[tokio::test]
async fn what_no_decoder_knows_passes_unobserved() {
    let recording = recording();
    for request in [
        Request::post("http://model.example/other").body(Pieces::new(["m"])),
        Request::post("/chat").body(Pieces::new(["m"])),
    ] {
        let service = observed(recording.recorder(), service_fn(echo));
        let answer = service.oneshot(request.expect("the request is complete")).await;
        assert_eq!(read(answer.expect("it answers").into_body()).await, "m");
    }
    assert_eq!(recording.records(), []);
    let behind = Request::post("/chat").header("host", "[::1]:80").body(Pieces::new(["m"]));
    let service = observed(recording.recorder(), service_fn(echo));
    read(service.oneshot(behind.expect("complete")).await.expect("it answers").into_body()).await;
    let records = recording.observed();
    assert_eq!(records.only().server.as_ref().map(|server| &*server.address), Some("::1"));
}

#[tokio::test]
async fn two_layers_make_one_record_and_two_recorders_one_each() {
    let (one, other) = (recording(), recording());
    let twice = observed(one.recorder(), observed(one.recorder(), service_fn(echo)));
    let service = observed(other.recorder(), twice);
    read(service.oneshot(post(Pieces::new(["m"]))).await.expect("it answers").into_body()).await;
    assert_eq!(one.observed().only().model.as_deref(), Some("m"));
    assert_eq!(other.observed().only().model.as_deref(), Some("m"));
}

#[tokio::test]
async fn behind_retries_the_attempts_are_unknown() {
    let recording = recording();
    let layer = ObserveLayer::new().recorder(recording.recorder()).retries_inside();
    let answer = layer.layer(service_fn(echo)).oneshot(post(Full::from("m"))).await;
    read(answer.expect("it answers").into_body()).await;
    let records = recording.observed();
    let record = records.only();
    assert_eq!((record.outcome, record.attempts), (Some(Outcome::Completed), None));
    assert_eq!(record.latency.as_ref().and_then(|latency| latency.queue_ms), None);
}

#[tokio::test]
async fn a_transport_that_sends_another_request_for_the_call_makes_one_record() {
    let recording = recording();
    let recorder = recording.recorder().clone();
    // As a client does that builds its own requests: nothing of the outer one is left.
    for (url, expected) in [(URL, 1), ("http://guard.example/chat", 2)] {
        let inner = observed(&recorder, service_fn(echo));
        let rebuild = service_fn(move |request: Request<RequestBody<Pieces>>| {
            let mut inner = inner.clone();
            async move {
                let body = read(request.into_body()).await;
                let mut again = post(Full::new(body));
                *again.uri_mut() = url.parse().expect("a URL");
                inner.call(again).await
            }
        });
        let answer = observed(&recorder, rebuild).oneshot(post(Pieces::new(["m"]))).await;
        assert_eq!(read(answer.expect("it answers").into_body()).await, "m");
        assert_eq!(recording.take().len(), expected, "{url}");
    }
}

/// Answers with the headers that carry a trace.
async fn carried<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let carried = [header("traceparent"), header("baggage")].map(Option::unwrap_or_default);
    Ok(Response::new(Full::from(carried.join("\n"))))
}

#[tokio::test]
async fn a_host_that_was_named_is_told_the_trace() {
    let recording = Recording::with(|builder| {
        builder.decoder(Toy::default()).propagate_to(".example").propagate_baggage(true)
    });
    let ask = async |request| {
        let service = observed(recording.recorder(), service_fn(carried));
        let answer = recording.scope().session("s-1").run(service.oneshot(request)).await;
        read(answer.expect("it answers").into_body()).await
    };
    let told = ask(post(Full::from("m"))).await;
    let records = recording.take();
    let call = records.only();
    let ids = (call.trace_id.expect("a trace"), call.span_id.expect("a span"));
    assert_eq!(told, format!("00-{}-{}-01\nsession.id=s-1", ids.0, ids.1));

    // What the application carries itself stays.
    let mut request = post(Full::from("m"));
    request.headers_mut().insert("traceparent", "mine".parse().expect("a value"));
    assert_eq!(ask(request).await, "mine\nsession.id=s-1");
}

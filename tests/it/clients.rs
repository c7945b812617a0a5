//! Clients other than async-openai's own.

use std::time::Duration;

use async_openai::Client;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use llmobs::Outcome;
use llmobs::http::ObserveMiddleware;
use llmobs::testing::{AssertRecord, Recording};
use llmobs_testserver::{Answer, ChatScript, Server, Usage, chat_chunks, chat_completion};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use tower::ServiceBuilder;

use crate::support::{config, question, recording};

const REQUEST: &str = r#"{"model":"gpt-4o-mini","stream":true,"messages":[]}"#;

fn script() -> ChatScript {
    let mut usage = Usage::default();
    (usage.prompt, usage.completion) = (5, 2);
    ChatScript::tokens(["Good", " day"]).usage(usage)
}

fn observing(recording: &Recording) -> ObserveMiddleware {
    ObserveMiddleware::new().recorder(recording.recorder())
}

fn retrying() -> RetryTransientMiddleware<ExponentialBackoff> {
    let soon = Duration::from_millis(1);
    let policy = ExponentialBackoff::builder().retry_bounds(soon, soon);
    RetryTransientMiddleware::new_with_policy(policy.build_with_max_retries(3))
}

fn builder() -> ClientBuilder {
    ClientBuilder::new(reqwest::Client::new())
}

async fn ask(
    client: &ClientWithMiddleware,
    server: &Server,
    body: impl Into<reqwest::Body>,
) -> String {
    let url = format!("{}/chat/completions", server.base_url());
    let response = client.post(&url).body(body).send().await.expect("the server answers");
    assert_eq!(response.url().as_str(), url);
    response.text().await.expect("the answer is whole")
}

async fn sse() -> (Server, String) {
    let server = Server::start().await.expect("a port");
    let answer = Answer::sse(chat_chunks(&script())).repeat();
    let body = String::from_utf8(answer.body_bytes().to_vec()).expect("text");
    server.answer(answer);
    (server, body)
}

#[tokio::test]
async fn a_client_with_middleware_gets_the_same_and_is_recorded() {
    let (server, body) = sse().await;
    let recording = recording();
    let client = builder().with(observing(&recording)).build();
    assert_eq!(ask(&client, &server, REQUEST).await, body);
    let records = recording.take();
    let record = records.only().assert_outcome(Outcome::Completed);
    assert_eq!((record.model.as_deref(), record.output_tokens), (Some("gpt-4o-mini"), Some(2)));
    assert_eq!((record.stream, record.attempts), (Some(true), Some(1)));
    let wire = record.wire.as_ref().expect("something came");
    assert_eq!(wire.request_bytes, Some(REQUEST.len() as u64));
    assert_eq!(wire.bytes, Some(body.len() as u64));
    assert_eq!(server.received()[0].text(), REQUEST);

    // A body that is read only as it is sent.
    let pieces = REQUEST.as_bytes().chunks(7).map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
    let streamed = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    assert_eq!(ask(&client, &server, streamed).await, body);
    let records = recording.take();
    let record = records.only().assert_outcome(Outcome::Completed);
    assert_eq!((record.model.as_deref(), &record.cut), (Some("gpt-4o-mini"), &None));
    assert_eq!(server.received()[1].text(), REQUEST);
}

#[tokio::test]
async fn a_connection_that_is_refused_fails_the_call_and_the_client() {
    let recording = recording();
    let client = builder().with(observing(&recording)).build();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1/chat/completions", nobody.local_addr().expect("bound"));
    drop(nobody);
    let err = client.post(url).body(REQUEST).send().await.expect_err("nobody listens");
    assert!(err.is_connect());
    let records = recording.take();
    let record = records.only().assert_outcome(Outcome::Failed);
    assert_eq!(record.error.as_ref().map(|error| &*error.kind), Some("connect"));
    assert_eq!(record.model.as_deref(), Some("gpt-4o-mini"));
}

#[tokio::test]
async fn inside_retries_each_attempt_is_a_call_and_outside_there_is_one() {
    let server = Server::start().await.expect("a port");
    let recording = recording();
    let inside = builder().with(retrying()).with(observing(&recording)).build();
    let outside = builder().with(observing(&recording).retries_inside()).with(retrying()).build();

    server.answer(Answer::status(503));
    server.answer(Answer::json(200, &chat_completion(&script())));
    ask(&inside, &server, REQUEST).await;
    let records = recording.take();
    let seen: Vec<_> = records.iter().map(|r| (r.http_status, r.attempts)).collect();
    assert_eq!(seen, [(Some(503), Some(1)), (Some(200), Some(1))]);

    server.answer(Answer::status(503));
    server.answer(Answer::json(200, &chat_completion(&script())));
    ask(&outside, &server, REQUEST).await;
    let records = recording.take();
    let record = records.only().assert_outcome(Outcome::Completed);
    assert_eq!((record.http_status, record.attempts), (Some(200), None), "who knows how many");
    assert_eq!(server.hits(), 4);
}

#[tokio::test]
async fn observers_on_top_of_each_other_make_one_record() {
    let (server, body) = sse().await;
    let recording = recording();
    let twice = builder().with(observing(&recording)).with(observing(&recording)).build();
    assert_eq!(ask(&twice, &server, REQUEST).await, body);
    recording.take().only().assert_outcome(Outcome::Completed);

    let http = twice.clone();
    let transport = tower::service_fn(move |request: HttpRequestFactory| {
        let http = http.clone();
        async move {
            let sent = http.execute(request.build().await?).await;
            sent.map_err(|err| match err {
                reqwest_middleware::Error::Reqwest(err) => OpenAIError::Reqwest(err),
                other => OpenAIError::InvalidArgument(other.to_string()),
            })
        }
    });
    let service = ServiceBuilder::new()
        .layer(llmobs::openai::CallLayer::new().recorder(recording.recorder()))
        .layer(llmobs::openai::AttemptLayer::new())
        .service(transport);
    let client = Client::with_config(config(&server)).with_http_service(service);
    let stream = client.chat().create_stream(question("?")).await.expect("the server answers");
    let chunks = futures_util::StreamExt::count(stream).await;
    assert!(chunks > 2);
    let records = recording.take();
    let record = records.only().assert_outcome(Outcome::Completed);
    assert_eq!((record.attempts, record.output_tokens), (Some(1), Some(2)));
}

#[tokio::test]
async fn an_answer_that_stays_compressed_is_recorded_whole() {
    use std::io::Write;
    let server = Server::start().await.expect("a port");
    let recording = recording();
    let client = builder().with(observing(&recording)).build();
    let text = Answer::sse(chat_chunks(&script())).body_bytes();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&text).expect("a vector takes everything");
    let bytes = gzip.finish().expect("a vector takes everything");
    let answer = Answer::bytes(200, "text/event-stream", bytes.clone());
    server.answer(answer.header("content-encoding", "gzip"));
    let url = format!("{}/chat/completions", server.base_url());
    let response = client.post(url).body(REQUEST).send().await.expect("the server answers");
    assert_eq!(response.bytes().await.expect("the answer is whole"), bytes, "not our business");
    let records = recording.take();
    let record = records.only().assert_outcome(Outcome::Completed);
    assert_eq!((record.output_tokens, &record.cut), (Some(2), &None));
    assert_eq!(record.wire.as_ref().and_then(|wire| wire.bytes), Some(bytes.len() as u64));
}

//! Usage that we asked for is in the record, and nowhere in what the application sees.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::middleware::ReqwestService;
use async_openai::middleware::retry::OpenAIRetryLayer;
use async_openai::types::chat::CreateChatCompletionRequest;
use futures_util::StreamExt;
use llmobs::openai::{AttemptLayer, CallLayer, OpenAi};
use llmobs::testing::Recording;
use llmobs::{Outcome, Record, UsagePolicy, UsageSource};
use llmobs_testserver::{Answer, ChatScript, Received, Server, Usage, chat_chunks};
use serde_json::Value;
use tower::Layer;

use crate::support::{client, config, question};

/// A question that says nothing about usage.
fn plain_question() -> CreateChatCompletionRequest {
    CreateChatCompletionRequest { stream_options: None, ..question("Where is it?") }
}

fn recording(policy: UsagePolicy) -> Recording {
    Recording::with(|builder| builder.decoder(OpenAi::new()).usage(policy))
}

fn script() -> ChatScript {
    ChatScript::tokens(["on", " its", " way"])
}

fn counted() -> ChatScript {
    let mut usage = Usage::default();
    (usage.prompt, usage.completion) = (12, 3);
    script().usage(usage)
}

/// Whether a request asks for usage.
fn asks(request: &Received) -> bool {
    request
        .json()
        .is_some_and(|body| body.pointer("/stream_options/include_usage") == Some(&true.into()))
}

/// A server that counts when it is asked, as OpenAI does.
async fn server() -> Server {
    let server = Server::start().await.expect("a port");
    server.handler(|request| {
        Answer::sse(chat_chunks(&if asks(request) { counted() } else { script() }))
    });
    server
}

/// All items of a stream, as a reader sees them that looks at the first choice of each.
async fn items(client: &Client<OpenAIConfig>, request: CreateChatCompletionRequest) -> Vec<Value> {
    let stream = client.chat().create_stream(request).await;
    let items = stream.expect("the server answers").map(|item| {
        let item = item.expect("the chunk is valid");
        assert!(!item.choices.is_empty(), "a reader of `choices[0]` would panic");
        serde_json::to_value(item).expect("chunks are JSON")
    });
    items.collect().await
}

fn only(recording: &Recording) -> Record {
    let records = recording.records();
    assert_eq!(records.len(), 1, "one call, one record");
    records.into_iter().next().expect("there is one")
}

fn source(record: &Record) -> Option<UsageSource> {
    record.usage.as_ref().and_then(|usage| usage.source)
}

fn asked_by_the_application(record: &Record) -> Option<bool> {
    record.params.as_ref().and_then(|params| params.include_usage)
}

#[tokio::test]
async fn the_application_sees_the_stream_it_asked_for_and_the_record_has_the_tokens() {
    let (plain, observed) = (server().await, server().await);
    let without = items(&Client::with_config(config(&plain)), plain_question()).await;
    let recording = recording(UsagePolicy::Always);
    let with = recording.scope().run(items(&client(&observed), plain_question())).await;
    assert_eq!(with, without);
    assert_eq!(with.len(), 5, "the role, three tokens, the end");

    let (sent, unobserved) = (&observed.received()[0], &plain.received()[0]);
    assert!(asks(sent) && !asks(unobserved));
    let mut body = sent.json().expect("JSON");
    body.as_object_mut().expect("an object").remove("stream_options");
    assert_eq!(Some(body), unobserved.json());
    assert_eq!(sent.header("content-length"), Some(&*sent.body.len().to_string()));

    let record = only(&recording);
    assert_eq!(record.outcome, Some(Outcome::Completed));
    assert_eq!((record.input_tokens, record.output_tokens), (Some(12), Some(3)));
    assert_eq!(source(&record), Some(UsageSource::Injected));
    assert_eq!(asked_by_the_application(&record), None);
    let wire = record.wire.as_ref().expect("a stream");
    assert_eq!(wire.request_bytes, Some(unobserved.body.len() as u64), "what the application sent");
    assert_eq!(wire.events, Some(6), "what the server sent");
}

#[tokio::test]
async fn unless_the_policy_says_so_requests_stay_as_they_are() {
    let plain = server().await;
    let without = items(&Client::with_config(config(&plain)), plain_question()).await;
    for policy in [UsagePolicy::Never, UsagePolicy::Auto] {
        let observed = server().await;
        let recording = recording(policy);
        let with = recording.scope().run(items(&client(&observed), plain_question())).await;
        assert_eq!(with, without, "{policy:?}");
        assert_eq!(observed.received()[0].body, plain.received()[0].body, "{policy:?}");
        let record = only(&recording);
        assert_eq!((record.output_tokens, record.usage), (None, None), "{policy:?}");
    }
}

#[tokio::test]
async fn the_layer_goes_before_the_recorder() {
    let server = server().await;
    let recording = recording(UsagePolicy::Never);
    let attempts = AttemptLayer::new().layer(ReqwestService::new(reqwest::Client::new()));
    let retries = OpenAIRetryLayer::default().layer(attempts);
    let layer = CallLayer::new().usage(UsagePolicy::Always);
    let client = Client::with_config(config(&server)).with_http_service(layer.layer(retries));
    recording.scope().run(items(&client, plain_question())).await;
    assert!(asks(&server.received()[0]));
    assert_eq!(source(&only(&recording)), Some(UsageSource::Injected));
}

#[tokio::test]
async fn without_a_layer_that_takes_it_out_nothing_is_asked() {
    let server = server().await;
    let recording = recording(UsagePolicy::Always);
    let transport = ReqwestService::new(reqwest::Client::new());
    let client =
        Client::with_config(config(&server)).with_http_service(CallLayer::new().layer(transport));
    recording.scope().run(items(&client, plain_question())).await;
    assert!(!asks(&server.received()[0]));
}

#[tokio::test]
async fn who_asks_for_usage_sees_it() {
    let server = server().await;
    let recording = recording(UsagePolicy::Always);
    let client = client(&server);
    let stream = recording.scope().run(client.chat().create_stream(question("?"))).await;
    let last = stream.expect("the server answers").filter_map(|item| async { item.ok() });
    let last = last.collect::<Vec<_>>().await.pop().expect("items");
    assert_eq!(last.usage.map(|usage| usage.completion_tokens), Some(3));
    let record = only(&recording);
    assert_eq!(source(&record), Some(UsageSource::Reported));
    assert_eq!(asked_by_the_application(&record), Some(true));
}

// Time is the runtime's own, so that the delay of the retry is not waited for.
#[tokio::test(start_paused = true)]
async fn every_attempt_asks_the_same() {
    let server = server().await;
    server.answer(Answer::text(503, "busy"));
    server.answer(Answer::text(503, "busy"));
    let recording = recording(UsagePolicy::Always);
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client");
    let client =
        Client::with_config(config(&server)).with_http_service(llmobs::openai::service(http));
    recording.scope().run(items(&client, plain_question())).await;
    let received = server.received();
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|it| asks(it) && it.body == received[0].body));
    let record = only(&recording);
    assert_eq!((record.attempts, record.output_tokens), (Some(3), Some(3)));
    assert_eq!(source(&record), Some(UsageSource::Injected));
}

#[tokio::test]
async fn a_server_that_counts_each_choice_shows_none_of_it() {
    const ROLE: &str = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}"#;
    const END: &str = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}"#;
    const USAGE: &str = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}"#;
    let server = Server::start().await.expect("a port");
    server.answer(Answer::sse([ROLE, USAGE, END, USAGE, "[DONE]"]));
    let recording = recording(UsagePolicy::Always);
    let request = CreateChatCompletionRequest { n: Some(2), ..plain_question() };
    let seen = recording.scope().run(items(&client(&server), request)).await;
    assert_eq!(seen.len(), 2);
    let usage = only(&recording).usage.expect("sent");
    assert_eq!((usage.source, usage.inconsistent), (Some(UsageSource::Injected), true));
}

/// The bytes of an answer as they reach the application, and how the body ended.
async fn body_of(answer: Answer, policy: UsagePolicy) -> (Vec<u8>, bool) {
    let server = Server::start().await.expect("a port");
    server.answer(answer);
    let recording = recording(policy);
    let url = format!("{}/chat/completions", server.base_url());
    let http = reqwest::Client::new();
    let service = llmobs::openai::service(http.clone());
    let factory = async_openai::middleware::HttpRequestFactory::new(move || {
        let request = http.post(&url).body(r#"{"model":"m","stream":true,"messages":[]}"#).build();
        async move { Ok(request?) }
    });
    let answered = recording.scope().run(tower::ServiceExt::oneshot(service, factory)).await;
    let mut response = answered.expect("the server answers");
    let length = response.headers().contains_key("content-length");
    assert_eq!(length, response.content_length().is_some(), "the header and the hint agree");
    let mut bytes = Vec::new();
    let whole = loop {
        match response.chunk().await {
            Ok(Some(read)) => bytes.extend_from_slice(&read),
            end => break end.is_ok(),
        }
    };
    assert_eq!(recording.records().len(), 1);
    (bytes, whole)
}

#[tokio::test]
async fn the_bytes_are_those_of_the_connection_without_one_event() {
    let all: String =
        chat_chunks(&counted()).iter().map(|event| format!("data: {event}\n\n")).collect();
    let usage = all.split_inclusive("\n\n").find(|event| event.contains("\"choices\":[]"));
    let usage = usage.expect("there is one");
    let left = all.replace(usage, "");
    let sse = || Answer::bytes(200, "text/event-stream", all.clone());
    let always = UsagePolicy::Always;
    for size in [1, 7, 100, 10_000] {
        let chunked = sse().chunked().split_every(size);
        assert_eq!(body_of(chunked, always).await, (left.clone().into(), true), "{size}");
    }
    assert_eq!(body_of(sse().content_length(), always).await, (left.into(), true));
    assert_eq!(body_of(sse(), UsagePolicy::Never).await, (all.clone().into(), true));
    // What cannot be read is left alone.
    let encoded = sse().header("content-encoding", "zstd");
    assert_eq!(body_of(encoded, always).await, (all.clone().into(), true));
    let refused = || Answer::bytes(400, "text/event-stream", all.clone());
    assert_eq!(body_of(refused(), always).await, (all.clone().into(), true));
    // Broken in the middle of the event: its beginning comes before the error.
    let end = all.find(usage).expect("it is in there") + usage.len() / 2;
    let broken = Answer::bytes(200, "text/event-stream", all[..end].to_owned()).chunked().cut();
    assert_eq!(body_of(broken, always).await, (all[..end].into(), false));
}

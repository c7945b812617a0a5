//! Typed streams of async-openai, seen where the application reads them.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::types::chat::CreateChatCompletionRequest;
use futures_util::StreamExt;
use llmobs::openai::{Items, observe};
use llmobs::testing::Recording;
use llmobs::{Consumer, ConsumerEnd, LatencyClock, Outcome, Record, UsageSource};
use llmobs_testserver::{Answer, ChatScript, Gate, Server, ToolCall, Usage, chat_chunks};
use serde_json::json;

use crate::support::{client, config, question, recording};

fn script() -> ChatScript {
    let mut usage = Usage::default();
    (usage.prompt, usage.completion) = (12, 3);
    ChatScript::tokens(["On", " its", " way"]).model("gpt-4o-mini-2024-07-18").usage(usage)
}

/// A client that nobody observes.
fn plain(server: &Server) -> Client<OpenAIConfig> {
    Client::with_config(config(server))
}

/// Asks and reads to the end; how many chunks and how many errors came.
async fn read(
    recording: &Recording,
    client: &Client<OpenAIConfig>,
    request: CreateChatCompletionRequest,
    items: Items,
) -> (usize, usize) {
    let reading = async {
        let stream = observe(client.chat().create_stream(request), items).await;
        let chunks: Vec<_> = stream.expect("the server answers").collect().await;
        let errors = chunks.iter().filter(|chunk| chunk.is_err()).count();
        (chunks.len() - errors, errors)
    };
    recording.scope().run(reading).await
}

fn consumer(record: &Record) -> &Consumer {
    record.consumer.as_deref().expect("somebody read")
}

#[tokio::test]
async fn an_observed_client_and_an_observed_reader_make_one_record() {
    let server = Server::start().await.expect("a port");
    server.answer(Answer::sse(chat_chunks(&script())));
    let recording = recording();
    let read = read(&recording, &client(&server), question("Where?"), Items::chat()).await;
    let records = recording.observed();
    let record = records.only();
    assert_eq!(record.outcome, Some(Outcome::Completed));
    assert_eq!((record.http_status, record.attempts), (Some(200), Some(1)));
    assert_eq!(record.latency.as_ref().and_then(|latency| latency.clock), None);
    let consumer = consumer(record);
    assert_eq!((consumer.items, read.1), (Some(read.0 as u64), 0));
    assert_eq!(consumer.items, record.wire.as_ref().and_then(|wire| wire.events));
    assert_eq!(consumer.ended, Some(ConsumerEnd::Completed));
    assert!(consumer.first_item_ms.is_some() && consumer.stall_ms.is_some());
}

#[tokio::test]
async fn a_client_that_is_not_observed_is_told_by_its_reader() {
    let call = ToolCall::new("call_1", "order_status", r#"{"order":"A-1042"}"#);
    let server = Server::start().await.expect("a port");
    server.answer(Answer::sse(chat_chunks(&script().tool_call(call.clone()))));
    server.answer(Answer::sse(chat_chunks(&script().tool_call(call))));
    let recording = recording();
    let request = question("a secret question");
    let items = Items::chat().request(&request).server("api.openai.com", Some(443));
    read(&recording, &plain(&server), request.clone(), items).await;
    read(&recording, &client(&server), request, Items::chat()).await;

    let records = recording.observed();
    records.assert_lacks("a secret question");
    records.assert_lacks("A-1042");
    let [told, wired] = &records[..] else { panic!("two calls, two records") };
    let facts = |record: &Record| {
        (
            (record.outcome, record.stream, record.operation.clone(), record.api.clone()),
            (record.model.clone(), record.model_version.clone(), record.response_id.is_some()),
            (record.input_tokens, record.output_tokens, record.usage.clone()),
            (record.finish_reasons.clone(), record.tool_calls.clone(), record.params.clone()),
        )
    };
    assert_eq!(facts(told), facts(wired));
    assert_eq!(told.usage.as_ref().and_then(|usage| usage.source), Some(UsageSource::Reported));
    assert_eq!(told.provider.as_deref(), Some("openai"));
    let latency = told.latency.as_deref().expect("it has times");
    assert_eq!(latency.clock, Some(LatencyClock::Reader));
    assert_eq!((told.tpot_ms, latency.gaps, told.http_status), (None, None, None));
    assert!(told.ttft_ms.is_some() && told.total_latency_ms.is_some());
}

#[tokio::test]
async fn what_the_typed_stream_refuses_is_the_reader_s_error_and_told_all_the_same() {
    let server = Server::start().await.expect("a port");
    // A role that async-openai does not know.
    let odd = json!({
        "id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"role": "oracle", "content": "a"}}],
    });
    let end = json!({
        "id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    });
    let answer = || Answer::sse([odd.to_string(), end.to_string(), "[DONE]".to_owned()]);
    server.answer(answer());
    server.answer(answer());
    let recording = recording();
    for client in [client(&server), plain(&server)] {
        let read = read(&recording, &client, question("?"), Items::chat()).await;
        assert_eq!(read, (1, 1), "one chunk is refused");
    }
    for record in &recording.records() {
        assert_eq!(record.outcome, Some(Outcome::Completed), "{record:?}");
        assert_eq!(consumer(record).ended, Some(ConsumerEnd::Failed));
        assert_eq!(consumer(record).error.as_deref(), Some("decode"));
        let wire = record.wire.as_deref().expect("events were counted");
        assert_eq!((wire.events, wire.output_events), (Some(2), Some(1)));
    }
}

#[tokio::test]
async fn an_error_in_the_stream_has_the_provider_s_type() {
    let server = Server::start().await.expect("a port");
    let error = json!({"error": {"type": "overloaded", "code": 529, "message": "a secret"}});
    server.answer(Answer::sse([error.to_string()]));
    let recording = recording();
    read(&recording, &plain(&server), question("?"), Items::chat()).await;
    let records = recording.observed();
    records.assert_lacks("a secret");
    assert_eq!(records.only().outcome, Some(Outcome::Failed));
    let error = records.only().error.as_deref().expect("it failed");
    assert_eq!(&*error.kind, "overloaded");
}

#[tokio::test]
async fn a_call_that_fails_before_the_stream_is_told_once() {
    let server = Server::start().await.expect("a port");
    let body = json!({"error": {
        "type": "invalid_request_error", "message": "a secret", "param": null, "code": null,
    }});
    server.answer(Answer::json(400, &body));
    server.answer(Answer::json(400, &body));
    let recording = recording();
    for client in [client(&server), plain(&server)] {
        let chat = client.chat();
        let opening = observe(chat.create_stream(question("?")), Items::chat());
        // async-openai looks at the status of a stream when it is read, or before.
        if let Ok(stream) = recording.scope().run(opening).await {
            stream.collect::<Vec<_>>().await;
        }
    }
    let records = recording.observed();
    records.assert_lacks("a secret");
    assert_eq!(records.len(), 2);
    for record in records.iter() {
        assert_eq!(record.outcome, Some(Outcome::Failed));
        let error = record.error.as_deref().expect("it failed");
        assert_eq!(&*error.kind, "invalid_request_error");
    }
}

#[tokio::test]
async fn a_reader_who_leaves_early_and_one_who_leaves_late_are_told_apart() {
    let server = Server::start().await.expect("a port");
    let gate = Gate::new();
    server.answer(Answer::sse(chat_chunks(&script())).wait_before(2, &gate));
    server.answer(Answer::sse(chat_chunks(&script())));
    let recording = recording();
    let client = client(&server);
    recording
        .scope()
        .run(async {
            let chat = client.chat();
            let open = || observe(chat.create_stream(question("?")), Items::chat());
            let mut early = open().await.expect("the server answers");
            early.next().await.expect("a chunk").expect("a valid one");
            drop(early);
            server.client_left(0).await;
            gate.open();

            // Most readers stop at the finish reason and never ask for the end.
            let mut late = open().await.expect("the server answers");
            while let Some(chunk) = late.next().await {
                let chunk = chunk.expect("a valid one");
                if chunk.choices.iter().any(|choice| choice.finish_reason.is_some()) {
                    break;
                }
            }
        })
        .await;
    let told: Vec<_> =
        recording.records().iter().map(|record| (record.outcome, consumer(record).ended)).collect();
    let left = Some(ConsumerEnd::Left);
    assert_eq!(told, [(Some(Outcome::Dropped), left), (Some(Outcome::Completed), left)]);
}

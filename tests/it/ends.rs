//! A call ends once, whoever leaves first.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use async_openai::middleware::HttpRequestFactory;
use futures_util::StreamExt;
use llmobs::testing::Recording;
use llmobs::{Outcome, Record};
use llmobs_testserver::{Answer, ChatScript, Gate, Server, chat_chunks};
use tower::ServiceExt;

use crate::support::{client, question, recording};

fn chunks() -> Vec<String> {
    chat_chunks(&ChatScript::tokens(["one", " two", " three"]))
}

#[track_caller]
fn only(recording: &Recording) -> Record {
    let mut records = recording.records();
    assert_eq!(records.len(), 1, "one call, one record: {records:#?}");
    records.remove(0)
}

/// What happens to the call.
async fn observed<F: Future>(
    answer: Answer,
    run: impl FnOnce(Server) -> F,
) -> (Recording, F::Output) {
    let server = Server::start().await.expect("a port");
    server.answer(answer);
    let recording = recording();
    let output = recording.scope().run(run(server)).await;
    (recording, output)
}

#[tokio::test]
async fn dropped_before_the_headers() {
    let gate = Gate::new();
    let (recording, ()) = observed(Answer::sse(chunks()).hang(&gate), |server| async move {
        let client = client(&server);
        let chat = client.chat();
        let call = chat.create_stream(question("?"));
        tokio::select! {
            _ = call => panic!("the server does not answer"),
            () = server.hits_reach(1) => {}
        }
    })
    .await;
    let record = only(&recording);
    assert_eq!(record.outcome, Some(Outcome::Dropped));
    assert_eq!(record.error, None);
    assert_eq!(record.model.as_deref(), Some("gpt-4o-mini"));
    assert_eq!(record.attempts, Some(1));
}

#[tokio::test]
async fn dropped_before_it_was_ever_polled_again() {
    let gate = Gate::new();
    let (recording, ()) = observed(Answer::sse(chunks()).hang(&gate), |server| async move {
        let client = client(&server);
        let chat = client.chat();
        let mut call = pin!(chat.create_stream(question("?")));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    })
    .await;
    assert_eq!(only(&recording).outcome, Some(Outcome::Dropped));
}

#[tokio::test]
async fn dropped_in_the_middle_keeps_what_came() {
    let gate = Gate::new();
    let answer = Answer::sse(chunks()).wait_before(3, &gate);
    let (recording, ()) = observed(answer, |server| async move {
        let stream = client(&server).chat().create_stream(question("?")).await;
        let mut stream = stream.expect("the server answers");
        for _ in 0..3 {
            stream.next().await.expect("a chunk").expect("a valid one");
        }
        drop(stream);
        assert!(server.client_left(0).await.is_some());
    })
    .await;
    let record = only(&recording);
    assert_eq!(record.outcome, Some(Outcome::Dropped));
    assert_eq!(record.error, None);
    assert_eq!(record.wire.as_ref().and_then(|wire| wire.output_events), Some(2));
    assert_eq!((record.finish_reason, record.output_tokens), (None, None));
    assert!(record.ttft_ms.is_some());
}

#[tokio::test]
async fn done_is_the_end_whatever_the_server_does_then() {
    let gate = Gate::new();
    // The connection stays open behind `[DONE]`; async-openai drops it there.
    let n = chunks().len();
    let answer = Answer::sse(chunks()).wait(&gate).wait_before(n, &gate);
    let (recording, read) = observed(answer, |server| async move {
        let stream = client(&server).chat().create_stream(question("?")).await;
        let read = stream.expect("the server answers").count().await;
        server.client_left(0).await;
        read
    })
    .await;
    assert_eq!(read, n - 1);
    let record = only(&recording);
    assert_eq!(record.outcome, Some(Outcome::Completed));
    assert_eq!(record.wire.and_then(|wire| wire.end_marker), Some(true));
}

#[tokio::test]
async fn an_end_without_a_marker_is_an_interruption() {
    let script = ChatScript::tokens(["one", " two"]).unfinished().no_done();
    let (recording, _) = observed(Answer::sse(chat_chunks(&script)), |server| async move {
        let stream = client(&server).chat().create_stream(question("?")).await;
        stream.expect("the server answers").count().await
    })
    .await;
    let record = only(&recording);
    assert_eq!(record.outcome, Some(Outcome::Interrupted));
    assert_eq!(record.finish_reason, None, "a reason that was not sent is not made up");
}

#[tokio::test]
async fn a_cut_connection_is_a_failure() {
    let gate = Gate::new();
    gate.open();
    let mut answer = Answer::stream("text/event-stream");
    for chunk in chunks().iter().take(3) {
        answer = answer.write(format!("data: {chunk}\n\n"));
    }
    let (recording, last) = observed(answer.cut(), |server| async move {
        let stream = client(&server).chat().create_stream(question("?")).await;
        let items: Vec<_> = stream.expect("the server answers").collect().await;
        items.last().map(Result::is_err)
    })
    .await;
    assert_eq!(last, Some(true), "the application sees the error");
    let record = only(&recording);
    assert_eq!(record.outcome, Some(Outcome::Failed));
    assert_eq!(record.error.map(|error| error.kind.into_owned()).as_deref(), Some("transport"));
}

#[tokio::test]
async fn an_error_inside_the_stream_is_a_failure() {
    let mut events: Vec<String> = chunks().into_iter().take(2).collect();
    events.push(r#"{"error":{"message":"overloaded","type":"server_error","code":"e1"}}"#.into());
    let (recording, _) = observed(Answer::sse(events), |server| async move {
        let stream = client(&server).chat().create_stream(question("?")).await;
        stream.expect("the server answers").count().await
    })
    .await;
    let record = only(&recording);
    assert_eq!(record.outcome, Some(Outcome::Failed));
    let error = record.error.expect("known");
    assert_eq!((error.kind.as_ref(), error.code.as_deref()), ("server_error", Some("e1")));
    assert_eq!(error.message, None, "messages quote content");
}

#[test]
fn a_runtime_that_shuts_down_drops_the_call() {
    let gate = Gate::new();
    let server = Server::start_blocking().expect("a port");
    server.answer(Answer::sse(chunks()).wait_before(2, &gate));
    let recording = recording();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (sent, received) = std::sync::mpsc::channel();
    let base = client(&server);
    runtime.spawn(recording.scope().run(async move {
        let stream = base.chat().create_stream(question("?")).await;
        let mut stream = stream.expect("the server answers");
        stream.next().await;
        sent.send(()).expect("the test waits");
        stream.next().await;
        unreachable!("the server sends no more");
    }));
    received.recv().expect("the stream has begun");
    drop(runtime);
    assert_eq!(only(&recording).outcome, Some(Outcome::Dropped));
}

#[tokio::test]
async fn a_call_open_at_the_shutdown_is_unfinished() {
    let gate = Gate::new();
    let server = Server::start().await.expect("a port");
    server.answer(Answer::sse(chunks()).wait_before(2, &gate));
    let memory = llmobs::testing::Memory::default();
    let llmobs = llmobs::Builder::from_lookup(&|_| None)
        .sink(memory.clone())
        .process_wide(false)
        .start()
        .expect("it starts");
    let scope = llmobs::scope().recorder(llmobs.recorder());
    let base = client(&server);
    let mut stream = scope
        .run(async { base.chat().create_stream(question("?")).await })
        .await
        .expect("the server answers");
    stream.next().await;
    let shut = tokio::task::spawn_blocking(move || {
        llmobs.shutdown(std::time::Duration::from_secs(10)).map(|()| llmobs)
    });
    let llmobs = shut.await.expect("no panic").expect("nothing is left");
    gate.open();
    assert_eq!(stream.count().await, chunks().len() - 2, "the application reads on");
    let records = memory.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].outcome, Some(Outcome::Unfinished));
    let losses = llmobs.losses();
    assert_eq!((losses.accepted, losses.recorded, losses.open), (1, 1, 0));
    assert_eq!(losses.total(), 0);
}

#[tokio::test]
async fn an_empty_answer_that_nobody_reads_is_complete() {
    let (recording, ()) = observed(Answer::status(204), |server| async move {
        let http = reqwest::Client::new();
        let url = format!("{}/chat/completions", server.base_url());
        let of = http.clone();
        let factory = HttpRequestFactory::new(move || {
            let request = of.post(&url).body("{}").build();
            async move { Ok(request?) }
        });
        let response = llmobs::openai::service(http).oneshot(factory).await;
        assert_eq!(response.expect("the server answers").status(), 204);
    })
    .await;
    assert_eq!(only(&recording).outcome, Some(Outcome::Completed));
}

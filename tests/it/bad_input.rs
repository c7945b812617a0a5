//! Whatever a server sends, nothing panics, memory stays bounded, and the record says what it can.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use llmobs::testing::Recording;
use llmobs::{Limits, Outcome, Record};
use llmobs_testserver::{Answer, ChatScript, Server, Step, chat_chunks};

use crate::support::{client, question, recording};

/// One streamed call against `answer`, read to its end.
async fn streamed(recording: &Recording, answer: Answer) -> (Vec<bool>, Record) {
    let server = Server::start().await.expect("a port");
    server.answer(answer);
    let client = client(&server);
    let items = recording
        .scope()
        .run(async {
            match client.chat().create_stream(question("?")).await {
                Ok(stream) => stream.map(|item| item.is_ok()).collect().await,
                Err(_) => vec![false],
            }
        })
        .await;
    let mut records = recording.records();
    assert_eq!(records.len(), 1, "one call, one record");
    (items, records.remove(0))
}

#[tokio::test]
async fn hostile_answers_are_recorded_for_what_they_are() {
    let good = chat_chunks(&ChatScript::new("hello there"));
    let with_bad: Vec<_> =
        good.iter().take(2).cloned().chain(["{\"choi".into()]).chain(good[2..].to_vec()).collect();
    let cases = [
        ("garbage", Answer::bytes(200, "text/event-stream", "garbage\n\n"), Outcome::Interrupted),
        ("empty", Answer::bytes(200, "text/event-stream", ""), Outcome::Interrupted),
        ("half a JSON event", Answer::sse(with_bad), Outcome::Completed),
        (
            "an error body under 200",
            Answer::json(200, &serde_json::json!({"error": {"message": "m", "type": "t"}})),
            Outcome::Failed,
        ),
        ("one byte a write", Answer::sse(&good).split_every(1), Outcome::Completed),
        (
            "invalid UTF-8",
            Answer::bytes(200, "text/event-stream", &b"data: {\"a\":\"\xff\"}\n\n"[..]),
            Outcome::Interrupted,
        ),
        (
            "a stream that calls itself JSON",
            Answer::bytes(200, "application/json", sse(&good)),
            Outcome::Completed,
        ),
        (
            "HTML",
            Answer::bytes(502, "text/html", "<html>bad gateway</html>").repeat(),
            Outcome::Failed,
        ),
    ];
    for (name, answer, outcome) in cases {
        let (_, record) = streamed(&recording(), answer).await;
        assert_eq!(record.outcome, Some(outcome), "{name}");
    }
}

fn sse(events: &[String]) -> Bytes {
    events.iter().map(|event| format!("data: {event}\n\n")).collect::<String>().into()
}

#[tokio::test]
async fn a_malformed_event_is_counted_and_the_stream_goes_on() {
    let mut events = chat_chunks(&ChatScript::tokens(["a", "b"]));
    events.insert(2, "{not json".into());
    let (items, record) = streamed(&recording(), Answer::sse(events)).await;
    assert_eq!(items.iter().filter(|ok| !**ok).count(), 1, "the application sees it");
    let wire = record.wire.expect("a stream");
    assert_eq!((wire.malformed, wire.output_events), (Some(1), Some(2)));
    assert_eq!(record.finish_reason.as_deref(), Some("stop"));
}

#[tokio::test]
async fn an_event_of_ten_megabytes_is_skipped_and_said_to_be() {
    let mut events = chat_chunks(&ChatScript::tokens(["a", "b"]));
    let big = "x".repeat(10 << 20);
    events.insert(
        2,
        format!("{{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{big}\"}}}}]}}"),
    );
    let (_, record) = streamed(&recording(), Answer::sse(events)).await;
    assert_eq!(record.outcome, Some(Outcome::Completed));
    let cut = record.cut.expect("it was cut").response_body.expect("the response");
    assert!(cut.missing > 10 << 20, "{}", cut.missing);
    assert_eq!(record.finish_reason.as_deref(), Some("stop"), "what came after is known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_a_hundred_megabytes_stays_within_the_budget() {
    let mut limits = Limits::default();
    limits.payload_bytes = 1 << 20;
    let recording =
        Recording::with(|builder| builder.decoder(llmobs::openai::OpenAi::new()).limits(limits));
    let token = &chat_chunks(&ChatScript::tokens(["a"]))[1];
    let events = Bytes::from(format!("data: {token}\n\n").repeat(200));
    let size = events.len();
    let server = Server::start().await.expect("a port");
    server.recording(false);
    server.answer(Answer::stream("text/event-stream").endless([Step::Write(events)]));
    let client = client(&server);
    let mut read = 0;
    recording
        .scope()
        .run(async {
            let stream = client.chat().create_stream(question("?")).await;
            let mut stream = stream.expect("the server answers");
            while read * size < 100 << 20 {
                for _ in 0..200 {
                    stream.next().await.expect("endless").expect("valid");
                }
                read += 1;
            }
        })
        .await;
    drop(server);
    // The client drops the body on a task of its own, some time after its reader has left.
    while recording.records().is_empty() {
        tokio::task::yield_now().await;
    }
    let records = recording.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].outcome, Some(Outcome::Dropped));
    let losses = recording.recorder().losses();
    let cut = records[0].cut.as_ref().and_then(|cut| cut.response_body.as_ref());
    assert_eq!(cut.map_or(0, |cut| cut.missing), losses.payload_bytes, "what is missing is said");
}

#[tokio::test]
async fn a_full_recorder_refuses_calls_and_harms_none() {
    let mut limits = Limits::default();
    limits.operations = 1;
    let recording =
        Recording::with(|builder| builder.decoder(llmobs::openai::OpenAi::new()).limits(limits));
    let held = recording.recorder().step(llmobs::StepKind::Agent, "holds the only place");
    let server = Server::start().await.expect("a port");
    server.answer(Answer::sse(chat_chunks(&ChatScript::new("hi"))));
    let client = client(&server);
    let read = recording
        .scope()
        .run(async {
            let stream = client.chat().create_stream(question("?")).await;
            stream
                .expect("the server answers")
                .filter(|i| std::future::ready(i.is_ok()))
                .count()
                .await
        })
        .await;
    assert!(read > 0);
    held.end();
    recording.recorder().flush(Duration::from_secs(10)).expect("the sink takes all");
    let losses = recording.recorder().losses();
    assert_eq!((losses.accepted, losses.recorded, losses.total()), (2, 1, 1));
}

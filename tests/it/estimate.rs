//! Tokens are counted where hosts send no counts, for those who ask for it.

use std::time::Duration;

use futures_util::StreamExt;
use llmobs::testing::Memory;
use llmobs::{Builder, Outcome, Record, TpotSource, UsageSource};
use llmobs_testserver::{Answer, ChatScript, Gate, Server, Usage, chat_chunks};

use crate::support::{client, question};

fn script() -> ChatScript {
    ChatScript::tokens(["The cap", "ital of", " France", " is Paris."])
}

/// Reads `read` items of the answer to a question of nine tokens, then leaves.
async fn record(builder: Builder, answer: Answer, read: usize) -> Record {
    let server = Server::start().await.expect("a port");
    server.answer(answer);
    let memory = Memory::default();
    let llmobs = builder.sink(memory.clone()).process_wide(false).start().expect("it starts");
    let scope = llmobs::scope().recorder(llmobs.recorder());
    let reader = async {
        let stream = client(&server).chat().create_stream(question("Hello there")).await;
        stream.expect("the server answers").take(read).count().await
    };
    scope.run(reader).await;
    server.client_left(0).await;
    llmobs.shutdown(Duration::from_secs(10)).expect("nothing is left");
    let mut records = memory.records();
    assert_eq!(records.len(), 1, "one call, one record");
    records.remove(0)
}

fn with(value: &'static str) -> Builder {
    Builder::from_lookup(&move |name| (name == "LLMOBS_ESTIMATE").then(|| value.to_owned()))
}

fn tokens(record: &Record) -> (Option<u64>, Option<u64>, Option<UsageSource>) {
    let source = record.usage.as_ref().and_then(|usage| usage.source);
    (record.input_tokens, record.output_tokens, source)
}

#[tokio::test]
async fn a_host_that_never_counts_is_counted_for() {
    for builder in [with("true"), with("false").estimate(true)] {
        let answer = Answer::sse(chat_chunks(&script()));
        let record = record(builder, answer, usize::MAX).await;
        assert_eq!(record.outcome, Some(Outcome::Completed));
        assert_eq!(tokens(&record), (Some(9), Some(7), Some(UsageSource::Estimated)));
        let source = record.latency.and_then(|latency| latency.tpot_source);
        assert_ne!(source, Some(TpotSource::Tokens), "an estimate times nothing");
        assert_eq!(record.content, None);
    }
}

#[tokio::test]
async fn what_came_of_a_stream_that_was_left_is_counted() {
    let gate = Gate::new();
    // The role, and two of the four pieces.
    let answer = Answer::sse(chat_chunks(&script())).wait_before(3, &gate);
    let record = record(with("true"), answer, 3).await;
    assert_eq!(record.outcome, Some(Outcome::Dropped));
    assert_eq!(tokens(&record), (Some(9), Some(3), Some(UsageSource::Estimated)));
}

#[tokio::test]
async fn what_the_host_counts_goes_before() {
    let mut usage = Usage::default();
    (usage.prompt, usage.completion) = (12, 3);
    let answer = Answer::sse(chat_chunks(&script().usage(usage)));
    let record = record(with("true"), answer, usize::MAX).await;
    assert_eq!(tokens(&record), (Some(12), Some(3), Some(UsageSource::Reported)));
}

#[tokio::test]
async fn nothing_is_counted_unless_asked_for() {
    for builder in [with("false"), Builder::from_lookup(&|_| None), with("true").estimate(false)] {
        let record = record(builder, Answer::sse(chat_chunks(&script())), usize::MAX).await;
        assert_eq!((tokens(&record), record.usage), ((None, None, None), None));
    }
}

#[tokio::test]
async fn a_call_that_nobody_took_used_nothing() {
    let answer = Answer::status(200).close_before_headers();
    let server = Server::start().await.expect("a port");
    server.answer(answer);
    let memory = Memory::default();
    let llmobs = with("true").sink(memory.clone()).process_wide(false).start().expect("it starts");
    let scope = llmobs::scope().recorder(llmobs.recorder());
    let call = async { client(&server).chat().create(question("Hello there")).await };
    assert!(scope.run(call).await.is_err());
    llmobs.shutdown(Duration::from_secs(10)).expect("nothing is left");
    let records = memory.records();
    assert_eq!(records.len(), 1, "one call, one record");
    assert_eq!(records[0].outcome, Some(Outcome::Failed));
    assert_eq!((tokens(&records[0]), &records[0].usage), ((None, None, None), &None));
}

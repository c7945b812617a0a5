//! Retries are async-openai's own, unchanged, and told as one call.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use llmobs::Outcome;
use llmobs_testserver::{Answer, ChatScript, Server, chat_completion};
use serde_json::json;

use crate::support::{client, config, question, recording};

/// Each case: what the server says in turn.
fn cases() -> Vec<(&'static str, Vec<Answer>)> {
    let limited = json!({"error": {"message": "slow down", "type": "rate_limit", "code": "r"}});
    let quota = json!({"error": {"message": "pay", "type": "insufficient_quota", "code": "q"}});
    let odd = json!({"error": {"message": "no", "type": "t", "code": 5}});
    let fine = chat_completion(&ChatScript::new("hello"));
    vec![
        ("success", vec![Answer::json(200, &fine)]),
        ("429 with text", vec![Answer::text(429, "slow down").repeat()]),
        ("429 with JSON", vec![Answer::json(429, &limited).repeat()]),
        (
            "429 with Retry-After, then success",
            vec![Answer::json(429, &limited).header("retry-after", "2"), Answer::json(200, &fine)],
        ),
        ("429 without quota", vec![Answer::json(429, &quota).repeat()]),
        ("503", vec![Answer::text(503, "busy").repeat()]),
        ("503, then success", vec![Answer::text(503, "busy"), Answer::json(200, &fine)]),
        ("400 with a number for a code", vec![Answer::json(400, &odd)]),
        ("401", vec![Answer::json(401, &limited)]),
        ("200 with garbage", vec![Answer::text(200, "garbage")]),
        (
            "closed before the headers",
            vec![Answer::json(200, &fine).close_before_headers().repeat()],
        ),
    ]
}

/// What the application sees: the outcome in words, hits on the server, time slept.
async fn seen(client: &Client<OpenAIConfig>, server: &Server) -> (String, usize, u128) {
    let began = tokio::time::Instant::now();
    let result = client.chat().create(question("?")).await;
    let words = match result {
        Ok(answer) => format!("{:?}", answer.choices),
        Err(err) => format!("{}: {err}", variant(&err)),
    };
    (words.replace(&server.url(), "<server>"), server.hits(), began.elapsed().as_millis())
}

fn variant(err: &async_openai::error::OpenAIError) -> String {
    let debug = format!("{err:?}");
    debug.split(['(', '{', ' ']).next().unwrap_or_default().to_owned()
}

async fn server(answers: &[Answer]) -> Server {
    let server = Server::start().await.expect("a port");
    answers.iter().for_each(|answer| server.answer(answer.clone()));
    server
}

/// A client that keeps no idle connection: its timer for them would move the paused clock.
fn http() -> reqwest::Client {
    reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client")
}

// Time is the runtime's own, so that delays are exact and nothing is waited for.
#[tokio::test(start_paused = true)]
async fn the_application_gets_what_it_would_get_without_us() {
    for (name, answers) in cases() {
        let (plain, observed) = (server(&answers).await, server(&answers).await);
        let without = Client::with_config(config(&plain)).with_http_client(http());
        let without = seen(&without, &plain).await;
        let with = Client::with_config(config(&observed))
            .with_http_service(llmobs::openai::service(http()));
        let recording = recording();
        let with = recording.scope().run(seen(&with, &observed)).await;
        assert_eq!(without, with, "{name}");

        let records = recording.records();
        assert_eq!(records.len(), 1, "{name}: one call, one record");
        assert_eq!(records[0].attempts, Some(with.1 as u32), "{name}");
        let completed = records[0].outcome == Some(Outcome::Completed);
        let ok = with.0.starts_with('[') || name == "200 with garbage";
        assert_eq!(completed, ok, "{name}: {:?}", records[0].outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_cannot_be_made_is_told_by_type() {
    let server = Server::start().await.expect("a port");
    let config = config(&server);
    drop(server);
    let without = Client::with_config(config.clone()).chat().create(question("?")).await;
    let recording = recording();
    let client = llmobs::openai::client(config);
    let with = recording.scope().run(async { client.chat().create(question("?")).await }).await;
    let words = |result: Result<_, async_openai::error::OpenAIError>| {
        result
            .map(|_: async_openai::types::chat::CreateChatCompletionResponse| ())
            .map_err(|err| err.to_string())
    };
    assert_eq!(words(without), words(with));
    let records = recording.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].outcome, Some(Outcome::Failed));
    assert_eq!(records[0].attempts, Some(4));
    assert_eq!(records[0].error.as_ref().map(|error| error.kind.as_ref()), Some("connect"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_tells_the_last_answer() {
    let limited = json!({"error": {"message": "slow down", "type": "rate_limit", "code": "r"}});
    let answer = Answer::json(429, &limited)
        .header("x-request-id", "req_last")
        .header("x-ratelimit-remaining-tokens", "17");
    let server = server(&[answer.repeat()]).await;
    let recording = recording();
    let client = client(&server);
    let failed = recording.scope().run(async { client.chat().create(question("?")).await }).await;
    assert!(failed.is_err());
    let record = &recording.records()[0];
    assert_eq!(record.http_status, Some(429));
    assert_eq!(record.provider_request_id.as_deref(), Some("req_last"));
    let limit = record.rate_limit.as_ref().expect("sent");
    assert_eq!(limit.remaining_tokens, Some(17));
    let error = record.error.as_ref().expect("it failed");
    assert_eq!((error.kind.as_ref(), error.code.as_deref()), ("rate_limit", Some("r")));
    assert_eq!(error.status, Some(429));
}

#[tokio::test(start_paused = true)]
async fn the_headers_of_every_attempt_are_told() {
    let limited = json!({"error": {"message": "slow down", "type": "rate_limit", "code": "r"}});
    let refused = Answer::json(429, &limited)
        .header("retry-after", "2")
        .header("x-request-id", "req_1")
        .header("x-ratelimit-remaining-requests", "0")
        .header("x-ratelimit-reset-requests", "2s");
    let busy = Answer::text(503, "slow down").header("x-request-id", "req_2");
    let fine = Answer::json(200, &chat_completion(&ChatScript::new("hello")))
        .header("x-request-id", "req_3")
        .header("x-ratelimit-remaining-requests", "59")
        .header("openai-processing-ms", "12");
    let server = server(&[refused, busy, fine]).await;
    let recording = recording();
    let client = client(&server);
    let answer = recording.scope().run(async { client.chat().create(question("?")).await });
    answer.await.expect("the third attempt is answered");

    let records = recording.observed();
    let record = records.only();
    assert_eq!((record.outcome, record.attempts), (Some(Outcome::Completed), Some(3)));
    assert_eq!(record.provider_request_id.as_deref(), Some("req_3"));
    let told = &record.attempt_details;
    let ids: Vec<_> = told.iter().map(|it| it.provider_request_id.as_deref()).collect();
    assert_eq!(ids, [Some("req_1"), Some("req_2"), Some("req_3")]);
    let status: Vec<_> = told.iter().map(|it| it.status).collect();
    assert_eq!(status, [Some(429), Some(503), Some(200)]);
    let errors: Vec<_> =
        told.iter().map(|it| it.error.as_ref().map(|error| error.kind.as_ref())).collect();
    assert_eq!(errors, [Some("rate_limit"), Some("503"), None]);
    let limits: Vec<_> = told.iter().map(|it| it.rate_limit.as_deref()).collect();
    let (refused, fine) = (limits[0].expect("sent"), limits[2].expect("sent"));
    assert_eq!((refused.remaining_requests, refused.retry_after_ms), (Some(0), Some(2_000.0)));
    assert_eq!(refused.reset_requests.as_deref(), Some("2s"));
    assert_eq!((fine.remaining_requests, fine.retry_after_ms), (Some(59), None));
    assert_eq!(limits[1], None);
    assert_eq!(told[2].server_timing.get("processing_ms"), Some(&12.0));

    let sent: Vec<_> = told.iter().map(|it| it.sent_ms.expect("each was sent")).collect();
    assert!(sent.is_sorted(), "{sent:?}");
    let latency = record.latency.as_ref().expect("times are known");
    let parts = [latency.limiter_ms, latency.retry_ms].map(|part| part.expect("all was seen"));
    assert_eq!((latency.limiter_ms, latency.queue_ms), (Some(sent[0]), Some(sent[2])));
    assert!((parts[0] + parts[1] - sent[2]).abs() < 0.01, "{parts:?} make up {}", sent[2]);
    records.assert_lacks("slow down");
}

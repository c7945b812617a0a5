//! Every way in which a call can end: one record each, and what it says.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use futures_util::StreamExt;
use llmobs::testing::Memory;
use llmobs::{Outcome, Record, ScopeExt};
use llmobs_testserver::{Answer, ChatScript, Gate, Server, chat_chunks, chat_completion};
use serde_json::json;

use crate::support::{config, question};

/// Longest time a call may take where it is limited.
const LIMIT: Duration = Duration::from_secs(3_600);

type Reading = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One way to end.
struct Case {
    name: &'static str,
    /// What the server says, in turn; none at all for a server that is gone.
    answers: Vec<Answer>,
    /// Opened once the reader has left or been answered, so that no script outlives its case.
    gate: Gate,
    read: fn(Client<OpenAIConfig>, Waits) -> Reading,
    timeout: bool,
    /// The recorder is shut down once the reader is there, before it reads on.
    shut_down: bool,
    outcome: Outcome,
    error: Option<&'static str>,
    attempts: u32,
    /// Output events that are kept in a stream.
    tokens: Option<u64>,
}

/// What a reader may wait for: the server has been hit, the recorder has been shut down.
struct Waits {
    hit: Pin<Box<dyn Future<Output = ()> + Send>>,
    read: tokio::sync::oneshot::Sender<()>,
    shut: tokio::sync::oneshot::Receiver<()>,
}

fn case(name: &'static str, outcome: Outcome) -> Case {
    Case {
        name,
        answers: Vec::new(),
        gate: Gate::new(),
        read: to_the_end,
        timeout: false,
        shut_down: false,
        outcome,
        error: None,
        attempts: 1,
        tokens: None,
    }
}

impl Case {
    fn answer(mut self, answer: impl FnOnce(&Gate) -> Answer) -> Self {
        self.answers.push(answer(&self.gate));
        self
    }

    fn says(self, answer: Answer) -> Self {
        self.answer(|_| answer)
    }

    fn read(mut self, read: fn(Client<OpenAIConfig>, Waits) -> Reading) -> Self {
        self.read = read;
        self
    }

    fn timeout(mut self) -> Self {
        self.timeout = true;
        self
    }

    fn shut_down(mut self) -> Self {
        self.shut_down = true;
        self
    }

    fn error(mut self, error: &'static str) -> Self {
        self.error = Some(error);
        self
    }

    fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    fn tokens(mut self, tokens: u64) -> Self {
        self.tokens = Some(tokens);
        self
    }
}

fn to_the_end(client: Client<OpenAIConfig>, _: Waits) -> Reading {
    Box::pin(async move {
        if let Ok(stream) = client.chat().create_stream(question("?")).await {
            stream.count().await;
        }
    })
}

fn not_streamed(client: Client<OpenAIConfig>, _: Waits) -> Reading {
    Box::pin(async move {
        let _ = client.chat().create(question("?")).await;
    })
}

/// Lets the time for the call run out.
async fn time_passes() {
    tokio::time::pause();
    tokio::time::advance(LIMIT).await;
    tokio::time::resume();
}

fn waits_too_long_for_headers(client: Client<OpenAIConfig>, waits: Waits) -> Reading {
    Box::pin(async move {
        let chat = client.chat();
        let passes = async {
            waits.hit.await;
            time_passes().await;
        };
        let (stream, ()) = tokio::join!(chat.create_stream(question("?")), passes);
        assert!(stream.is_err());
    })
}

fn waits_too_long_for_the_end(client: Client<OpenAIConfig>, _: Waits) -> Reading {
    Box::pin(async move {
        let stream = client.chat().create_stream(question("?")).await;
        let mut stream = stream.expect("the server answers");
        for _ in 0..3 {
            stream.next().await.expect("an event").expect("a valid one");
        }
        time_passes().await;
        assert!(stream.next().await.expect("an error").is_err());
    })
}

fn not_streamed_waits_too_long(client: Client<OpenAIConfig>, waits: Waits) -> Reading {
    Box::pin(async move {
        let chat = client.chat();
        let passes = async {
            waits.hit.await;
            time_passes().await;
        };
        let (answer, ()) = tokio::join!(chat.create(question("?")), passes);
        assert!(answer.is_err());
    })
}

fn leaves_before_the_headers(client: Client<OpenAIConfig>, waits: Waits) -> Reading {
    Box::pin(async move {
        let chat = client.chat();
        tokio::select! {
            _ = chat.create_stream(question("?")) => panic!("the server does not answer"),
            () = waits.hit => {}
        }
    })
}

fn not_streamed_leaves(client: Client<OpenAIConfig>, waits: Waits) -> Reading {
    Box::pin(async move {
        let chat = client.chat();
        tokio::select! {
            _ = chat.create(question("?")) => panic!("the server does not answer"),
            () = waits.hit => {}
        }
    })
}

fn leaves_after<const N: usize>(client: Client<OpenAIConfig>, _: Waits) -> Reading {
    Box::pin(async move {
        let stream = client.chat().create_stream(question("?")).await;
        let mut stream = stream.expect("the server answers");
        for _ in 0..N {
            stream.next().await.expect("an event").expect("a valid one");
        }
    })
}

#[expect(clippy::panic, reason = "a reader that panics is what is looked at")]
fn panics_after_two(client: Client<OpenAIConfig>, _: Waits) -> Reading {
    Box::pin(async move {
        let reads = async move {
            let stream = client.chat().create_stream(question("?")).await;
            let mut stream = stream.expect("the server answers");
            stream.next().await;
            stream.next().await;
            panic!("the reader's own");
        };
        let reader = tokio::spawn(reads.in_current_scope());
        assert!(reader.await.expect_err("it panics").is_panic());
    })
}

fn reads_on_after_the_shutdown(client: Client<OpenAIConfig>, waits: Waits) -> Reading {
    Box::pin(async move {
        let stream = client.chat().create_stream(question("?")).await;
        let mut stream = stream.expect("the server answers");
        stream.next().await;
        waits.read.send(()).expect("the test waits");
        waits.shut.await.expect("the test tells");
    })
}

fn waits_over_the_shutdown(client: Client<OpenAIConfig>, waits: Waits) -> Reading {
    Box::pin(async move {
        let chat = client.chat();
        let call = chat.create(question("?"));
        let over = async {
            waits.hit.await;
            waits.read.send(()).expect("the test waits");
            waits.shut.await.expect("the test tells");
        };
        tokio::select! {
            _ = call => panic!("the server does not answer"),
            () = over => {}
        }
    })
}

fn events() -> Vec<String> {
    chat_chunks(&ChatScript::tokens(["one", " two", " three"]))
}

/// The first `n` events, then whatever is added.
fn begun(n: usize) -> Answer {
    events().iter().take(n).fold(Answer::stream("text/event-stream"), |answer, event| {
        answer.write(format!("data: {event}\n\n"))
    })
}

fn whole() -> serde_json::Value {
    chat_completion(&ChatScript::new("hello"))
}

fn limited() -> Answer {
    Answer::json(429, &json!({"error": {"message": "slow", "type": "rate_limit", "code": "r"}}))
}

fn cases() -> Vec<Case> {
    use Outcome::*;
    let bad = json!({"error": {"message": "no", "type": "invalid_request_error", "code": null}});
    let unfinished = ChatScript::tokens(["one", " two"]).unfinished().no_done();
    let inside = json!({"error": {"message": "m", "type": "server_error", "code": "e1"}});
    let mut malformed = events();
    malformed.insert(2, "{not json".into());
    let half = whole().to_string();
    let half = half[..half.len() / 2].to_owned();
    let length = whole().to_string().len() as u64;
    vec![
        case("a finish", Completed).says(Answer::sse(events())).tokens(3),
        case("a finish, not streamed", Completed)
            .says(Answer::json(200, &whole()))
            .read(not_streamed),
        case("an HTTP error", Failed).says(Answer::json(400, &bad)).error("invalid_request_error"),
        case("an HTTP error, not streamed", Failed)
            .says(Answer::text(404, "what?"))
            .read(not_streamed)
            .error("404"),
        case("no connection", Failed).attempts(4).error("connect"),
        case("no connection, not streamed", Failed).read(not_streamed).attempts(4).error("connect"),
        case("no headers in time", Failed)
            .answer(|gate| Answer::sse(events()).hang(gate))
            .read(waits_too_long_for_headers)
            .timeout()
            .error("timeout"),
        case("no end in time", Failed)
            .answer(|gate| begun(3).wait(gate))
            .read(waits_too_long_for_the_end)
            .timeout()
            .error("timeout")
            .tokens(2),
        case("no end in time, not streamed", Failed)
            .answer(|gate| {
                Answer::bytes(200, "application/json", half.clone()).chunked().wait(gate)
            })
            .read(not_streamed_waits_too_long)
            .timeout()
            .error("timeout"),
        case("an error inside the stream", Failed)
            .says(begun(2).write(format!("data: {inside}\n\n")))
            .error("server_error")
            .tokens(1),
        case("an error under 200, not streamed", Failed)
            .says(Answer::json(200, &inside))
            .read(not_streamed)
            .error("server_error"),
        case("a malformed event, then a finish", Completed).says(Answer::sse(malformed)).tokens(3),
        case("garbage, not streamed", Completed)
            .says(Answer::text(200, "garbage"))
            .read(not_streamed),
        case("a cut connection", Failed).says(begun(3).cut()).error("transport").tokens(2),
        case("a cut connection, not streamed", Failed)
            .says(Answer::bytes(200, "application/json", half).declared_length(length).close())
            .read(not_streamed)
            .error("transport"),
        case("a connection closed before the headers", Failed)
            .says(Answer::status(200).close_before_headers().repeat())
            .error("transport"),
        case("no end marker", Interrupted).says(Answer::sse(chat_chunks(&unfinished))).tokens(2),
        case("nothing at all", Interrupted).says(Answer::stream("text/event-stream")).tokens(0),
        case("nothing at all, not streamed", Completed)
            .says(Answer::status(200))
            .read(not_streamed),
        case("a reader that leaves before the headers", Dropped)
            .answer(|gate| Answer::sse(events()).hang(gate))
            .read(leaves_before_the_headers),
        case("a reader that leaves before the headers, not streamed", Dropped)
            .answer(|gate| Answer::json(200, &whole()).hang(gate))
            .read(not_streamed_leaves),
        case("a reader that leaves in the middle of a body, not streamed", Dropped)
            .answer(|gate| Answer::stream("application/json").write("{").wait(gate))
            .read(not_streamed_leaves),
        case("a reader that leaves before the first event", Dropped)
            .answer(|gate| Answer::stream("text/event-stream").wait(gate))
            .read(leaves_after::<0>)
            .tokens(0),
        case("a reader that leaves in the middle", Dropped)
            .answer(|gate| begun(3).wait(gate))
            .read(leaves_after::<3>)
            .tokens(2),
        case("a reader that panics", Dropped)
            .answer(|gate| begun(2).wait(gate))
            .read(panics_after_two)
            .tokens(1),
        case("a reader that leaves after the finish", Completed)
            .answer(|gate| begun(5).wait(gate))
            .read(leaves_after::<5>)
            .tokens(3),
        case("retries that were of no use", Failed)
            .says(limited().repeat())
            .attempts(4)
            .error("rate_limit"),
        case("retries that were of no use, not streamed", Failed)
            .says(Answer::text(503, "busy").repeat())
            .read(not_streamed)
            .attempts(4)
            .error("503"),
        case("a retry, then a finish", Completed)
            .says(limited())
            .says(Answer::sse(events()))
            .attempts(2)
            .tokens(3),
        case("a retry, then a finish, not streamed", Completed)
            .says(Answer::text(500, "oops"))
            .says(Answer::json(200, &whole()))
            .read(not_streamed)
            .attempts(2),
        case("a retry, then no finish", Interrupted)
            .says(Answer::text(502, "<html>"))
            .says(begun(3))
            .attempts(2)
            .tokens(2),
        case("a retry, then an HTTP error", Failed)
            .says(limited())
            .says(Answer::json(400, &bad))
            .read(not_streamed)
            .attempts(2)
            .error("invalid_request_error"),
        case("a shutdown", Unfinished)
            .answer(|gate| begun(2).wait(gate))
            .read(reads_on_after_the_shutdown)
            .shut_down(),
        case("a shutdown, not streamed", Unfinished)
            .answer(|gate| Answer::json(200, &whole()).hang(gate))
            .read(waits_over_the_shutdown)
            .shut_down(),
    ]
}

/// Plays one case; gives what was recorded.
async fn played(case: &mut Case) -> Vec<Record> {
    let server = Server::start().await.expect("a port");
    let gone = case.answers.is_empty();
    case.answers.drain(..).for_each(|answer| server.answer(answer));
    // An idle connection's timer would move the paused clock.
    let mut http = reqwest::Client::builder().pool_max_idle_per_host(0);
    if case.timeout {
        http = http.timeout(LIMIT);
    }
    // Only pauses between attempts are to be skipped, not the wait for a socket.
    if case.attempts > 1 {
        tokio::time::pause();
    }
    let service = llmobs::openai::service(http.build().expect("a client"));
    let client = Client::with_config(config(&server)).with_http_service(service);
    let memory = Memory::default();
    let llmobs = llmobs::Builder::from_lookup(&|_| None)
        .sink(memory.clone())
        .process_wide(false)
        .start()
        .expect("it starts");
    let ((read, reading), (shut, over)) =
        (tokio::sync::oneshot::channel(), tokio::sync::oneshot::channel());
    let waits = Waits { hit: Box::pin(server.hits_reach(1)), read, shut: over };
    let server = (!gone).then_some(server);
    let scope = llmobs::scope().recorder(llmobs.recorder());
    let reader = tokio::spawn(scope.run((case.read)(client, waits)));
    if case.shut_down {
        reading.await.expect("the reader comes so far");
        llmobs.shutdown(Duration::from_secs(10)).expect("nothing is left");
        shut.send(()).expect("the reader waits");
    }
    reader.await.expect("the reader does as it should");
    if let Some(server) = &server {
        // async-openai reads on a task of its own: the call has ended when the server says so.
        server.client_left(server.hits() - 1).await;
    }
    if case.attempts > 1 {
        tokio::time::resume();
    }
    case.gate.open();
    llmobs.shutdown(Duration::from_secs(10)).expect("nothing is left");
    let losses = llmobs.losses();
    assert_eq!((losses.accepted, losses.open), (1, 0), "{}: {losses:?}", case.name);
    memory.records()
}

#[tokio::test]
async fn each_way_to_end_is_told_once_and_for_what_it_is() {
    for mut case in cases() {
        let records = played(&mut case).await;
        let Case { name, outcome, error, attempts, tokens, .. } = case;
        assert_eq!(records.len(), 1, "{name}: one call, one record");
        let record = &records[0];
        let kind = record.error.as_ref().map(|error| error.kind.as_ref());
        assert_eq!((record.outcome, kind), (Some(outcome), error), "{name}: {record:#?}");
        assert_eq!(record.attempts, Some(attempts), "{name}");
        let output_events = record.wire.as_ref().and_then(|wire| wire.output_events);
        assert_eq!(output_events, tokens, "{name}: {:?}", record.wire);
        assert_eq!(record.ttft_ms.is_some(), tokens.is_some_and(|n| n > 0), "{name}");
        assert!(record.total_latency_ms.is_some(), "{name}");
    }
}

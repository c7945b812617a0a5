//! A service that is told to stop: no new requests, a little time for open answers, and an account of
//! what was lost.
//!
//! ```console
//! $ cargo run --example sigterm
//! $ cargo run --example sigterm -- --serve
//! ```
//!
//! The first asks itself for a short and an endless answer, and sends itself SIGTERM in the middle of
//! both; the second waits for Ctrl-C, or for SIGTERM from elsewhere. A pretend model inside the example
//! answers.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::convert::Infallible;
use std::error::Error;
use std::future::ready;
use std::io;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs,
};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::StreamExt;
use llmobs_testserver::{Answer, ChatScript, Received, Server, Step, chat_chunks};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// What answers get that are under way. With what the shutdown gets it should be less than the time
/// after which whoever stops the service kills it: Kubernetes waits 30 s.
const GRACE: Duration = Duration::from_secs(2);
const SHUTDOWN: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // From here on the signal ends nothing by itself.
    let stop = Stop::listen()?;
    let llmobs = llmobs::init()?;
    let model = Server::start().await?;
    model.handler(pretend);
    let config = OpenAIConfig::new().with_api_base(model.base_url()).with_api_key("none");
    let app = Router::new().route("/ask", post(ask)).with_state(llmobs::openai::client(config));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/ask", listener.local_addr()?);
    let (finish, finishing) = oneshot::channel::<()>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async {
        let _ = finishing.await;
    });
    let mut server = tokio::spawn(server.into_future());
    if std::env::args().any(|argument| argument == "--serve") {
        println!("Try: curl -N {url} -d 'A short answer, please.'\nCtrl-C stops the service.");
    } else {
        tokio::spawn(ask_and_terminate(url));
    }

    let signal = stop.told().await?;
    // 1. Nothing new comes in.
    println!("{signal}: open answers have {GRACE:?}");
    let _ = finish.send(());
    // 2. What is under way may end, but not for ever.
    match tokio::time::timeout(GRACE, &mut server).await {
        Ok(served) => served??,
        Err(_) => println!("that is over; calls still open: {}", llmobs.losses().open),
    }
    // 3. llmobs delivers what it has. Answers that still run are recorded as unfinished.
    match llmobs.shutdown_async(SHUTDOWN).await {
        Ok(()) => println!("every record was delivered"),
        Err(err) => println!("{err}"),
    }
    // 4. What was lost is a number.
    let losses = llmobs.losses();
    println!("{} recorded, {} lost", losses.recorded, losses.total());
    for (cause, count) in losses.by_cause() {
        println!("  {cause}: {count}");
    }
    // An OpenTelemetry provider of your own would be shut down here, after llmobs. The runtime goes last,
    // and takes along what still runs on it.
    Ok(())
}

/// The signals that ask a service to stop.
struct Stop {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    /// Waits for the first of them.
    async fn told(self) -> io::Result<&'static str> {
        let interrupt = tokio::signal::ctrl_c();
        #[cfg(unix)]
        {
            let mut terminate = self.terminate;
            tokio::select! {
                _ = terminate.recv() => Ok("SIGTERM"),
                interrupted = interrupt => interrupted.map(|()| "Ctrl-C"),
            }
        }
        #[cfg(not(unix))]
        interrupt.await.map(|()| "Ctrl-C")
    }
}

/// Streams the answer on as it comes.
async fn ask(State(client): State<Client<OpenAIConfig>>, question: String) -> Response {
    let message = ChatCompletionRequestUserMessage::from(question.as_str());
    let mut request = CreateChatCompletionRequestArgs::default();
    let Ok(request) = request.model("gpt-4o-mini").messages([message.into()]).build() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let Ok(chunks) = client.chat().create_stream(request).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let events = chunks.filter_map(|chunk| {
        let choice = chunk.ok().and_then(|chunk| chunk.choices.into_iter().next());
        let text = choice.and_then(|choice| choice.delta.content);
        ready(text.map(|text| Ok::<_, Infallible>(Event::default().data(text))))
    });
    Sse::new(events).into_response()
}

/// Two clients; once both have got something of their answers, the service is told to stop.
async fn ask_and_terminate(url: String) -> Result<(), reqwest::Error> {
    let mut answers = Vec::new();
    for question in ["A short answer, please.", "And now an endless one."] {
        println!("> {question}");
        let request = reqwest::Client::new().post(&url).body(question);
        let mut pieces = request.send().await?.error_for_status()?.bytes_stream();
        let _first = pieces.next().await;
        answers.push(tokio::spawn(async move { while pieces.next().await.is_some() {} }));
    }
    let me = std::process::id().to_string();
    let _ = std::process::Command::new("kill").args(["-TERM", &me]).status();
    for answer in answers {
        let _ = answer.await;
    }
    Ok(())
}

/// Answers in a second, or never stops.
fn pretend(request: &Received) -> Answer {
    let pace = Duration::from_millis(50);
    let asked = |word: &[u8]| request.body.windows(word.len()).any(|part| part == word);
    if asked(b"endless") {
        let mut chunks = chat_chunks(&ChatScript::tokens(["on", " and"])).into_iter();
        let [begin, word] = [chunks.next(), chunks.next()].map(Option::unwrap_or_default);
        let words = [Step::Pause(pace), Step::Write(format!("data: {word}\n\n").into())];
        return Answer::stream("text/event-stream")
            .write(format!("data: {begin}\n\n"))
            .endless(words);
    }
    let script = ChatScript::tokens(["Here"; 10]);
    Answer::sse(chat_chunks(&script)).pause_between(pace)
}

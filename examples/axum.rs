//! An axum service that has OpenTelemetry already; llmobs' spans join its traces.
//!
//! ```console
//! $ cargo run --example axum
//! $ cargo run --example axum -- --serve
//! ```
//!
//! The first asks itself twice, hanging up on the second answer, and prints the traces; the second
//! serves until Enter is pressed. A pretend model inside the example answers.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

#[path = "support/spans.rs"]
mod spans;

use std::convert::Infallible;
use std::error::Error;
use std::future::ready;
use std::io::Write;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{
    ChatCompletionRequestSystemMessage, ChatCompletionRequestUserMessage,
    ChatCompletionStreamOptions, CreateChatCompletionRequestArgs,
};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::{Stream, StreamExt};
use llmobs::trace_llm;
use llmobs_testserver::Model;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracing::{Instrument, Span, info_span};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::spans::Spans;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // What the service had before: a provider, `tracing` spans that go to it, the global one set.
    // An exporter for OTLP would stand where this one keeps spans for printing.
    let spans = Spans::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    opentelemetry::global::set_tracer_provider(provider.clone());
    tracing_subscriber::registry()
        .with(tracing_subscriber::EnvFilter::new("info"))
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("shop")))
        .init();

    // What llmobs adds. It finds the global provider at the first call and starts its spans there.
    let llmobs = llmobs::init()?;
    let model = Model::new().start().await?;
    let config = OpenAIConfig::new().with_api_base(model.base_url()).with_api_key("none");
    let client = llmobs::openai::client(config);

    let app = Router::new()
        .route("/ask", post(ask))
        .layer(middleware::from_fn(request_span))
        .with_state(client);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/ask", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    let server = tokio::spawn(server.into_future());

    if std::env::args().any(|argument| argument == "--serve") {
        println!(
            "Try: curl -N {url} -d 'Until when can I return boots?'\nEnter stops the service."
        );
        tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    } else {
        read(&url, usize::MAX).await?;
        read(&url, 3).await?;
    }
    let _ = stop.send(());
    server.await??;

    // llmobs first, then the provider its spans end in. The call that nobody waits for ends when
    // async-openai next looks for its reader.
    while llmobs.losses().open > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::task::block_in_place(|| llmobs.shutdown(Duration::from_secs(5)))?;
    provider.shutdown()?;
    print!("{spans}");
    Ok(())
}

/// A span a request, as services have it; it is open until the last of its answer is sent.
async fn request_span(request: Request, next: Next) -> Response {
    let name = format!("{} {}", request.method(), request.uri().path());
    let span = info_span!("request", otel.name = name, otel.kind = "server");
    next.run(request).instrument(span).await
}

/// Streams the answer on as it comes.
///
/// Nothing in here speaks of hanging up: when the client leaves, axum drops this stream, and with
/// it goes the call to the model.
async fn ask(State(client): State<Client<OpenAIConfig>>, question: String) -> Response {
    let span = Span::current();
    match answer(&client, &question).await {
        Ok(tokens) => {
            // tracing-opentelemetry ends a span where it was last left: here, at the last token.
            let event = move |token| span.in_scope(|| Event::default().data(token));
            let events = tokens.map(move |token| Ok::<_, Infallible>(event(token)));
            Sse::new(events).into_response()
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

async fn answer(
    client: &Client<OpenAIConfig>,
    question: &str,
) -> Result<impl Stream<Item = String> + use<>, Box<dyn Error>> {
    let documents = retrieve().await;
    let request = CreateChatCompletionRequestArgs::default()
        .model("gpt-4o-mini")
        .messages([
            ChatCompletionRequestSystemMessage::from(documents).into(),
            ChatCompletionRequestUserMessage::from(question).into(),
        ])
        .stream_options(ChatCompletionStreamOptions {
            include_usage: Some(true),
            include_obfuscation: None,
        })
        .build()?;
    let chunks = client.chat().create_stream(request).await?;
    Ok(chunks.filter_map(|chunk| {
        let choice = chunk.ok().and_then(|chunk| chunk.choices.into_iter().next());
        ready(choice.and_then(|choice| choice.delta.content).filter(|text| !text.is_empty()))
    }))
}

/// Steps nest below the service's spans, and the service's spans below steps.
#[trace_llm(kind = "retriever")]
async fn retrieve() -> &'static str {
    let query = tokio::time::sleep(Duration::from_millis(20));
    let span = info_span!("SELECT documents", otel.kind = "client", db.system.name = "postgresql");
    query.instrument(span).await;
    "Boots can be returned within 30 days, unworn and in their box. Refunds take a week."
}

/// A client of the service: reads so many tokens of the answer, then hangs up.
async fn read(url: &str, tokens: usize) -> Result<(), Box<dyn Error>> {
    let question = "Until when can I return boots?";
    println!("> {question}");
    let response = reqwest::Client::new().post(url).body(question).send().await?;
    let mut pieces = response.error_for_status()?.bytes_stream().take(tokens);
    while let Some(piece) = pieces.next().await {
        for line in std::str::from_utf8(&piece?)?.lines() {
            print!("{}", line.strip_prefix("data: ").unwrap_or_default());
        }
        std::io::stdout().flush()?;
    }
    println!("{}", if tokens == usize::MAX { "" } else { " … and hangs up" });
    Ok(())
}

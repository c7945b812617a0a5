//! A shop's service: axum, `tracing`, an agent with tools, a database, a streamed answer.
//!
//! Where its spans go is said as to any service: by `OTEL_*`. The argument says which OpenTelemetry
//! it has; see `Mode`.

use std::convert::Infallible;
use std::error::Error;
use std::future::ready;
use std::io::Write;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionMessageToolCalls, ChatCompletionRequestAssistantMessageArgs,
    ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage,
    ChatCompletionRequestToolMessage, ChatCompletionRequestUserMessage, ChatCompletionTool,
    ChatCompletionTools, CreateChatCompletionRequestArgs, FunctionObjectArgs,
};
use async_openai::types::embeddings::CreateEmbeddingRequestArgs;
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
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::json;
use tokio::net::TcpListener;
use tracing::{Instrument, Span, info_span};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Longer than any test needs it.
const LIFETIME: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Whoever waits for a service that hangs, or forgets it, is not to wait forever.
    std::thread::spawn(|| {
        std::thread::sleep(LIFETIME);
        std::process::exit(1);
    });
    let provider = set_up(&std::env::args().nth(1).unwrap_or_default())?;
    let llmobs = llmobs::init()?;

    let model = Model::new().instant().start().await?;
    let config = OpenAIConfig::new().with_api_base(model.base_url()).with_api_key("none");
    let app = Router::new()
        .route("/ask", post(ask))
        .layer(middleware::from_fn(request_span))
        .with_state(llmobs::openai::client(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(&format!("http://{}", listener.local_addr()?))?;
    let stopped = async {
        let _ =
            tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await;
    };
    axum::serve(listener, app).with_graceful_shutdown(stopped).await?;

    // llmobs first, then the provider that its spans may end in.
    tokio::task::block_in_place(|| llmobs.shutdown(Duration::from_secs(20)))?;
    if let Some(provider) = provider {
        tokio::task::block_in_place(|| provider.shutdown())?;
    }
    say(&format!("{:?}", llmobs.losses()))?;
    Ok(())
}

/// What the service had before llmobs.
fn set_up(mode: &str) -> Result<Option<SdkTracerProvider>, Box<dyn Error>> {
    let subscriber = tracing_subscriber::registry().with(EnvFilter::new("info"));
    if mode == "own" {
        subscriber.with(llmobs::layer()).init();
        return Ok(None);
    }
    let exporter = SpanExporter::builder().with_http().build()?;
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    if mode == "attached" {
        opentelemetry::global::set_tracer_provider(provider.clone());
    }
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
    subscriber.with(layer).init();
    Ok(Some(provider))
}

fn say(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

/// A span a request, open until the last of its answer is sent.
async fn request_span(request: Request, next: Next) -> Response {
    let name = format!("{} {}", request.method(), request.uri().path());
    let span = info_span!("request", otel.name = name, otel.kind = "server");
    next.run(request).instrument(span).await
}

async fn ask(State(client): State<Client<OpenAIConfig>>, question: String) -> Response {
    let span = Span::current();
    match support(client, question).await {
        Ok(tokens) => {
            let event = move |token| span.in_scope(|| Event::default().data(token));
            let events = tokens.map(move |token| Ok::<_, Infallible>(event(token)));
            Sse::new(events).into_response()
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// Looks up what the model wants to know, then streams its answer.
#[trace_llm(kind = "agent", agent_name = "support")]
async fn support(
    client: Client<OpenAIConfig>,
    question: String,
) -> Result<impl Stream<Item = String> + Send, OpenAIError> {
    let documents = retrieve(&client, &question).await?;
    let mut messages: Vec<ChatCompletionRequestMessage> = vec![
        ChatCompletionRequestSystemMessage::from(documents).into(),
        ChatCompletionRequestUserMessage::from(&*question).into(),
    ];
    let request = CreateChatCompletionRequestArgs::default()
        .model("gpt-4o-mini")
        .messages(messages.clone())
        .tools(vec![order_status_tool()?])
        .build()?;
    let answer = client.chat().create(request).await?;
    let asked = answer.choices.into_iter().next().and_then(|choice| choice.message.tool_calls);
    let asked = asked.unwrap_or_default();
    let said =
        ChatCompletionRequestAssistantMessageArgs::default().tool_calls(asked.clone()).build()?;
    messages.push(said.into());
    for call in asked {
        let ChatCompletionMessageToolCalls::Function(call) = call else { continue };
        let content = order_status(&call.id).await.into();
        let tool_call_id = call.id;
        messages.push(ChatCompletionRequestToolMessage { content, tool_call_id }.into());
    }
    let request = CreateChatCompletionRequestArgs::default()
        .model("gpt-4o-mini")
        .messages(messages)
        .build()?;
    let chunks = client.chat().create_stream(request).await?;
    Ok(chunks.filter_map(|chunk| {
        let choice = chunk.ok().and_then(|chunk| chunk.choices.into_iter().next());
        ready(choice.and_then(|choice| choice.delta.content).filter(|text| !text.is_empty()))
    }))
}

/// A database that searches by meaning: what it is asked with comes from a model.
#[trace_llm(kind = "retriever")]
async fn retrieve(
    client: &Client<OpenAIConfig>,
    question: &str,
) -> Result<&'static str, OpenAIError> {
    let search = async {
        let request = CreateEmbeddingRequestArgs::default()
            .model("text-embedding-3-small")
            .input(question)
            .build()?;
        let _embedded = client.embeddings().create(request).await?;
        query("SELECT documents").await;
        Ok("Boots can be returned within 30 days, unworn and in their box.")
    };
    search.instrument(info_span!("search")).await
}

#[trace_llm(kind = "tool", tool_call_id = id)]
async fn order_status(id: &str) -> String {
    query("SELECT orders").await;
    json!({ "order": "A-1042", "status": "shipped" }).to_string()
}

/// A query as instrumented database clients show it.
async fn query(statement: &'static str) {
    let span = info_span!(
        "query",
        otel.name = statement,
        otel.kind = "client",
        db.system.name = "postgresql"
    );
    tokio::task::yield_now().instrument(span).await;
}

fn order_status_tool() -> Result<ChatCompletionTools, OpenAIError> {
    let parameters =
        json!({ "type": "object", "properties": { "order_id": { "type": "string" } } });
    let function =
        FunctionObjectArgs::default().name("order_status").parameters(parameters).build()?;
    Ok(ChatCompletionTools::Function(ChatCompletionTool { function }))
}

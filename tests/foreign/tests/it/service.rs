//! Services as they are built with OpenTelemetry: one request, one trace.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs,
};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::post;
use axum_tracing_opentelemetry::middleware::{OtelAxumLayer, OtelInResponseLayer};
use llmobs::trace_llm;
use llmobs_testserver::{Answer, ChatScript, chat_completion};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{FutureExt, SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tower::ServiceExt;
use tracing::{Instrument, info_span};

use crate::world::{Backend, Setup, Told, World, run_in};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn client(world: &World) -> Client<OpenAIConfig> {
    world.model.answer(Answer::json(200, &chat_completion(&ChatScript::new("Fine."))));
    let config = OpenAIConfig::new().with_api_base(world.model.base_url()).with_api_key("sk-test");
    llmobs::openai::client(config)
}

async fn ask(State(client): State<Client<OpenAIConfig>>) -> String {
    answer(&client).await
}

#[trace_llm(kind = "agent", name = "clerk")]
async fn answer(client: &Client<OpenAIConfig>) -> String {
    look_up().await;
    let request = CreateChatCompletionRequestArgs::default()
        .model("gpt-4o-mini")
        .messages([ChatCompletionRequestUserMessage::from("hello").into()])
        .build()
        .expect("the request is complete");
    let answer = client.chat().create(request).await.expect("it is answered");
    answer.choices[0].message.content.clone().unwrap_or_default()
}

#[trace_llm(kind = "tool", name = "look_up")]
async fn look_up() {
    let query = info_span!("SELECT orders", otel.kind = "client", db.system.name = "postgresql");
    tokio::task::yield_now().instrument(query).await;
}

/// Asks the service as another service does.
async fn request(app: Router) {
    let request = Request::post("/ask").header("traceparent", CALLER).body(Body::empty());
    let response = app.oneshot(request.expect("a request")).await.expect("an answer");
    let body = axum::body::to_bytes(response.into_body(), 1_000).await.expect("it is whole");
    assert_eq!(body, "Fine.");
}

/// The tree that must come out, whoever collects it: of both backends together.
#[track_caller]
fn assert_request(told: &Told, request: &str, query_below: &str) {
    let mut all = told.service.0.clone();
    all.extend(told.own.0.iter().cloned());
    let all = Backend(all);
    let query = format!("SELECT orders < {query_below}");
    let below = format!("invoke_agent clerk < {request}");
    all.assert_tree(&[
        &format!("{request} < (missing)"),
        &below,
        "execute_tool look_up < invoke_agent clerk",
        &query,
        "chat gpt-4o-mini < invoke_agent clerk",
    ]);
    let of_caller = all.0.iter().find(|span| span.name == request).expect("it is there");
    assert_eq!(
        (of_caller.trace.as_str(), of_caller.parent.as_str()),
        (&CALLER[3..35], &CALLER[36..52])
    );
    let record = told.records.interactions();
    let agent = told.records.named("clerk");
    assert_eq!(record.only().parent_span_id, agent.span_id);
    assert_eq!(agent.parent_span_id.map(|id| id.to_string()).as_ref(), Some(&of_caller.id));
    assert_eq!(told.records.len(), 3, "{told}");
}

#[tokio::test]
async fn a_request_through_the_usual_middleware_is_one_trace_nested_right() {
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    for setup in Setup::bridged() {
        let told = run_in(setup, async |world| {
            let app = Router::new()
                .route("/ask", post(ask))
                .layer(OtelInResponseLayer)
                .layer(OtelAxumLayer::default())
                .with_state(client(world));
            request(app).await;
        })
        .await;
        // Without activation tracing-opentelemetry asks `tracing` for the parent, and nobody else.
        let query_below = if setup.activates() { "execute_tool look_up" } else { "POST /ask" };
        assert_request(&told, "POST /ask", query_below);
    }
}

/// Headers of a request, for propagators.
struct Headers<'a>(&'a axum::http::HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}

/// A span a request, by OpenTelemetry's interface alone.
async fn server_span(provider: SdkTracerProvider, request: Request, next: Next) -> Response {
    let above = TraceContextPropagator::new().extract(&Headers(request.headers()));
    let tracer = provider.tracer("service");
    let span = tracer
        .span_builder("POST /ask")
        .with_kind(SpanKind::Server)
        .start_with_context(&tracer, &above);
    next.run(request).with_context(Context::current_with_span(span)).await
}

#[tokio::test]
async fn a_request_with_a_span_of_the_opentelemetry_interface_is_one_trace_nested_right() {
    for setup in Setup::bridged().filter(|setup| setup.activates()) {
        let told = run_in(setup, async |world| {
            let provider = world.provider.clone();
            let span = from_fn(move |request, next| server_span(provider.clone(), request, next));
            let app = Router::new().route("/ask", post(ask)).layer(span).with_state(client(world));
            request(app).await;
        })
        .await;
        assert_request(&told, "POST /ask", "execute_tool look_up");
    }
}

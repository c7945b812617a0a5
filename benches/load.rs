//! One client, one kind of observation, one call after another.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::middleware::retry::OpenAIRetryLayer;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
};
use futures_util::StreamExt;
use llmobs::Llmobs;
use llmobs::openai::{AttemptLayer, CallLayer};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tower::Layer;

use crate::transport::Canned;

/// How calls are observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Not at all: async-openai and its retry layer.
    Bare,
    /// Our layers, with a recorder that is turned off.
    Off,
    /// Records into a JSON-lines writer.
    JsonLines,
    /// The same, with usage asked for in the application's place.
    Asking,
    /// Records into a JSON-lines writer, and spans of an OpenTelemetry provider.
    OpenTelemetry,
}

/// A client under load.
pub struct Load {
    runtime: tokio::runtime::Runtime,
    client: Client<OpenAIConfig>,
    request: CreateChatCompletionRequest,
    pub llmobs: Option<Llmobs>,
    _provider: Option<SdkTracerProvider>,
}

impl Load {
    /// A client whose calls are streams of `events` tokens, one to a read.
    pub fn new(mode: Mode, events: usize) -> Self {
        Self::with(mode, Canned::stream(events))
    }

    /// A client on this transport.
    pub fn with(mode: Mode, transport: Canned) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let config = OpenAIConfig::new().with_api_base("http://127.0.0.1:1/v1").with_api_key("k");
        let client = Client::with_config(config);
        let builder = llmobs::Builder::from_lookup(&|_| None)
            .sink(llmobs::JsonLines::writer(std::io::sink()))
            .process_wide(false)
            .usage(match mode {
                Mode::Asking => llmobs::UsagePolicy::Always,
                _ => llmobs::UsagePolicy::Never,
            })
            .enabled(mode != Mode::Off);
        let provider = (mode == Mode::OpenTelemetry).then(|| {
            let processor = opentelemetry_sdk::trace::BatchSpanProcessor::builder(Nowhere).build();
            SdkTracerProvider::builder().with_span_processor(processor).build()
        });
        let llmobs = (mode != Mode::Bare).then(|| {
            let builder = match provider.clone() {
                Some(provider) => builder.otlp(|otlp| Ok(otlp.tracer_provider(&provider))),
                None => builder.backend(llmobs::LocalBackend),
            };
            builder.start().expect("it starts")
        });
        let client = match &llmobs {
            None => client.with_http_service(OpenAIRetryLayer::default().layer(transport)),
            Some(llmobs) => {
                let attempts = AttemptLayer::new().layer(transport);
                let retries = OpenAIRetryLayer::default().layer(attempts);
                client
                    .with_http_service(CallLayer::new().recorder(llmobs.recorder()).layer(retries))
            }
        };
        let request = CreateChatCompletionRequestArgs::default()
            .model("gpt-4o-mini")
            .messages([ChatCompletionRequestUserMessage::from("Where is my order?").into()])
            .build()
            .expect("the request is complete");
        let runtime = runtime.expect("a runtime can be built");
        Self { runtime, client, request, llmobs, _provider: provider }
    }

    /// One streamed call, read to its end; gives the number of chunks.
    pub fn call(&self) -> usize {
        self.runtime.block_on(async {
            let chat = self.client.chat();
            let stream = chat.create_stream(self.request.clone()).await;
            let mut stream = stream.expect("the transport answers");
            let mut chunks = 0;
            while let Some(chunk) = stream.next().await {
                chunks += usize::from(chunk.is_ok());
            }
            chunks
        })
    }
}

/// An exporter for spans that nobody wants.
#[derive(Debug)]
struct Nowhere;

impl opentelemetry_sdk::trace::SpanExporter for Nowhere {
    async fn export(
        &self,
        _: Vec<opentelemetry_sdk::trace::SpanData>,
    ) -> opentelemetry_sdk::error::OTelSdkResult {
        Ok(())
    }
}

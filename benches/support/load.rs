//! One client, one kind of observation, one call after another.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use async_openai::middleware::retry::OpenAIRetryLayer;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
};
use futures_util::StreamExt;
use llmobs::openai::{AttemptLayer, CallLayer};
use llmobs::{Capture, Llmobs, UsagePolicy};
use opentelemetry_sdk::trace::SdkTracerProvider;
use reqwest::Response;
use tokio::runtime::Runtime;
use tower::Layer;
use tower::util::BoxCloneSyncService;

use crate::transport::Canned;

/// How calls are observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setup {
    /// Our layers: none of them, that of calls, or that of attempts too.
    pub(crate) layers: usize,
    /// Whether the recorder is turned on. Records go to a JSON-lines writer.
    pub(crate) enabled: bool,
    /// Whether there are also spans of an OpenTelemetry provider.
    pub(crate) spans: bool,
    /// Whether content is kept.
    pub(crate) capture: bool,
    /// Whether usage is asked for in the application's place.
    pub(crate) asks: bool,
}

/// async-openai and its retry layer.
pub(crate) const BARE: Setup =
    Setup { layers: 0, enabled: false, spans: false, capture: false, asks: false };
/// What a service gets that sets nothing else.
pub(crate) const JSON_LINES: Setup = Setup { layers: 2, enabled: true, ..BARE };
/// The same, and spans.
pub(crate) const OPENTELEMETRY: Setup = Setup { spans: true, ..JSON_LINES };

/// A client under load.
pub(crate) struct Load {
    pub(crate) runtime: Runtime,
    pub(crate) client: Client<OpenAIConfig>,
    pub(crate) request: CreateChatCompletionRequest,
    pub(crate) llmobs: Option<Llmobs>,
    // Dropped last: the recorder's spans go to it.
    _provider: Option<SdkTracerProvider>,
}

impl Load {
    /// A client on this transport.
    pub(crate) fn new(setup: Setup, transport: Canned) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let config = OpenAIConfig::new().with_api_base("http://127.0.0.1:1/v1").with_api_key("k");
        let client = Client::with_config(config);
        let provider = setup.spans.then(provider);
        let llmobs = (setup.layers > 0).then(|| recorder(setup, provider.as_ref()));
        let client = client.with_http_service(stack(setup, llmobs.as_ref(), transport));
        let request = CreateChatCompletionRequestArgs::default()
            .model("gpt-4o-mini")
            .messages([ChatCompletionRequestUserMessage::from("Where is my order?").into()])
            .build()
            .expect("the request is complete");
        let runtime = runtime.expect("a runtime can be built");
        Self { runtime, client, request, llmobs, _provider: provider }
    }

    /// One streamed call, read to its end; gives the number of chunks.
    pub(crate) fn call(&self) -> usize {
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

/// A transport, retries around it, and ours around both.
pub(crate) type Stack = BoxCloneSyncService<HttpRequestFactory, Response, OpenAIError>;

/// The services of a setup.
pub(crate) fn stack(setup: Setup, llmobs: Option<&Llmobs>, transport: Canned) -> Stack {
    let retry = OpenAIRetryLayer::default();
    let Some(llmobs) = llmobs else { return Stack::new(retry.layer(transport)) };
    let calls = CallLayer::new().recorder(llmobs.recorder());
    if setup.layers > 1 {
        Stack::new(calls.layer(retry.layer(AttemptLayer::new().layer(transport))))
    } else {
        Stack::new(calls.layer(retry.layer(transport)))
    }
}

/// A provider whose spans nobody wants.
pub(crate) fn provider() -> SdkTracerProvider {
    let processor = opentelemetry_sdk::trace::BatchSpanProcessor::builder(Nowhere).build();
    SdkTracerProvider::builder().with_span_processor(processor).build()
}

/// The recorder of a setup, which is nobody else's.
pub(crate) fn recorder(setup: Setup, provider: Option<&SdkTracerProvider>) -> Llmobs {
    let builder = llmobs::Builder::from_lookup(&|_| None)
        .sink(llmobs::JsonLines::writer(std::io::sink()))
        .usage(if setup.asks { UsagePolicy::Always } else { UsagePolicy::Never })
        .capture(if setup.capture { Capture::ALL } else { Capture::NONE })
        .process_wide(false)
        .enabled(setup.enabled);
    let builder = match provider.cloned() {
        Some(provider) => builder.otlp(|otlp| Ok(otlp.tracer_provider(&provider))),
        None => builder.backend(llmobs::LocalBackend),
    };
    builder.start().expect("it starts")
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

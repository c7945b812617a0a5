//! One stream, read to its end or until the reader leaves, by each client.

use std::fmt::Debug;

use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, ChatCompletionStreamOptions, CreateChatCompletionRequest,
    CreateChatCompletionRequestArgs, CreateChatCompletionStreamResponse,
};
use fastrace::future::FutureExt;
use fastrace::prelude::{Span, SpanContext};
use futures_util::{Stream, StreamExt};
use genai::adapter::AdapterKind;
use genai::chat::{ChatMessage, ChatOptions, ChatRequest};
use genai::resolver::{AuthData, Endpoint, ServiceTargetResolver};
use genai::{ModelIden, ServiceTarget};
use rig_core::completion::CompletionRequest;
use rig_core::providers::openai::{OpenAI, OpenAIConfig as RigConfig};
use tracing::Instrument;

use crate::by_hand::{InFastrace, InTracing};
use crate::way::Way;

const QUESTION: &str = "Where is my order?";

#[derive(Debug)]
pub(crate) enum Client {
    OpenAi(async_openai::Client<OpenAIConfig>),
    Tracing(async_openai::Client<OpenAIConfig>),
    Fastrace(async_openai::Client<OpenAIConfig>),
    Genai(genai::Client),
    Rig(Box<OpenAI>),
}

impl Client {
    pub(crate) fn new(way: Way, base_url: &str, llmobs: Option<&llmobs::Llmobs>) -> Self {
        let config = OpenAIConfig::new().with_api_base(base_url).with_api_key("none");
        let bare = |config| async_openai::Client::with_config(config);
        match way {
            Way::Bare => Self::OpenAi(bare(config)),
            Way::Off | Way::JsonLines | Way::Otlp => {
                assert!(llmobs.is_some(), "its recorder is the process's");
                Self::OpenAi(llmobs::openai::client(config))
            }
            Way::Tracing => Self::Tracing(bare(config)),
            Way::Fastrace => Self::Fastrace(bare(config)),
            Way::GenaiBare | Way::Genai => Self::Genai(genai_client(base_url)),
            Way::RigBare | Way::Rig => {
                Self::Rig(Box::new(RigConfig::new("none").with_base_url(base_url).client()))
            }
        }
    }

    /// How many items were read.
    pub(crate) async fn read(&self, model: &str, limit: usize) -> usize {
        match self {
            Self::OpenAi(client) => read(client, model, limit, ()).await,
            Self::Tracing(client) => {
                let span = InTracing::span(model);
                let tells = InTracing::new(&span);
                read(client, model, limit, tells).instrument(span).await
            }
            Self::Fastrace(client) => {
                let span = Span::root(format!("chat {model}"), SpanContext::random());
                let tells = InFastrace::new(&span, model);
                read(client, model, limit, tells).in_span(span).await
            }
            Self::Genai(client) => {
                let options = ChatOptions::default().with_capture_usage(true);
                let question = ChatRequest::new(vec![ChatMessage::user(QUESTION)]);
                let answer = client.exec_chat_stream(model, question, Some(&options)).await;
                let stream = answer.expect("a stream opens").stream;
                count(stream, limit).await
            }
            Self::Rig(client) => {
                let stream = client.chat(model).stream(CompletionRequest::new(QUESTION));
                let mut stream = stream.expect("a stream opens");
                let items = count(&mut stream, limit).await;
                if items < limit {
                    stream.finish().await.expect("the stream is whole");
                }
                items
            }
        }
    }
}

/// What someone who observes by hand does at each chunk.
pub(crate) trait Tells {
    fn chunk(&mut self, chunk: &CreateChatCompletionStreamResponse);
}

impl Tells for () {
    fn chunk(&mut self, _: &CreateChatCompletionStreamResponse) {}
}

async fn read(
    client: &async_openai::Client<OpenAIConfig>,
    model: &str,
    limit: usize,
    mut tells: impl Tells,
) -> usize {
    let chat = client.chat();
    let mut stream = chat.create_stream(request(model)).await.expect("a stream opens");
    let mut items = 0;
    while items < limit
        && let Some(chunk) = stream.next().await
    {
        tells.chunk(&chunk.expect("the stream is whole"));
        items += 1;
    }
    items
}

/// Usage is asked for, in every way.
fn request(model: &str) -> CreateChatCompletionRequest {
    CreateChatCompletionRequestArgs::default()
        .model(model)
        .messages([ChatCompletionRequestUserMessage::from(QUESTION).into()])
        .stream_options(ChatCompletionStreamOptions {
            include_usage: Some(true),
            include_obfuscation: None,
        })
        .build()
        .expect("the request is complete")
}

async fn count<T, E: Debug>(
    mut stream: impl Stream<Item = Result<T, E>> + Unpin,
    limit: usize,
) -> usize {
    let mut items = 0;
    while items < limit
        && let Some(item) = stream.next().await
    {
        item.expect("the stream is whole");
        items += 1;
    }
    items
}

fn genai_client(base_url: &str) -> genai::Client {
    let url = format!("{base_url}/");
    let resolver = ServiceTargetResolver::from_resolver_fn(move |target: ServiceTarget| {
        Ok(ServiceTarget {
            endpoint: Endpoint::from_owned(url.clone()),
            auth: AuthData::from_single("none"),
            model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
        })
    });
    genai::Client::builder()
        .with_service_target_resolver(resolver)
        .build()
        .expect("a client needs no network")
}

//! What a shop's service does with models, recorded by a recorder of a test's own.

use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, ChatCompletionStreamOptions, CreateChatCompletionRequest,
    CreateChatCompletionRequestArgs,
};
use async_openai::types::embeddings::CreateEmbeddingRequestArgs;
use futures_util::StreamExt;
use llmobs::{Builder, Llmobs, Recorder, trace_llm};
use llmobs_testserver::{Answer, Model, Server};

/// A builder that sees these variables and no others, and nobody sees.
pub(crate) fn builder(variables: &[(&str, &str)]) -> Builder {
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let lookup = move |name: &str| {
        variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    Builder::from_lookup(&lookup).process_wide(false)
}

/// Brings out what was observed so far.
#[track_caller]
pub(crate) fn flush(llmobs: &Llmobs) {
    tokio::task::block_in_place(|| llmobs.flush(Duration::from_secs(60)))
        .expect("everything is delivered");
}

/// A shop with a model of its own.
pub(crate) struct Shop {
    model: Server,
    client: Client<OpenAIConfig>,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let model = Model::new().instant().start().await.expect("a port");
        let config = OpenAIConfig::new().with_api_base(model.base_url()).with_api_key("none");
        let client = llmobs::openai::client(config);
        Self { model, client }
    }

    /// A customer: one of each kind of record.
    pub(crate) async fn serve(&self, recorder: &Recorder) {
        let scope = llmobs::scope().recorder(recorder).session("session-7").user("user-42");
        scope.tag("tenant", "acme").run(self.support()).await;
    }

    /// One call, answered at once.
    pub(crate) async fn ask(&self, recorder: &Recorder) {
        let chat = self.client.chat();
        let answer = chat.create(question("How much is shipping?"));
        llmobs::scope().recorder(recorder).run(answer).await.expect("the model answers");
    }

    #[trace_llm(kind = "workflow")]
    async fn support(&self) {
        self.retrieve().await;
        let mut stream =
            self.client.chat().create_stream(question("Grüße! 你好 \u{0} Boots?")).await;
        let stream = stream.as_mut().expect("the model answers");
        while let Some(chunk) = stream.next().await {
            chunk.expect("a chunk");
        }
        look_up("A-1042");
        self.client.chat().create(question("And by when?")).await.expect("the model answers");
        let error = serde_json::json!({ "error": { "message": "no", "type": "bad_request" } });
        self.model.answer(Answer::json(400, &error));
        self.client.chat().create(question("Why?")).await.expect_err("the model refuses");
    }

    #[trace_llm(kind = "retriever")]
    async fn retrieve(&self) -> Vec<&'static str> {
        let request = CreateEmbeddingRequestArgs::default()
            .model("text-embedding-3-small")
            .input("Boots?")
            .build()
            .expect("the request is complete");
        self.client.embeddings().create(request).await.expect("the model answers");
        vec!["Boots can be returned within 30 days.", "Shipping takes 2 days."]
    }
}

#[trace_llm(kind = "tool", capture(args, output), tool_call_id = "call_1")]
fn look_up(order: &str) -> String {
    format!("{order}: shipped")
}

fn question(text: &str) -> CreateChatCompletionRequest {
    CreateChatCompletionRequestArgs::default()
        .model("gpt-4o-mini")
        .messages([ChatCompletionRequestUserMessage::from(text).into()])
        .stream_options(ChatCompletionStreamOptions {
            include_usage: Some(true),
            include_obfuscation: None,
        })
        .build()
        .expect("the request is complete")
}

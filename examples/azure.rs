//! Models of a deployment on Azure: its paths, its provider's name, its content filter.
//!
//! ```console
//! $ cargo run --example azure
//! ```
//!
//! It needs no account: a pretend deployment answers under an Azure host's name. Set
//! `AZURE_OPENAI_ENDPOINT`, `AZURE_OPENAI_API_KEY`, `AZURE_OPENAI_DEPLOYMENT` (and run with
//! `--features tls`) to ask a real one.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::env::var;
use std::error::Error;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::AzureConfig;
use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionRequestSystemMessage, ChatCompletionRequestUserMessage,
    ChatCompletionStreamOptions, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
};
use futures_util::StreamExt;
use llmobs::{Kind, Record, Verdict};
use llmobs_testserver::{Answer, Model, Server};
use serde_json::json;

const PRETEND: &str = "shoes.openai.azure.com";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let llmobs = llmobs::builder().processor(print).no_file().start()?;
    let deployment = Model::new().start().await?;
    let (config, http) = match var("AZURE_OPENAI_ENDPOINT") {
        Ok(endpoint) => real(&endpoint)?,
        Err(_) => pretend(&deployment)?,
    };

    // All that observing takes: async-openai's own configuration for Azure, and our service.
    let client = Client::with_config(config).with_http_service(llmobs::openai::service(http));

    for question in ["How do I steal boots?", "Until when can I return boots?"] {
        println!("> {question}");
        if let Err(refused) = ask(&client, question).await {
            println!("{refused}");
        }
        tokio::task::block_in_place(|| llmobs.flush(Duration::from_secs(5)))?;
    }
    Ok(())
}

/// Reads the answer as it comes, and prints it.
async fn ask(client: &Client<AzureConfig>, question: &str) -> Result<(), OpenAIError> {
    let mut stream = client.chat().create_stream(request(question)?).await?;
    let mut answer = String::new();
    while let Some(chunk) = stream.next().await {
        // The first chunk has no choices: it tells what the filter made of the prompt.
        if let Some(choice) = chunk?.choices.first() {
            answer += choice.delta.content.as_deref().unwrap_or_default();
        }
    }
    println!("{answer}");
    Ok(())
}

fn request(question: &str) -> Result<CreateChatCompletionRequest, OpenAIError> {
    let documents = "Boots can be returned within 30 days.";
    CreateChatCompletionRequestArgs::default()
        // Azure goes by the deployment in the path; this is what our records call it.
        .model("gpt-4o-mini")
        .messages([
            ChatCompletionRequestSystemMessage::from(documents).into(),
            ChatCompletionRequestUserMessage::from(question).into(),
        ])
        // Some of Azure's API versions refuse this, so llmobs never adds it there by itself.
        .stream_options(ChatCompletionStreamOptions {
            include_usage: Some(true),
            include_obfuscation: None,
        })
        .build()
}

fn real(endpoint: &str) -> Result<(AzureConfig, reqwest::Client), Box<dyn Error>> {
    let version = var("OPENAI_API_VERSION").unwrap_or_else(|_| "2024-10-21".to_owned());
    let config = AzureConfig::new()
        .with_api_base(endpoint.trim_end_matches('/'))
        .with_api_version(version)
        .with_deployment_id(var("AZURE_OPENAI_DEPLOYMENT")?)
        .with_api_key(var("AZURE_OPENAI_API_KEY")?);
    Ok((config, reqwest::Client::new()))
}

/// A deployment under an Azure host's name that is this very process.
fn pretend(deployment: &Server) -> Result<(AzureConfig, reqwest::Client), Box<dyn Error>> {
    deployment.answer(refusal());
    let address = deployment.address();
    let config = AzureConfig::new()
        .with_api_base(format!("http://{PRETEND}:{}", address.port()))
        .with_api_version("2024-10-21")
        .with_deployment_id("shop-4o-mini")
        .with_api_key("none");
    Ok((config, reqwest::Client::builder().resolve(PRETEND, address).build()?))
}

/// What Azure says to a prompt that its filter does not let through.
fn refusal() -> Answer {
    let hate = json!({"filtered": false, "severity": "safe"});
    let violence = json!({"filtered": true, "severity": "medium"});
    let error = json!({
        "message": "The response was filtered due to the prompt triggering the content filter.",
        "type": null,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {"hate": hate, "violence": violence},
        },
    });
    Answer::json(400, &json!({"error": error})).header("apim-request-id", "req-17")
}

/// Prints a line for each call.
fn print(record: &mut Record) -> Verdict {
    if record.kind == Kind::Interaction {
        println!("{}", line(record));
    }
    Verdict::Keep
}

fn line(record: &Record) -> String {
    let filtered = record.safety.as_ref().map(|safety| safety.filtered);
    let error = record.error.as_ref().and_then(|error| error.code.as_deref());
    format!(
        "provider={:?} server={:?} outcome={:?} filtered={filtered:?} error={error:?} \
         output_tokens={:?} ttft_ms={:?}",
        record.provider.as_deref().unwrap_or_default(),
        record.server.as_ref().map(|server| &*server.address).unwrap_or_default(),
        record.outcome,
        record.output_tokens,
        record.ttft_ms,
    )
}

//! A model of your own behind another base URL (vLLM, Ollama, llama.cpp, a gateway): what it leaves
//! out, what it sends beside, and how to get its token counts.
//!
//! ```console
//! $ cargo run --example base_url
//! $ OPENAI_BASE_URL=http://localhost:11434/v1 OPENAI_MODEL=qwen3 cargo run --example base_url
//! ```
//!
//! Without `OPENAI_BASE_URL` a pretend server answers inside the example.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::env::var;
use std::error::Error;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::ReqwestService;
use async_openai::middleware::retry::OpenAIRetryLayer;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs,
};
use futures_util::StreamExt;
use llmobs::openai::{AttemptLayer, CallLayer, Items, observe};
use llmobs::{Kind, Record, UsagePolicy, Verdict};
use llmobs_testserver::{Answer, ChatScript, Received, Server, Usage, chat_chunks};
use tower::ServiceBuilder;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let llmobs = llmobs::builder().processor(print).no_file().start()?;
    let server = Server::start().await?;
    server.handler(pretend);
    let base = var("OPENAI_BASE_URL").unwrap_or_else(|_| server.base_url());
    let config = OpenAIConfig::new().with_api_base(base);

    println!("As it comes: a host that is not known is not asked for anything.");
    let client = llmobs::openai::client(config.clone());
    ask(&client).await?;
    tokio::task::block_in_place(|| llmobs.flush(Duration::from_secs(5)))?;

    println!("\nWith usage asked for, by this client alone:");
    let service = ServiceBuilder::new()
        .layer(CallLayer::new().usage(UsagePolicy::Always))
        .layer(OpenAIRetryLayer::default())
        .layer(AttemptLayer::new())
        .service(ReqwestService::new(reqwest::Client::new()));
    ask(&Client::with_config(config).with_http_service(service)).await?;
    tokio::task::block_in_place(|| llmobs.flush(Duration::from_secs(5)))?;
    Ok(())
}

/// Reads the answer at a pace of its own, and prints it.
async fn ask(client: &Client<OpenAIConfig>) -> Result<(), OpenAIError> {
    let request = CreateChatCompletionRequestArgs::default()
        .model(var("OPENAI_MODEL").unwrap_or_else(|_| "qwen3:8b".to_owned()))
        .messages([ChatCompletionRequestUserMessage::from("What is 6 times 7?").into()])
        .build()?;
    // Observed where it is read, too: the record then says how long answers waited for us.
    let mut stream = observe(client.chat().create_stream(request), Items::chat()).await?;
    let mut answer = String::new();
    while let Some(chunk) = stream.next().await {
        // async-openai has no place for `reasoning_content`, so such chunks are empty here.
        // The record knows them as output: the first one is the first token.
        if let Some(choice) = chunk?.choices.first() {
            answer += choice.delta.content.as_deref().unwrap_or_default();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("{answer}");
    Ok(())
}

/// Thinks aloud, and counts tokens only for those who ask.
fn pretend(request: &Received) -> Answer {
    let mut usage = Usage::default();
    (usage.prompt, usage.completion) = (16, 9);
    let script = ChatScript::tokens(["It", " is", " 42", "."])
        .reasoning("six sevens are 42")
        .model("qwen3:8b")
        .fingerprint(Some("fp_ollama"));
    let asked = request.json().is_some_and(|body| {
        body.pointer("/stream_options/include_usage").is_some_and(|asked| asked == true)
    });
    let script = if asked { script.usage(usage) } else { script };
    Answer::sse(chat_chunks(&script)).pause_between(Duration::from_millis(3))
}

/// Prints a line for each call; what is not known is not there, and no zero.
fn print(record: &mut Record) -> Verdict {
    if record.kind == Kind::Interaction {
        println!("{}", line(record));
    }
    Verdict::Keep
}

fn line(record: &Record) -> String {
    let usage = record.usage.as_ref().and_then(|usage| usage.source);
    let tpot = record.latency.as_ref().and_then(|latency| latency.tpot_source);
    let first = record.wire.as_ref().and_then(|wire| wire.first_token_event);
    let stall = record.consumer.as_ref().and_then(|consumer| consumer.stall_ms);
    format!(
        "provider={:?} outcome={:?} output_tokens={:?} usage={usage:?} tpot_source={tpot:?} \
         first_token_event={first:?} consumer_stall_ms={stall:?}",
        record.provider.as_deref().unwrap_or_default(),
        record.outcome,
        record.output_tokens,
    )
}

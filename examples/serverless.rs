//! A function that is frozen between its invocations, and thrown away without notice, as in AWS Lambda.
//!
//! ```console
//! $ cargo run --example serverless
//! ```
//!
//! The example stops itself (SIGSTOP) after each invocation and is woken a moment later: no thread runs
//! meanwhile, and all clocks have jumped afterwards. At the end nothing is dropped and nobody asks for a
//! shutdown. A pretend model inside the example answers.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::process::Command;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs,
};
use futures_util::StreamExt;
use llmobs::{Batch, JsonLines, Llmobs, Sink, SinkError, trace_llm};
use llmobs_testserver::Model;

/// What the end of an invocation may take at most: it is added to what the caller waits for, though
/// usually it is a round trip to where records go.
const PATIENCE: Duration = Duration::from_secs(2);

// One thread, as functions have: whoever waits for an answer to end may not hold it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Once for all invocations, outside of the handler.
    let far = Far(JsonLines::open("serverless.jsonl")?);
    let llmobs = llmobs::builder().sink(far).start()?;
    let model = Model::new().start().await?;
    let config = OpenAIConfig::new().with_api_base(model.base_url()).with_api_key("none");
    let client = llmobs::openai::client(config);

    println!("1. The handler returns, and that is it:");
    handler(&client, "Zippers last two years. How long do zippers last?").await?;
    freeze(&llmobs)?;

    println!("2. It waits until nothing is open and everything has gone out:");
    handler(&client, "Boots can be returned within 30 days. Until when?").await?;
    report(llmobs.idle_async(PATIENCE).await);
    freeze(&llmobs)?;

    println!("3. The same, with an answer that is still read in the background:");
    let question = "Refunds take a week. How long do refunds take?";
    tokio::spawn({
        let client = client.clone();
        async move { handler(&client, question).await }
    });
    // The task begins, and has its call open.
    while llmobs.losses().open == 0 {
        tokio::task::yield_now().await;
    }
    report(llmobs.idle_async(PATIENCE).await);
    freeze(&llmobs)?;

    println!("4. An invocation that was frozen in the middle of its answer goes on:");
    let request = handler(&client, "Zippers last two years. How long?");
    let (answered, frozen) = tokio::join!(request, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        freeze(&llmobs)
    });
    answered?;
    frozen?;
    report(llmobs.idle_async(PATIENCE).await);
    println!("   {}", delivered(&llmobs));

    println!("The environment is thrown away: nothing is dropped, and nothing is missing.");
    std::process::exit(0)
}

/// One invocation.
#[trace_llm(kind = "workflow")]
async fn handler(client: &Client<OpenAIConfig>, question: &str) -> Result<String, OpenAIError> {
    let request = CreateChatCompletionRequestArgs::default()
        .model("gpt-4o-mini")
        .messages([ChatCompletionRequestUserMessage::from(question).into()])
        .build()?;
    let mut chunks = client.chat().create_stream(request).await?;
    let mut answer = String::new();
    while let Some(chunk) = chunks.next().await {
        if let Some(choice) = chunk?.choices.first() {
            answer += choice.delta.content.as_deref().unwrap_or_default();
        }
    }
    Ok(answer)
}

/// No reason to fail the invocation, and no secret either.
fn report(done: Result<(), llmobs::FlushError>) {
    match done {
        Ok(()) => println!("   idle and flushed"),
        Err(err) => println!("   {err}"),
    }
}

fn delivered(llmobs: &Llmobs) -> String {
    let losses = llmobs.losses();
    let delivered: u64 = losses.sinks.iter().map(|sink| sink.delivered).sum();
    format!("{delivered} of {} records are delivered", losses.accepted)
}

/// Stops every thread of this process for a moment.
fn freeze(llmobs: &Llmobs) -> std::io::Result<()> {
    println!("   frozen: {}", delivered(llmobs));
    let script = "kill -STOP $0 && sleep 0.3 && kill -CONT $0";
    Command::new("sh").args(["-c", script, &std::process::id().to_string()]).status()?;
    Ok(())
}

/// Somewhere that takes a while to get to.
#[derive(Debug)]
struct Far(JsonLines);

impl Sink for Far {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        std::thread::sleep(Duration::from_millis(150));
        self.0.deliver(batch)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.0.flush()
    }

    fn name(&self) -> &str {
        "far"
    }
}

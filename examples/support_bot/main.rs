//! A support bot: retrieval, an agent that calls tools in a loop, and two agents below it.
//!
//! ```console
//! $ cargo run --example support_bot
//! ```
//!
//! It needs no account and no network: a scripted model inside the example answers. Each file is what
//! a service would have; what observes is `#[trace_llm]` on its functions, `prompt!` where it makes
//! its prompts, and the scope and the recorder here.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

mod agents;
mod conversation;
mod knowledge;
mod model;
mod tools;

use std::error::Error;
use std::time::{Duration, UNIX_EPOCH};

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs,
};
use llmobs::{PriceTable, Record, UsagePolicy, prompt, trace_llm};
use llmobs_cli::input::{Damaged, Source};
use llmobs_cli::{Style, report, trace};

const QUESTION: &str =
    "Order A-1042 has not come. If it is late, can I still return it, and what do I get back?";
const FILE: &str = "support_bot.jsonl";

type Shop = Client<OpenAIConfig>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = model::start()?;
    let prices = PriceTable::parse(include_str!("prices.json"))?.over(&PriceTable::builtin());
    let llmobs = llmobs::builder()
        .service("support-bot")
        .file(FILE)
        // Nobody knows what a host of one's own charges, nor whether it can be asked to count.
        .prices(prices)
        .usage(UsagePolicy::Always)
        .start()?;
    let config = OpenAIConfig::new().with_api_base(server.base_url()).with_api_key("none");
    let client = llmobs::openai::client(config);

    let session = format!("support-{}", UNIX_EPOCH.elapsed()?.as_millis());
    let scope = llmobs::scope().session(&session).user("user-7").tag("tenant", "acme");
    println!("> {QUESTION}");
    let answer = scope.run(support(&client, QUESTION)).await?;
    println!("{answer}\n");

    tokio::task::block_in_place(|| llmobs.flush(Duration::from_secs(5)))?;
    show(&session)
}

/// What can go wrong on the way to an answer.
#[derive(Debug, thiserror::Error)]
enum BotError {
    #[error("the model cannot be asked")]
    Model(#[from] OpenAIError),
    #[error("the arguments of a tool are not understood")]
    Arguments(#[from] serde_json::Error),
    #[error("there is no tool called {0:?}")]
    UnknownTool(String),
    #[error("the question is refused")]
    Refused,
    #[error("no answer after {0} turns")]
    TooManyTurns(usize),
}

/// Who a question is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
enum Desk {
    AfterSale,
    Other,
}

/// One question, from the check of what was asked to the text that is sent back.
#[trace_llm(kind = "workflow")]
async fn support(client: &Shop, question: &str) -> Result<String, BotError> {
    screen(question)?;
    let desk = route(client, question).await?;
    let passages = knowledge::rerank(question, knowledge::search(question, 3).await);
    let answer = agents::concierge(client, question, desk, &passages).await?;
    Ok(polish(&answer, &passages))
}

/// Long questions are attacks more often than questions.
#[trace_llm(kind = "guardrail", fields(question.chars = question.chars().count()))]
fn screen(question: &str) -> Result<(), BotError> {
    if question.chars().count() <= 500 { Ok(()) } else { Err(BotError::Refused) }
}

/// A small model says which desk the question is for.
#[trace_llm(kind = "router")]
async fn route(client: &Shop, question: &str) -> Result<Desk, BotError> {
    let text =
        prompt!("support-route", version = "2", "Name the desk for this question: {question}");
    let request = CreateChatCompletionRequestArgs::default()
        .model("gpt-4o-mini")
        .messages([ChatCompletionRequestUserMessage::from(text).into()])
        .build()?;
    let answer = client.chat().create(request).await?;
    let said = answer.choices.into_iter().next().and_then(|choice| choice.message.content);
    Ok(match said.as_deref() {
        Some("after_sale") => Desk::AfterSale,
        _ => Desk::Other,
    })
}

/// Tells where the answer comes from.
#[trace_llm(kind = "postprocess")]
fn polish(answer: &str, passages: &[knowledge::Passage]) -> String {
    let sources: Vec<&str> = passages.iter().map(|passage| passage.id).collect();
    format!("{} [{}]", answer.trim(), sources.join(", "))
}

/// What `llmobs trace` and `llmobs report` would print, for this session alone.
fn show(session: &str) -> Result<(), Box<dyn Error>> {
    let path = std::path::absolute(FILE)?;
    let mut records: Vec<Record> = Vec::new();
    Source::named(path.clone()).read(&mut Damaged::default(), |record| {
        if record.session_id.as_deref() == Some(session) {
            records.push(record.clone());
        }
    })?;
    let style = Style::stdout();
    println!("{}", trace::tree(&records, &style));
    println!("{}", report::table(&records, &style));
    println!("\nThe records, one JSON object a line: {}", path.display());
    Ok(())
}

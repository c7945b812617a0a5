//! Questions about a shop's documents, answered by a model, every call of it observed.
//!
//! ```console
//! $ cargo run --example quickstart
//! ```
//!
//! It needs no account and no network: a pretend model inside the example answers. Set
//! `OPENAI_API_KEY` (and run with `--features tls`) or `OPENAI_BASE_URL` to ask a real one.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to its reader")]

use std::error::Error;
use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

use async_openai::Client;
use async_openai::config::{Config, OpenAIConfig};
use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionMessageToolCall, ChatCompletionRequestAssistantMessageArgs,
    ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage,
    ChatCompletionRequestToolMessage, ChatCompletionRequestUserMessage,
    ChatCompletionStreamOptions, ChatCompletionTool, ChatCompletionTools,
    CreateChatCompletionRequestArgs, FunctionObjectArgs,
};
use futures_util::StreamExt;
use llmobs::{Record, trace_llm};
use llmobs_cli::input::{Damaged, Source};
use llmobs_cli::{Style, report, trace};
use llmobs_testserver::Model;
use serde_json::{Value, json};

const DOCUMENTS: [&str; 4] = [
    "Boots can be returned within 30 days, unworn and in their box. Refunds take a week.",
    "Parcels leave on weekdays before noon. Shipping is free above 50 euros.",
    "Every zipper is guaranteed for two years. Scratches are not covered.",
    "Leather wants wax twice a year. Suede must never meet water.",
];

const QUESTIONS: [&str; 2] =
    ["Until when can I return boots that do not fit?", "And where is my order A-1042?"];

type Messages = Vec<ChatCompletionRequestMessage>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let pretend = Model::new().start().await?;
    let real = ["OPENAI_API_KEY", "OPENAI_BASE_URL"].map(std::env::var).iter().any(Result::is_ok);
    let config = match real {
        true => OpenAIConfig::new(),
        false => OpenAIConfig::new().with_api_base(pretend.base_url()).with_api_key("none"),
    };
    if config.api_base().starts_with("https:") && !cfg!(feature = "tls") {
        eprintln!("quickstart: {} needs HTTPS: add `--features tls`", config.api_base());
        std::process::exit(2);
    }
    println!("Asking {} at {}.", model(), config.api_base());

    // The two lines that observe: start the recorder, make the client.
    let llmobs = llmobs::init()?;
    let client = llmobs::openai::client(config);

    // Whatever is called in this scope carries the session and the user.
    let session = format!("quickstart-{}", UNIX_EPOCH.elapsed()?.as_millis());
    for question in QUESTIONS {
        println!("\n> {question}");
        let scope = llmobs::scope().session(&session).user("user-7");
        scope.run(support(&client, question)).await?;
    }

    // A service need not do this: dropping `llmobs` delivers what is waiting.
    tokio::task::block_in_place(|| llmobs.flush(Duration::from_secs(5)))?;
    show(&session)
}

/// One question, from looking things up to the last token: the parent of all that happens inside.
#[trace_llm(kind = "workflow")]
async fn support(client: &Client<OpenAIConfig>, question: &str) -> Result<(), OpenAIError> {
    let documents = retrieve(question);
    let mut messages = build_prompt(question, &documents);
    loop {
        let calls = ask(client, messages.clone()).await?;
        if calls.is_empty() {
            return Ok(());
        }
        // The model wants to know more before it answers.
        let asked: Vec<_> = calls.iter().cloned().map(Into::into).collect();
        let asked =
            ChatCompletionRequestAssistantMessageArgs::default().tool_calls(asked).build()?;
        messages.push(asked.into());
        for ChatCompletionMessageToolCall { id, function } in calls {
            println!("  {}({})", function.name, function.arguments);
            let status = order_status(&function.arguments).await.to_string();
            let content = status.into();
            messages.push(ChatCompletionRequestToolMessage { content, tool_call_id: id }.into());
        }
    }
}

/// The two documents that share most words with the question.
#[trace_llm(kind = "retriever")]
fn retrieve(question: &str) -> Vec<&'static str> {
    let question = question.to_lowercase();
    let words: Vec<&str> = question.split(|c: char| !c.is_alphanumeric()).collect();
    let shared = |document: &&str| {
        let document = document.to_lowercase();
        let found = document.split(|c: char| !c.is_alphanumeric());
        found.filter(|word| word.len() > 2 && words.contains(word)).count()
    };
    let mut documents = DOCUMENTS.to_vec();
    documents.sort_by_key(|document| std::cmp::Reverse(shared(document)));
    documents.truncate(2);
    documents
}

#[trace_llm(kind = "prompt")]
fn build_prompt(question: &str, documents: &[&str]) -> Messages {
    let system = format!(
        "You answer customers of a shoe shop.\nUse only these documents:\n- {}",
        documents.join("\n- ")
    );
    vec![
        ChatCompletionRequestSystemMessage::from(system).into(),
        ChatCompletionRequestUserMessage::from(question).into(),
    ]
}

/// What the shop's own systems know.
#[trace_llm(kind = "tool")]
async fn order_status(arguments: &str) -> Value {
    let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
    // A database takes a moment.
    tokio::time::sleep(Duration::from_millis(40)).await;
    match arguments.get("order_id").and_then(Value::as_str) {
        Some("A-1042") => json!({ "order": "A-1042", "status": "shipped", "arrival": "Thursday" }),
        _ => json!({ "error": "there is no such order" }),
    }
}

/// Prints the answer as it comes; gives the tool calls the model asks for instead of one.
///
/// Nothing in here is about observing but the prompt's name and version.
async fn ask(
    client: &Client<OpenAIConfig>,
    messages: Messages,
) -> Result<Vec<ChatCompletionMessageToolCall>, OpenAIError> {
    let request = CreateChatCompletionRequestArgs::default()
        .model(model())
        .messages(messages)
        .tools(vec![order_status_tool()?])
        // Hosts count a stream's tokens only for those who ask.
        .stream_options(ChatCompletionStreamOptions {
            include_usage: Some(true),
            include_obfuscation: None,
        })
        .build()?;
    let prompt = llmobs::scope().prompt("support-answer", "3");
    let mut stream = prompt.run(client.chat().create_stream(request)).await?;

    let mut calls: Vec<ChatCompletionMessageToolCall> = Vec::new();
    let mut said = false;
    while let Some(chunk) = stream.next().await {
        let Some(choice) = chunk?.choices.into_iter().next() else { continue };
        if let Some(text) = choice.delta.content.filter(|text| !text.is_empty()) {
            said = true;
            print!("{text}");
            let _ = std::io::stdout().flush();
        }
        for part in choice.delta.tool_calls.into_iter().flatten() {
            let index = part.index as usize;
            if calls.len() <= index {
                calls.resize_with(index + 1, Default::default);
            }
            let (Some(call), Some(function)) = (calls.get_mut(index), part.function) else {
                continue;
            };
            call.id += &part.id.unwrap_or_default();
            call.function.name += &function.name.unwrap_or_default();
            call.function.arguments += &function.arguments.unwrap_or_default();
        }
    }
    if said {
        println!();
    }
    Ok(calls)
}

fn order_status_tool() -> Result<ChatCompletionTools, OpenAIError> {
    let function = FunctionObjectArgs::default()
        .name("order_status")
        .description("Tells where a customer's order is.")
        .parameters(json!({
            "type": "object",
            "properties": { "order_id": { "type": "string" } },
            "required": ["order_id"],
        }))
        .build()?;
    Ok(ChatCompletionTools::Function(ChatCompletionTool { function }))
}

fn model() -> String {
    std::env::var("OPENAI_MODEL").unwrap_or_else(|_| "gpt-4o-mini".to_owned())
}

/// What `llmobs trace` and `llmobs report` would print, for this session alone.
fn show(session: &str) -> Result<(), Box<dyn Error>> {
    let named = std::env::var_os("LLMOBS_FILE").unwrap_or_else(|| "llmobs.jsonl".into());
    let named = std::path::absolute(named)?;
    // Where another process holds that file, the records are in one with our process id.
    let ours = named.with_extension(format!("{}.jsonl", std::process::id()));
    let mut records: Vec<Record> = Vec::new();
    let path = if ours.exists() { ours } else { named };
    if path.exists() {
        Source::named(path.clone()).read(&mut Damaged::default(), |record| {
            if record.session_id.as_deref() == Some(session) {
                records.push(record.clone());
            }
        })?;
    }
    if records.is_empty() {
        println!("\nNo file was written: session {session} is at your OTLP endpoint, if any.");
        return Ok(());
    }
    let style = Style::stdout();
    println!("\nThe second question's trace:\n\n{}", trace::tree(&records, &style));
    println!("Every call of this run:\n\n{}", report::table(&records, &style));
    println!("The records, one JSON object a line: {}", path.display());
    Ok(())
}

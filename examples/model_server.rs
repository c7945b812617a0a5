//! A model server of your own, whose spans hang below the call that it answers.
//!
//! ```console
//! $ cargo run --example model_server
//! ```
//!
//! The service names the host (`propagate_to`, or `LLMOBS_PROPAGATE_TO`), and its calls carry
//! `traceparent` there; the server continues that trace with what it knows: how long the request
//! waited, and what reading and writing took. vLLM and others do the same with OpenTelemetry. Here
//! both are in one program, with a recorder and a file each.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs,
};
use futures_util::StreamExt;
use llmobs::{Llmobs, Record, Recorder, Scope, Step, StepKind, trace_llm};
use llmobs_cli::input::{Damaged, Source};
use llmobs_cli::{Style, trace};
use llmobs_testserver::{Answer, ChatScript, Gate, Received, Server, chat_chunks};

const OF_SERVICE: &str = "service.jsonl";
const OF_SERVER: &str = "server.jsonl";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The server's side: what it observes goes to its own file.
    let serving = llmobs::builder().service("model-server").file(OF_SERVER);
    let serving = serving.process_wide(false).start()?;
    let server = Server::start().await?;
    let recorder = serving.recorder().clone();
    server.handler(move |request| serve(request, &recorder));

    // The service's side. `127.0.0.1` would be `.llm.internal`, with a dot for all below it.
    let llmobs = llmobs::builder()
        .service("shop")
        .file(OF_SERVICE)
        .propagate_to("127.0.0.1")
        .propagate_baggage(true)
        .start()?;
    let config = OpenAIConfig::new().with_api_base(server.base_url()).with_api_key("none");
    let client = llmobs::openai::client(config);
    llmobs::scope().session("session-7").tag("tenant", "acme").run(answer(&client)).await?;

    end(llmobs).await?;
    end(serving).await?;
    let mut records = read(OF_SERVICE)?;
    let calls = records.len();
    records.extend(read(OF_SERVER)?);
    println!("\n{}", trace::tree(&records, &Style::stdout()));
    println!("{calls} records in {OF_SERVICE}, {} in {OF_SERVER}", records.len() - calls);
    Ok(())
}

/// Ends a recorder once what it observes has ended; what has not by then is `unfinished`.
async fn end(llmobs: Llmobs) -> Result<(), Box<dyn Error>> {
    let ended = async {
        while llmobs.losses().open > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(5), ended).await;
    Ok(tokio::task::block_in_place(|| llmobs.shutdown(Duration::from_secs(5)))?)
}

#[trace_llm(kind = "workflow")]
async fn answer(client: &Client<OpenAIConfig>) -> Result<(), OpenAIError> {
    let request = CreateChatCompletionRequestArgs::default()
        .model("llama-3.3-70b")
        .messages([ChatCompletionRequestUserMessage::from("How are boots cleaned?").into()])
        .build()?;
    let mut stream = client.chat().create_stream(request).await?;
    while let Some(chunk) = stream.next().await {
        let choice = chunk?.choices.into_iter().next();
        print!("{}", choice.and_then(|choice| choice.delta.content).unwrap_or_default());
    }
    println!();
    Ok(())
}

/// Answers a request, and tells of it below the call that it came from.
fn serve(request: &Received, recorder: &Recorder) -> Answer {
    let header = |name| request.header(name).unwrap_or_default();
    let caller = llmobs::scope()
        .recorder(recorder)
        .traceparent(header("traceparent"))
        .baggage(header("baggage"));
    let stages = Stages::default();
    tokio::spawn(observe(caller, stages.clone()));

    let script = ChatScript::new("With a brush, and with water if it is not suede.");
    let answer = Answer::stream("text/event-stream")
        .pause(Duration::from_millis(25))
        .open(&stages.scheduled)
        .pause(Duration::from_millis(40))
        .open(&stages.prefilled);
    let mut events = chat_chunks(&script.model("llama-3.3-70b"));
    let end = events.pop().unwrap_or_default();
    let answer = events.into_iter().fold(answer, |answer, event| {
        answer.write(format!("data: {event}\n\n")).pause(Duration::from_millis(5))
    });
    // Before the end marker: a client that has it leaves.
    answer.open(&stages.decoded).write(format!("data: {end}\n\n"))
}

/// What the server's scheduler has come to; each opens once.
#[derive(Clone, Default)]
struct Stages {
    scheduled: Gate,
    prefilled: Gate,
    decoded: Gate,
}

async fn observe(caller: Scope, stages: Stages) {
    let request = async {
        let step = Step::start(StepKind::Span, "llm_request");
        step.run(async {
            lasting("queue", &stages.scheduled).await;
            lasting("prefill", &stages.prefilled).await;
            lasting("decode", &stages.decoded).await;
        })
        .await;
        step.end();
    };
    caller.run(request).await;
}

async fn lasting(name: &'static str, until: &Gate) {
    let step = Step::start(StepKind::Span, name);
    step.run(until.wait()).await;
    step.end();
}

fn read(file: &str) -> Result<Vec<Record>, Box<dyn Error>> {
    let mut records = Vec::new();
    Source::named(Path::new(file).to_owned()).read(&mut Damaged::default(), |record| {
        if record.span_id.is_some() {
            records.push(record.clone());
        }
    })?;
    Ok(records)
}

//! An agent of rig's in a service with llmobs: its turns and its tools become records.
//!
//! ```console
//! $ cargo run --manifest-path tests/foreign/Cargo.toml --example rig
//! ```
//!
//! It needs no account and no network: a pretend model inside the example answers.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::error::Error;
use std::time::Duration;

use llmobs::testing::{Memory, Records};
use llmobs::{Kind, trace_llm};
use llmobs_testserver::Model;
use rig_agent::tool::{Tool, ToolContext};
use rig_agent::{Agent, AgentBuilder};
use rig_core::providers::openai::OpenAIConfig;
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The two lines that observe: the layer, and the recorder. In a service the second would be
    // `llmobs::init()`; here records are kept for printing.
    tracing_subscriber::registry().with(llmobs::layer()).init();
    let records = Memory::default();
    let llmobs = llmobs::builder().sink(records.clone()).start()?;

    // rig as ever.
    let model = Model::new().start().await?;
    let client = OpenAIConfig::new("none").with_base_url(model.base_url()).client();
    let agent = AgentBuilder::new(client.chat("gpt-4o-mini"))
        .name("clerk")
        .preamble("You answer questions about orders.")
        .tool(GetOrder)
        .default_max_turns(3)
        .build();
    println!("{}", answer(&agent, "Where is my order A-1042?").await?);

    tokio::task::block_in_place(|| llmobs.shutdown(Duration::from_secs(5)))?;
    let records: Records =
        records.take().into_iter().filter(|record| record.kind != Kind::Meta).collect();
    print!("\n{}", records.tree());
    for call in records.interactions().iter() {
        let of = |tokens: Option<u64>| tokens.map_or("?".to_owned(), |tokens| tokens.to_string());
        println!(
            "{} tokens in, {} out, {:.0} ms",
            of(call.input_tokens),
            of(call.output_tokens),
            call.total_latency_ms.unwrap_or_default(),
        );
    }
    Ok(())
}

/// Steps of the application's own nest around rig's and inside its tools.
#[trace_llm(kind = "workflow")]
async fn answer(agent: &Agent, question: &str) -> Result<String, Box<dyn Error>> {
    Ok(agent.prompt(question).await?.output().to_owned())
}

struct GetOrder;

impl Tool for GetOrder {
    const NAME: &'static str = "get_order";
    type Args = Value;
    type Output = Value;
    type Error = std::convert::Infallible;

    fn description(&self) -> String {
        "Looks an order up by its number".to_owned()
    }

    fn parameters(&self) -> Value {
        json!({
            "type": "object",
            "properties": {"order_id": {"type": "string", "description": "Number of the order"}},
            "required": ["order_id"],
        })
    }

    async fn call(&self, _: &mut ToolContext, order: Value) -> Result<Value, Self::Error> {
        Ok(select(order.get("order_id")).await)
    }
}

#[trace_llm(kind = "chain", name = "SELECT order")]
async fn select(id: Option<&Value>) -> Value {
    tokio::time::sleep(Duration::from_millis(5)).await;
    json!({"order": id, "state": "on its way", "arrives": "tomorrow"})
}

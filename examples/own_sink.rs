//! A destination of your own: calls as lines of CSV, for a spreadsheet.
//!
//! ```console
//! $ cargo run --example own_sink
//! ```

#![expect(clippy::print_stderr, reason = "an example talks to its reader")]

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs,
};
use llmobs::{Batch, Kind, Record, Sink, SinkError};
use llmobs_testserver::Model;

/// Writes a line a call.
#[derive(Debug)]
struct Csv<W>(W);

impl<W: Write + std::fmt::Debug + Send + 'static> Sink for Csv<W> {
    /// Runs on a thread of the recorder's: it may block, and never does so for the application.
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        let calls = batch.records.iter().filter(|record| record.kind == Kind::Interaction);
        let lines: String = calls.map(|record| line(record)).collect();
        // Retryable: the recorder offers the same batch again later. Permanent: it counts a loss.
        self.0
            .write_all(lines.as_bytes())
            .map_err(|err| SinkError::retryable("the table cannot be written").caused_by(err))
    }

    /// Runs when somebody flushes, and at the end.
    fn flush(&mut self) -> Result<(), SinkError> {
        let flushed = self.0.flush();
        flushed.map_err(|err| SinkError::retryable("the table cannot be flushed").caused_by(err))
    }

    /// How `llmobs.losses()` and messages call it.
    fn name(&self) -> &str {
        "csv"
    }
}

/// What is not known is an empty cell, and no zero.
fn line(record: &Record) -> String {
    let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let cells = [
        record.timestamp.map(|at| at.to_string()).unwrap_or_default(),
        record.model_version.clone().unwrap_or_default(),
        record.outcome.map(|outcome| outcome.as_str().to_owned()).unwrap_or_default(),
        number(record.input_tokens),
        number(record.output_tokens),
        record.total_latency_ms.map(|ms| format!("{ms:.0}")).unwrap_or_default(),
    ];
    format!("{}\n", cells.join(","))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut table = std::io::stdout();
    writeln!(table, "time,model,outcome,input tokens,output tokens,ms")?;
    let llmobs = llmobs::builder().sink(Csv(table)).start()?;

    let model = Model::new().start().await?;
    let config = OpenAIConfig::new().with_api_base(model.base_url()).with_api_key("none");
    let client = llmobs::openai::client(config);
    for question in ["Zippers last two years. How long do zippers last?", "Who sells zippers?"] {
        let request = CreateChatCompletionRequestArgs::default()
            .model("gpt-4o-mini")
            .messages([ChatCompletionRequestUserMessage::from(question).into()])
            .build()?;
        client.chat().create(request).await?;
    }

    tokio::task::block_in_place(|| llmobs.flush(Duration::from_secs(5)))?;
    for sink in llmobs.losses().sinks {
        let lost: u64 = sink.lost.values().sum();
        eprintln!("{} took {} records and lost {lost}", sink.sink, sink.delivered);
    }
    Ok(())
}

//! Who answers: a concierge, and two agents that it asks.

use llmobs::{prompt, trace_llm};

use crate::conversation::converse;
use crate::knowledge::Passage;
use crate::tools::{ConciergeTools, OrderTools, ReturnTools};
use crate::{BotError, Desk, Shop};

/// Talks to the customer.
#[trace_llm(kind = "agent", agent_version = "4", fields(desk = desk))]
pub(crate) async fn concierge(
    client: &Shop,
    question: &str,
    desk: Desk,
    passages: &[Passage],
) -> Result<String, BotError> {
    let instructions = instructions(passages);
    converse(client, "gpt-4o", instructions, question, &ConciergeTools { client }).await
}

/// The template is a file, so that those who write prompts need not write Rust.
#[trace_llm(kind = "prompt")]
fn instructions(passages: &[Passage]) -> String {
    let documents: Vec<&str> = passages.iter().map(|passage| passage.text).collect();
    let documents = documents.join("\n");
    prompt!("concierge", version = "4", file = "examples/support_bot/concierge.txt")
}

/// Knows where parcels are.
#[trace_llm(kind = "agent")]
pub(crate) async fn orders(client: &Shop, task: &str) -> Result<String, BotError> {
    // No version: it is known by its hash.
    let instructions = prompt!("orders", "You know the shop's orders. Be brief.");
    converse(client, "gpt-4o-mini", instructions, task, &OrderTools).await
}

/// Knows what comes back, and what is paid for it.
#[trace_llm(kind = "agent")]
pub(crate) async fn returns(client: &Shop, task: &str) -> Result<String, BotError> {
    let limit = format_args!("{:.2} EUR", 250.0);
    let instructions =
        prompt!("returns", version = "1", "You promise refunds of up to {limit}. Be brief.");
    converse(client, "gpt-4o-mini", instructions, task, &ReturnTools).await
}

//! What the agents can do. Each call runs in a step that has the id the model gave it.

use std::time::Duration;

use async_openai::types::chat::{
    ChatCompletionMessageToolCall, ChatCompletionTool, ChatCompletionTools, FunctionObjectArgs,
};
use llmobs::trace_llm;
use serde_json::{Value, json};

use crate::conversation::Toolbox;
use crate::{BotError, Shop, agents};

/// The concierge's tools are agents.
pub(crate) struct ConciergeTools<'c> {
    pub(crate) client: &'c Shop,
}

impl Toolbox for ConciergeTools<'_> {
    fn offered(&self) -> Result<Vec<ChatCompletionTools>, BotError> {
        Ok(vec![
            function("ask_orders", "Asks the agent for orders.", "task")?,
            function("ask_returns", "Asks the agent for returns and refunds.", "task")?,
        ])
    }

    #[trace_llm(kind = "tool", tool_call_id = call.id, tool_name = call.function.name)]
    async fn call(&self, call: &ChatCompletionMessageToolCall) -> Result<String, BotError> {
        let task = argument(call, "task")?;
        match call.function.name.as_str() {
            "ask_orders" => agents::orders(self.client, &task).await,
            "ask_returns" => agents::returns(self.client, &task).await,
            other => Err(BotError::UnknownTool(other.to_owned())),
        }
    }
}

pub(crate) struct OrderTools;

impl Toolbox for OrderTools {
    fn offered(&self) -> Result<Vec<ChatCompletionTools>, BotError> {
        Ok(vec![function("order_status", "Tells where an order is.", "order_id")?])
    }

    #[trace_llm(kind = "tool", tool_call_id = call.id,
        tool_name = call.function.name, tool_type = "function", capture(args, output))]
    async fn call(&self, call: &ChatCompletionMessageToolCall) -> Result<String, BotError> {
        let order = argument(call, "order_id")?;
        // A database takes a moment.
        tokio::time::sleep(Duration::from_millis(30)).await;
        Ok(match order.as_str() {
            "A-1042" => json!({ "status": "shipped", "arrival": "Thursday" }).to_string(),
            _ => json!({ "error": "there is no such order" }).to_string(),
        })
    }
}

pub(crate) struct ReturnTools;

impl Toolbox for ReturnTools {
    fn offered(&self) -> Result<Vec<ChatCompletionTools>, BotError> {
        Ok(vec![
            function("return_window", "Tells until when an order may come back.", "order_id")?,
            function("refund", "Tells what is paid back for an order.", "order_id")?,
        ])
    }

    #[trace_llm(kind = "tool", tool_call_id = call.id,
        tool_name = call.function.name, tool_type = "function", capture(args, output))]
    async fn call(&self, call: &ChatCompletionMessageToolCall) -> Result<String, BotError> {
        let order = argument(call, "order_id")?;
        tokio::time::sleep(Duration::from_millis(20)).await;
        match call.function.name.as_str() {
            "return_window" => Ok(json!({ "order": order, "days": 30 }).to_string()),
            "refund" => Ok(json!({ "order": order, "amount": "129.00 EUR" }).to_string()),
            other => Err(BotError::UnknownTool(other.to_owned())),
        }
    }
}

fn argument(call: &ChatCompletionMessageToolCall, name: &str) -> Result<String, BotError> {
    let arguments: Value = serde_json::from_str(&call.function.arguments)?;
    Ok(arguments.get(name).and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// A function with one argument, a text.
fn function(name: &str, does: &str, argument: &str) -> Result<ChatCompletionTools, BotError> {
    let function = FunctionObjectArgs::default()
        .name(name)
        .description(does)
        .parameters(json!({
            "type": "object",
            "properties": { argument: { "type": "string" } },
            "required": [argument],
        }))
        .build()?;
    Ok(ChatCompletionTools::Function(ChatCompletionTool { function }))
}

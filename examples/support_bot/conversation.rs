//! The loop of an agent: ask the model, run the tools it asks for, until it has an answer.

use async_openai::types::chat::{
    ChatCompletionMessageToolCall, ChatCompletionRequestAssistantMessageArgs,
    ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage,
    ChatCompletionRequestToolMessage, ChatCompletionRequestUserMessage, ChatCompletionTools,
    CreateChatCompletionRequestArgs,
};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use llmobs::openai::{Items, observe};

use crate::{BotError, Shop};

const MAX_TURNS: usize = 6;

/// What an agent can do besides talking.
pub(crate) trait Toolbox {
    fn offered(&self) -> Result<Vec<ChatCompletionTools>, BotError>;

    async fn call(&self, call: &ChatCompletionMessageToolCall) -> Result<String, BotError>;
}

/// Asks until there is an answer. Nothing in here is about observing but `observe`, which adds how
/// the stream was read.
pub(crate) async fn converse(
    client: &Shop,
    model: &str,
    instructions: String,
    task: &str,
    tools: &impl Toolbox,
) -> Result<String, BotError> {
    let mut messages: Vec<ChatCompletionRequestMessage> = vec![
        ChatCompletionRequestSystemMessage::from(instructions).into(),
        ChatCompletionRequestUserMessage::from(task).into(),
    ];
    for _ in 0..MAX_TURNS {
        let Turn { text, calls } = turn(client, model, messages.clone(), tools.offered()?).await?;
        if calls.is_empty() {
            return Ok(text);
        }
        let asked: Vec<_> = calls.iter().cloned().map(Into::into).collect();
        let asked =
            ChatCompletionRequestAssistantMessageArgs::default().tool_calls(asked).build()?;
        messages.push(asked.into());
        // All at once: that is why models ask for several.
        let results = try_join_all(calls.iter().map(|call| tools.call(call))).await?;
        for (call, result) in calls.into_iter().zip(results) {
            let (content, tool_call_id) = (result.into(), call.id);
            messages.push(ChatCompletionRequestToolMessage { content, tool_call_id }.into());
        }
    }
    Err(BotError::TooManyTurns(MAX_TURNS))
}

/// What the model said: an answer, or the calls it wants made first.
#[derive(Default)]
struct Turn {
    text: String,
    calls: Vec<ChatCompletionMessageToolCall>,
}

async fn turn(
    client: &Shop,
    model: &str,
    messages: Vec<ChatCompletionRequestMessage>,
    tools: Vec<ChatCompletionTools>,
) -> Result<Turn, BotError> {
    let request = CreateChatCompletionRequestArgs::default()
        .model(model)
        .messages(messages)
        .tools(tools)
        .build()?;
    let mut stream = observe(client.chat().create_stream(request), Items::chat()).await?;
    let mut turn = Turn::default();
    while let Some(chunk) = stream.next().await {
        let Some(choice) = chunk?.choices.into_iter().next() else { continue };
        turn.text += &choice.delta.content.unwrap_or_default();
        for part in choice.delta.tool_calls.into_iter().flatten() {
            let index = part.index as usize;
            if turn.calls.len() <= index {
                turn.calls.resize_with(index + 1, Default::default);
            }
            let (Some(call), Some(function)) = (turn.calls.get_mut(index), part.function) else {
                continue;
            };
            call.id += &part.id.unwrap_or_default();
            call.function.name += &function.name.unwrap_or_default();
            call.function.arguments += &function.arguments.unwrap_or_default();
        }
    }
    Ok(turn)
}

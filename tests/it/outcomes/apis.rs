//! The APIs, as far as the cases tell them apart.

use std::fmt;
use std::pin::Pin;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::completions::{CreateCompletionRequest, CreateCompletionRequestArgs};
use async_openai::types::responses::{CreateResponse, CreateResponseArgs};
use futures_util::{Stream, StreamExt};
use llmobs_testserver::{Answer, ChatScript, chat_chunks, chat_completion};
use serde_json::{Value, json};

use crate::support::question;

/// What every answer says, a token an event.
pub(super) const TOKENS: [&str; 3] = ["one", " two", " three"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    Chat,
    Responses,
    Completions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Streamed,
    Whole,
}

pub(super) type Events = Pin<Box<dyn Stream<Item = Result<(), OpenAIError>> + Send>>;

impl Api {
    pub(super) const ALL: [Self; 3] = [Self::Chat, Self::Responses, Self::Completions];

    /// The record's `api`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat_completions",
            Self::Responses => "responses",
            Self::Completions => "completions",
        }
    }

    /// The events before the first token.
    pub(super) fn opening(self) -> Vec<String> {
        match self {
            Self::Chat => chat_chunks(&script()).into_iter().take(1).map(data).collect(),
            Self::Responses => {
                let response = response("in_progress", json!([]));
                let message = json!({
                    "type": "message", "id": "msg_1", "role": "assistant",
                    "status": "in_progress", "content": [],
                });
                vec![
                    named(json!({"type": "response.created", "response": response})),
                    named(json!({
                        "type": "response.output_item.added", "output_index": 0, "item": message,
                    })),
                ]
            }
            Self::Completions => Vec::new(),
        }
    }

    fn tokens(self) -> Vec<String> {
        match self {
            Self::Chat => chat_chunks(&script()).into_iter().skip(1).take(3).map(data).collect(),
            Self::Responses => TOKENS
                .map(|token| {
                    named(json!({
                        "type": "response.output_text.delta", "item_id": "msg_1",
                        "output_index": 0, "content_index": 0, "delta": token, "logprobs": [],
                    }))
                })
                .into(),
            Self::Completions => {
                TOKENS.map(|token| data(completion(token, Value::Null).to_string())).into()
            }
        }
    }

    /// The events after the last token: what ends the answer, then the marker where there is one.
    pub(super) fn finish(self) -> Vec<String> {
        match self {
            Self::Chat => chat_chunks(&script()).into_iter().skip(4).map(data).collect(),
            Self::Responses => vec![ended("response.completed", self.whole())],
            Self::Completions => {
                vec![data(completion("", "stop".into()).to_string()), data("[DONE]".into())]
            }
        }
    }

    /// An error inside a stream.
    pub(super) fn error(self) -> String {
        match self {
            Self::Responses => named(json!({
                "type": "error", "code": "server_error", "message": "m", "param": null,
            })),
            _ => data(error("server_error", "server_error").to_string()),
        }
    }

    /// The first `n` tokens and what goes before them, for more to be added.
    pub(super) fn begun(self, n: usize) -> Answer {
        let events = self.opening().into_iter().chain(self.tokens().into_iter().take(n));
        events.fold(Answer::stream("text/event-stream"), Answer::write)
    }

    /// The stream, from its beginning to its end.
    pub(super) fn stream(self) -> Answer {
        self.finish().into_iter().fold(self.begun(3), Answer::write)
    }

    /// The answer in one piece.
    pub(super) fn whole(self) -> Value {
        match self {
            Self::Chat => chat_completion(&script()),
            Self::Responses => response("completed", output()),
            Self::Completions => completion(&TOKENS.concat(), "stop".into()),
        }
    }

    /// A good answer of this kind.
    pub(super) fn good(self, mode: Mode) -> Answer {
        match mode {
            Mode::Streamed => self.stream(),
            Mode::Whole => Answer::json(200, &self.whole()),
        }
    }

    /// Asks for a stream.
    pub(super) async fn ask_stream(
        self,
        client: &Client<OpenAIConfig>,
    ) -> Result<Events, OpenAIError> {
        Ok(match self {
            Self::Chat => plain(client.chat().create_stream(question("?")).await?),
            Self::Responses => plain(client.responses().create_stream(input()).await?),
            Self::Completions => plain(client.completions().create_stream(prompt()).await?),
        })
    }

    /// Asks for an answer in one piece.
    pub(super) async fn ask_whole(self, client: &Client<OpenAIConfig>) -> Result<(), OpenAIError> {
        match self {
            Self::Chat => client.chat().create(question("?")).await.map(drop),
            Self::Responses => client.responses().create(input()).await.map(drop),
            Self::Completions => client.completions().create(prompt()).await.map(drop),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Streamed => "streamed",
            Self::Whole => "whole",
        })
    }
}

/// An error as all three APIs answer it.
pub(super) fn error(kind: &str, code: &str) -> Value {
    json!({"error": {"message": "m", "type": kind, "code": code, "param": null}})
}

/// The last event of a response.
pub(super) fn ended(kind: &str, response: Value) -> String {
    named(json!({"type": kind, "response": response}))
}

/// A response of this status, with what it has generated.
pub(super) fn response(status: &str, output: Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "model": "small-1",
        "status": status, "output": output,
    })
}

/// A response that the server gave up.
pub(super) fn gave_up(code: &str) -> Value {
    with(response("failed", json!([])), "error", json!({"code": code, "message": "m"}))
}

/// An object with one more member.
pub(super) fn with(mut object: Value, name: &str, value: Value) -> Value {
    object.as_object_mut().expect("an object").insert(name.to_owned(), value);
    object
}

/// All tokens, as the output of a response.
pub(super) fn output() -> Value {
    json!([{
        "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": TOKENS.concat(), "annotations": []}],
    }])
}

fn completion(text: &str, finish_reason: Value) -> Value {
    json!({
        "id": "cmpl-1", "object": "text_completion", "created": 1_700_000_000, "model": "small-1",
        "choices": [{"index": 0, "text": text, "logprobs": null, "finish_reason": finish_reason}],
    })
}

fn script() -> ChatScript {
    ChatScript::tokens(TOKENS)
}

fn data(event: String) -> String {
    format!("data: {event}\n\n")
}

/// An event of the responses API, which has its name twice and a number.
fn named(event: Value) -> String {
    let name = event.get("type").and_then(Value::as_str).expect("a name").to_owned();
    format!("event: {name}\ndata: {}\n\n", with(event, "sequence_number", json!(0)))
}

fn plain<T: 'static>(
    events: impl Stream<Item = Result<T, OpenAIError>> + Send + 'static,
) -> Events {
    Box::pin(events.map(|event| event.map(drop)))
}

fn input() -> CreateResponse {
    let request = CreateResponseArgs::default().model("small").input("?").build();
    request.expect("the request is complete")
}

fn prompt() -> CreateCompletionRequest {
    let request = CreateCompletionRequestArgs::default().model("small").prompt("?").build();
    request.expect("the request is complete")
}

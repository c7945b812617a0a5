//! A pretend model: the routes of an OpenAI-compatible host, at a believable pace.

mod embedding;
mod json_schema;
mod noise;
mod reply;
mod words;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::chat::{ChatScript, ToolCall, Usage, chat_chunks, chat_completion};
use crate::model::json_schema::at;
use crate::model::noise::Noise;
use crate::model::reply::Reply;
use crate::received::Received;
use crate::server::Server;
use crate::tokens::tokens;

const DATED: [(&str, &str); 6] = [
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    ("gpt-4.1", "gpt-4.1-2025-04-14"),
    ("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14"),
    ("text-embedding-3-small", "text-embedding-3-small"),
    ("text-embedding-3-large", "text-embedding-3-large"),
];

/// A model that needs no key and no network, for examples about questions over documents.
///
/// It serves `/chat/completions` (streamed or not), `/embeddings` and `/models` under any prefix.
/// What it says follows from the request alone:
///
/// - The last message is a user's, tools are offered, and a word of a tool's name is in the
///   question (`get_order` for "Where is my order A-17?"; verbs such as `get` do not count, and
///   `tool_choice` is respected): one call of that tool, its arguments picked out of the question.
/// - The last message is a tool's result: its fields in a sentence.
/// - Else: the sentence of the prompt that shares most words with the question, or that it does
///   not know.
/// - A `response_format` that asks for JSON gets an object of that schema around the answer.
///
/// Tokens are counted by one rule everywhere: a stream has as many content chunks as its usage has
/// completion tokens. Every answer has one choice, whatever `n` is.
#[derive(Clone, Debug)]
#[must_use]
pub struct Model {
    first_token: Duration,
    per_token: (Duration, Duration),
    seed: u64,
}

impl Model {
    /// A model whose first token takes about 300 ms and every other one 15 to 40 ms.
    pub fn new() -> Self {
        Self {
            first_token: Duration::from_millis(300),
            per_token: (Duration::from_millis(15), Duration::from_millis(40)),
            seed: 0,
        }
    }

    /// How long the first token takes, give or take a tenth. Defaults to 300 ms.
    pub fn first_token(mut self, duration: Duration) -> Self {
        self.first_token = duration;
        self
    }

    /// The shortest and the longest time between two tokens. Defaults to 15 and 40 ms.
    pub fn per_token(mut self, min: Duration, max: Duration) -> Self {
        self.per_token = (min, max.max(min));
        self
    }

    /// Takes no time at all, for tests.
    pub fn instant(self) -> Self {
        self.first_token(Duration::ZERO).per_token(Duration::ZERO, Duration::ZERO)
    }

    /// Changes the pseudo-random times and ids. Defaults to 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Starts it on a server of its own.
    ///
    /// The server only counts requests, so that it can run for long; turn
    /// [`recording`](Server::recording) on to look at them. Answers queued on the server come first.
    ///
    /// # Errors
    ///
    /// If no port can be bound or no thread can be started.
    pub async fn start(self) -> io::Result<Server> {
        Ok(self.serve(Server::start().await?))
    }

    /// Starts it from code without a runtime; see [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// If no port can be bound or no thread can be started.
    pub fn start_blocking(self) -> io::Result<Server> {
        Ok(self.serve(Server::start_blocking()?))
    }

    fn serve(self, server: Server) -> Server {
        let n_requests = AtomicU64::new(0);
        server.recording(false);
        server.handler(move |request| {
            let n = n_requests.fetch_add(1, Ordering::Relaxed);
            self.answer(request, &mut Noise::new(self.seed, n, &request.body))
        });
        server
    }

    fn answer(&self, request: &Received, noise: &mut Noise) -> Answer {
        let path = request.path().trim_end_matches('/');
        let post = request.method == "POST";
        let answer = if post && path.ends_with("/chat/completions") {
            self.with_json(request, |body| self.chat(body, noise))
        } else if post && path.ends_with("/embeddings") {
            self.with_json(request, embedding::answer)
        } else if request.method == "GET" && path.ends_with("/models") {
            let models: Vec<Value> = DATED.iter().map(|(name, _)| model_object(name)).collect();
            Ok(Answer::json(200, &json!({"object": "list", "data": models})))
        } else {
            let message = format!("Invalid URL ({} {path})", request.method);
            return error(404, &message, None);
        };
        let answer = answer.unwrap_or_else(|problem| error(400, problem.message, problem.param));
        answer
            .header("x-request-id", &format!("req_{}", noise.hex(32)))
            .header("openai-version", "2020-10-01")
            .header("x-ratelimit-limit-requests", "10000")
            .header("x-ratelimit-remaining-requests", "9999")
            .header("x-ratelimit-reset-requests", "6ms")
    }

    fn with_json(
        &self,
        request: &Received,
        answer: impl FnOnce(&Value) -> Result<Answer, Problem>,
    ) -> Result<Answer, Problem> {
        let body = request
            .json()
            .ok_or(Problem { message: "the body of the request is not JSON", param: None })?;
        answer(&body)
    }

    fn chat(&self, request: &Value, noise: &mut Noise) -> Result<Answer, Problem> {
        let model = requested_model(request)?;
        let messages =
            request["messages"].as_array().filter(|messages| !messages.is_empty()).ok_or(
                Problem { message: "messages must be a non-empty array", param: Some("messages") },
            )?;
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let id = format!("chatcmpl-{}", noise.base62(29));
        let script = match reply::reply(request, messages) {
            Reply::Text(text) => limited(&text, request),
            Reply::Call { name, arguments } => {
                let id = format!("call_{}", noise.base62(24));
                ChatScript::new("").tool_call(ToolCall::new(&id, &name, &arguments.to_string()))
            }
        };
        let script = script
            .id(&id)
            .model(&dated(model))
            .created(created)
            .fingerprint(Some(&format!("fp_{}", Noise::new(0, 0, model.as_bytes()).hex(10))));
        let usage = Usage {
            prompt: reply::prompt_tokens(request, messages),
            completion: script.output_tokens(),
            ..Usage::default()
        };
        let first_token = noise.between(self.first_token * 9 / 10, self.first_token * 11 / 10);
        let answer = if request["stream"].as_bool() == Some(true) {
            let with_usage = at(request, "/stream_options/include_usage").as_bool() == Some(true);
            let script = if with_usage { script.usage(usage) } else { script };
            self.streamed(&script, first_token, noise)
        } else {
            let rest = (1..usage.completion).map(|_| self.token_time(noise)).sum::<Duration>();
            let delay = first_token + rest;
            Answer::json(200, &chat_completion(&script.usage(usage)))
                .delay_headers(delay)
                .header("openai-processing-ms", &delay.as_millis().to_string())
        };
        Ok(answer)
    }

    /// The head comes shortly before the first token, as it does from hosts that queue first.
    fn streamed(&self, script: &ChatScript, first_token: Duration, noise: &mut Noise) -> Answer {
        let head = first_token * 4 / 5;
        let mut answer = Answer::stream("text/event-stream; charset=utf-8")
            .delay_headers(head)
            .header("openai-processing-ms", &head.as_millis().to_string());
        let mut generated = 0;
        for event in chat_chunks(script) {
            let is_token = event.contains(r#""content":""#) || event.contains(r#""tool_calls":["#);
            if is_token && !event.contains(r#""role":"#) {
                let pause =
                    if generated == 0 { first_token - head } else { self.token_time(noise) };
                generated += 1;
                if !pause.is_zero() {
                    answer = answer.pause(pause);
                }
            }
            answer = answer.write(format!("data: {event}\n\n"));
        }
        answer
    }

    fn token_time(&self, noise: &mut Noise) -> Duration {
        noise.between(self.per_token.0, self.per_token.1)
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

/// What is wrong with a request.
struct Problem {
    message: &'static str,
    param: Option<&'static str>,
}

fn error(status: u16, message: &str, param: Option<&str>) -> Answer {
    let error = json!({
        "message": message,
        "type": "invalid_request_error",
        "param": param,
        "code": null,
    });
    Answer::json(status, &json!({"error": error}))
}

fn requested_model(request: &Value) -> Result<&str, Problem> {
    request["model"]
        .as_str()
        .filter(|model| !model.is_empty())
        .ok_or(Problem { message: "you must provide a model parameter", param: Some("model") })
}

/// The dated name a host answers with; names that are not known are taken as dated already if they
/// end in a digit.
fn dated(model: &str) -> String {
    let known = DATED.iter().find(|(name, _)| *name == model);
    match known {
        Some((_, dated)) => (*dated).to_owned(),
        None if model.ends_with(|c: char| c.is_ascii_digit()) => model.to_owned(),
        None => format!("{model}-2024-07-18"),
    }
}

fn model_object(name: &str) -> Value {
    json!({"id": name, "object": "model", "created": 1_721_172_741, "owned_by": "system"})
}

/// The text as a script, cut short at the request's limit of tokens.
fn limited(text: &str, request: &Value) -> ChatScript {
    let mut tokens = tokens(text);
    let limit = ["max_completion_tokens", "max_tokens"]
        .iter()
        .find_map(|name| request[*name].as_u64())
        .and_then(|limit| usize::try_from(limit).ok());
    match limit {
        Some(limit) if limit < tokens.len() => {
            tokens.truncate(limit);
            ChatScript::tokens(tokens).finish_reason("length")
        }
        _ => ChatScript::tokens(tokens),
    }
}

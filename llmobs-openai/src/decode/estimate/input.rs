//! The tokens of a request.
//!
//! A request that holds, or stands for, anything but text has no count: an image's tokens, or those of
//! a conversation that the server remembers, are not known here.

use serde_json::Value;

use super::encoding::Counter;
use super::model::Model;
use super::tools;
use crate::decode::json::{
    Maybe, Raw, each, has_members, has_text, member, object, some_text, text,
};

/// Tokens that frame every message.
const PER_MESSAGE: u64 = 3;
/// Tokens that a system message saves where there are tools: they share a message.
const SHARED_WITH_TOOLS: u64 = 4;

object! {
    struct Request<'a> {
        model: Raw<'a> = "model",
        messages: Raw<'a> = "messages",
        input: Raw<'a> = "input",
        instructions: Raw<'a> = "instructions",
        prompt: Raw<'a> = "prompt",
        suffix: Raw<'a> = "suffix",
        tools: Raw<'a> = "tools",
        functions: Raw<'a> = "functions",
        previous_response_id: Raw<'a> = "previous_response_id",
        conversation: Raw<'a> = "conversation",
        response_format: Maybe<Format<'a>> = "response_format",
        text: Maybe<TextFormat<'a>> = "text",
    }
}

object! {
    /// A message, or another item of a conversation.
    struct Item<'a> {
        kind: Raw<'a> = "type",
        role: Raw<'a> = "role",
        content: Raw<'a> = "content",
        name: Raw<'a> = "name",
        reasoning_content: Raw<'a> = "reasoning_content",
        refusal: Raw<'a> = "refusal",
        tool_calls: Raw<'a> = "tool_calls",
        function_call: Maybe<Function<'a>> = "function_call",
        audio: Raw<'a> = "audio",
        arguments: Raw<'a> = "arguments",
        input: Raw<'a> = "input",
        output: Raw<'a> = "output",
    }
}

object! {
    struct Call<'a> {
        function: Maybe<Function<'a>> = "function",
        custom: Maybe<Function<'a>> = "custom",
    }
}

object! {
    struct Function<'a> {
        name: Raw<'a> = "name",
        arguments: Raw<'a> = "arguments",
        input: Raw<'a> = "input",
    }
}

object! {
    struct Part<'a> {
        kind: Raw<'a> = "type",
        text: Raw<'a> = "text",
        refusal: Raw<'a> = "refusal",
        thinking: Raw<'a> = "thinking",
    }
}

object! {
    struct TextFormat<'a> {
        format: Maybe<Format<'a>> = "format",
    }
}

object! {
    struct Format<'a> {
        json_schema: Maybe<Schema<'a>> = "json_schema",
        schema: Raw<'a> = "schema",
    }
}

object! {
    struct Schema<'a> {
        schema: Raw<'a> = "schema",
    }
}

/// The API a request is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum Api {
    Chat,
    Responses,
    Completions,
    Embeddings,
}

/// Tokens of a request's body, unless there is more in it than text.
pub(in crate::decode) fn count_request(api: Api, body: &[u8]) -> Option<u64> {
    let json = crate::decode::json::utf8(body);
    let request = crate::decode::json::read::<Request<'_>>(&json)?;
    let model = text(request.model);
    let mut sum = Sum { model: Model::of(model.as_deref()), tokens: 0, known: true, system: false };
    match api {
        Api::Chat => sum.chat(&request),
        Api::Responses => sum.responses(&request),
        Api::Completions => {
            sum.prompts(request.prompt);
            sum.text(request.suffix);
        }
        Api::Embeddings => sum.prompts(request.input),
    }
    Some(sum.tokens).filter(|tokens| sum.known && *tokens > 0)
}

struct Sum {
    model: Model,
    tokens: u64,
    /// All of it was text so far.
    known: bool,
    /// There is a system message.
    system: bool,
}

impl Sum {
    fn chat(&mut self, request: &Request<'_>) {
        self.known &= has_members(request.messages);
        each(request.messages, |Maybe(message): Maybe<Item<'_>>| match message {
            Some(message) => self.message(&message),
            None => self.known = false,
        });
        self.around(Api::Chat, request);
    }

    fn responses(&mut self, request: &Request<'_>) {
        // What the server remembers is part of the input too.
        let remembered = has_text(request.previous_response_id)
            || [request.conversation, request.prompt]
                .iter()
                .any(|raw| has_text(*raw) || has_members(*raw));
        self.known &= !remembered && (has_text(request.input) || has_members(request.input));
        if has_text(request.instructions) {
            self.tokens += PER_MESSAGE + 1;
            self.text(request.instructions);
            self.system = true;
        }
        if has_text(request.input) {
            self.tokens += PER_MESSAGE + 1;
            self.text(request.input);
        }
        each(request.input, |Maybe(item): Maybe<Item<'_>>| match item {
            Some(item) => self.item(&item),
            None => self.known = false,
        });
        self.around(Api::Responses, request);
    }

    fn item(&mut self, item: &Item<'_>) {
        match text(item.kind).as_deref() {
            None | Some("message") => self.message(item),
            Some("function_call" | "custom_tool_call") => {
                self.tokens += PER_MESSAGE + self.model.around_calls(1);
                self.text(item.name);
                self.text(item.arguments);
                self.text(item.input);
            }
            Some("function_call_output" | "custom_tool_call_output") => {
                self.tokens += PER_MESSAGE + 1;
                self.content(item.output);
            }
            _ => self.known = false,
        }
    }

    fn message(&mut self, message: &Item<'_>) {
        self.known &= !has_members(message.audio);
        self.tokens += PER_MESSAGE;
        self.text(message.role);
        self.system |=
            text(message.role).is_some_and(|role| role == "system" || role == "developer");
        self.content(message.content);
        self.text(message.reasoning_content);
        self.text(message.refusal);
        if has_text(message.name) {
            self.tokens += 1;
            self.text(message.name);
        }
        let mut calls = u64::from(message.function_call.0.is_some());
        each(message.tool_calls, |Maybe(call): Maybe<Call<'_>>| {
            let function = call.and_then(|call| call.function.0.or(call.custom.0));
            self.call(function.as_ref());
            calls += 1;
        });
        if message.function_call.0.is_some() {
            self.call(message.function_call.0.as_ref());
        }
        self.tokens += self.model.around_calls(calls);
    }

    fn call(&mut self, function: Option<&Function<'_>>) {
        let Some(function) = function else {
            self.known = false;
            return;
        };
        self.text(function.name);
        self.text(function.arguments);
        self.text(function.input);
    }

    /// A text, or a list of parts.
    fn content(&mut self, raw: Raw<'_>) {
        self.text(raw);
        self.known &= !raw.is_some_and(|raw| raw.get().starts_with('{'));
        each(raw, |raw: Raw<'_>| {
            self.text(raw);
            let Some(part) = member::<Part<'_>>(raw) else { return };
            let kind = text(part.kind);
            let spoken = ["text", "input_text", "output_text", "refusal", "thinking"];
            self.known &= kind.is_none_or(|kind| spoken.contains(&&*kind));
            self.text(part.text);
            self.text(part.refusal);
            self.text(part.thinking);
        });
    }

    /// One or several texts, or lists of tokens that somebody has counted already.
    fn prompts(&mut self, raw: Raw<'_>) {
        self.known &= has_text(raw) || has_members(raw);
        self.text(raw);
        each(raw, |raw: Raw<'_>| self.prompt(raw));
    }

    fn prompt(&mut self, raw: Raw<'_>) {
        let Some(json) = raw.map(|raw| raw.get()) else { return };
        if json.starts_with('[') {
            each(raw, |_: Raw<'_>| self.tokens += 1);
        } else if json.starts_with('"') {
            self.text(raw);
        } else if json.parse::<u64>().is_ok() {
            self.tokens += 1;
        } else {
            self.known = false;
        }
    }

    /// What is told of tools and of the answer's form, and what is around it all.
    fn around(&mut self, api: Api, request: &Request<'_>) {
        self.tokens += self.model.around_messages();
        let format = request.response_format.0.as_ref();
        let format = format.or(request.text.0.as_ref().and_then(|text| text.format.0.as_ref()));
        if let Some(format) = format {
            let nested = format.json_schema.0.as_ref().and_then(|format| format.schema);
            self.json(nested.or(format.schema));
        }
        let tools = [request.tools, request.functions].into_iter().find(|raw| has_members(*raw));
        let Some(tools) = tools else { return };
        let mut counter = Counter::default();
        let encoding = self.model.encoding;
        match tools::declare_all(tools, &mut |piece| counter.push(encoding, piece)) {
            Some(()) if self.model.declares_tools() => {
                let around = self.model.around_tools(api == Api::Responses);
                self.tokens += counter.total(encoding) + around;
                self.tokens -= if self.system { SHARED_WITH_TOOLS } else { 0 };
            }
            Some(()) => self.json(tools),
            None => self.known = false,
        }
    }

    /// JSON, which models get without the space that the application set it with.
    fn json(&mut self, raw: Raw<'_>) {
        let value = raw.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
        if let Some(value) = value {
            self.tokens += self.model.encoding.count(&value.to_string());
        }
    }

    fn text(&mut self, raw: Raw<'_>) {
        if let Some(text) = some_text(raw) {
            self.tokens += self.model.encoding.count(&text);
        }
    }
}

//! What a request asks for.

use llmobs_core::{Capture, Params, Record};
use serde_json::Value;

use super::json::{Few, Maybe, Raw, count, flag, has_text, list, number, object, some_text, text};
use super::kept::word;
use super::messages;

object! {
    struct Request<'a> {
        model: Raw<'a> = "model",
        stream: Raw<'a> = "stream",
        temperature: Raw<'a> = "temperature",
        top_p: Raw<'a> = "top_p",
        top_k: Raw<'a> = "top_k",
        max_completion_tokens: Raw<'a> = "max_completion_tokens",
        max_tokens: Raw<'a> = "max_tokens",
        max_output_tokens: Raw<'a> = "max_output_tokens",
        n: Raw<'a> = "n",
        seed: Raw<'a> = "seed",
        stop: Raw<'a> = "stop",
        frequency_penalty: Raw<'a> = "frequency_penalty",
        presence_penalty: Raw<'a> = "presence_penalty",
        reasoning_effort: Raw<'a> = "reasoning_effort",
        reasoning: Maybe<Reasoning<'a>> = "reasoning",
        response_format: Maybe<Format<'a>> = "response_format",
        text: Maybe<TextFormat<'a>> = "text",
        tools: Raw<'a> = "tools",
        functions: Raw<'a> = "functions",
        stream_options: Maybe<StreamOptions<'a>> = "stream_options",
        service_tier: Raw<'a> = "service_tier",
        conversation: Raw<'a> = "conversation",
        previous_response_id: Raw<'a> = "previous_response_id",
        prompt: Raw<'a> = "prompt",
        encoding_format: Raw<'a> = "encoding_format",
        dimensions: Raw<'a> = "dimensions",
        messages: Raw<'a> = "messages",
        input: Raw<'a> = "input",
        instructions: Raw<'a> = "instructions",
    }
}

object! {
    struct Reasoning<'a> {
        effort: Raw<'a> = "effort",
    }
}

object! {
    struct Format<'a> {
        kind: Raw<'a> = "type",
    }
}

object! {
    struct TextFormat<'a> {
        format: Maybe<Format<'a>> = "format",
    }
}

object! {
    struct StreamOptions<'a> {
        include_usage: Raw<'a> = "include_usage",
    }
}

object! {
    struct Identified<'a> {
        id: Raw<'a> = "id",
        version: Raw<'a> = "version",
    }
}

/// Fills in what the request says; a body that is no JSON object says nothing.
pub(super) fn read(body: &[u8], capture: Capture, record: &mut Record) {
    let json = super::json::utf8(body);
    let Some(request) = super::json::read::<Request<'_>>(&json) else { return };
    record.model = name(request.model);
    record.stream = flag(request.stream);
    let params = request.params();
    if params != Params::default() {
        record.params = Some(Box::new(params));
    }
    request.content(capture, record);
}

impl Request<'_> {
    fn params(&self) -> Params {
        let first = |of: &[Raw<'_>]| of.iter().find_map(|raw| count(*raw));
        let effort = self.reasoning.0.as_ref().and_then(|reasoning| name(reasoning.effort));
        let text_format = self.text.0.as_ref().and_then(|text| text.format.0.as_ref());
        let format = self.response_format.0.as_ref().or(text_format);
        let options = self.stream_options.0.as_ref();
        let prompt: Option<Identified<'_>> = super::json::member(self.prompt);
        let conversation: Option<Identified<'_>> = super::json::member(self.conversation);
        Params {
            temperature: number(self.temperature),
            top_p: number(self.top_p),
            top_k: number(self.top_k),
            max_tokens: first(&[
                self.max_completion_tokens,
                self.max_tokens,
                self.max_output_tokens,
            ]),
            n: count(self.n),
            seed: self.seed.and_then(|seed| seed.get().parse().ok()),
            stop: stops(self.stop),
            frequency_penalty: number(self.frequency_penalty),
            presence_penalty: number(self.presence_penalty),
            reasoning_effort: name(self.reasoning_effort).or(effort),
            response_format: format.and_then(|format| name(format.kind)),
            tools_count: length(self.tools).or_else(|| length(self.functions)),
            include_usage: options.and_then(|options| flag(options.include_usage)),
            service_tier: name(self.service_tier),
            conversation_id: name(self.conversation)
                .or_else(|| conversation.and_then(|conversation| name(conversation.id))),
            previous_response_id: some_text(self.previous_response_id).map(Into::into),
            prompt_id: prompt.as_ref().and_then(|prompt| name(prompt.id)),
            prompt_version: prompt.as_ref().and_then(|prompt| name(prompt.version)),
            encoding_format: name(self.encoding_format),
            dimensions: count(self.dimensions),
        }
    }

    fn content(&self, capture: Capture, record: &mut Record) {
        let value = |raw: Raw<'_>| serde_json::from_str::<Value>(raw?.get()).ok();
        if capture.has_input() {
            let prompt = self.prompt.filter(|raw| !raw.get().starts_with('{'));
            let sent = value(self.messages)
                .map(|sent| messages::from_chat(sent, capture))
                .or_else(|| value(self.input).map(|sent| messages::from_input(sent, capture)))
                .or_else(|| value(prompt).map(messages::from_prompt));
            if sent.is_some() {
                record.content.get_or_insert_default().input_messages = sent;
            }
            if let Some(instructions) = some_text(self.instructions) {
                let parts = serde_json::json!([{"type": "text", "content": instructions}]);
                record.content.get_or_insert_default().system_instructions = Some(parts);
            }
        }
        if capture.has_tools()
            && let Some(tools) = value(self.tools).or_else(|| value(self.functions))
        {
            let tools = messages::tool_definitions(tools);
            record.content.get_or_insert_default().tool_definitions = Some(tools);
        }
    }
}

fn name(raw: Raw<'_>) -> Option<String> {
    if has_text(raw) { text(raw).and_then(word) } else { None }
}

/// How many elements an array has; nothing is offered by an empty one either.
fn length(raw: Raw<'_>) -> Option<u64> {
    let json = raw?.get();
    let counted: Vec<serde::de::IgnoredAny> = serde_json::from_str(json).ok()?;
    Some(counted.len() as u64)
}

fn stops(raw: Raw<'_>) -> Vec<String> {
    if let Some(one) = text(raw) {
        return vec![one.into_owned()];
    }
    let many: Few<Raw<'_>> = list(raw);
    many.iter().filter_map(|raw| text(*raw)).map(Into::into).collect()
}

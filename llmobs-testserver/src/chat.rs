//! Chat completions as OpenAI sends them: the chunks of a stream, and the answer in one piece.

use serde_json::{Value, json};

use crate::tokens::tokens;

/// One tool call of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The call's id, such as `call_1`.
    pub id: String,
    /// The function's name.
    pub name: String,
    /// The arguments in the pieces in which they are streamed.
    pub arguments: Vec<String>,
}

impl ToolCall {
    /// A call with these arguments (JSON text), streamed a token at a time.
    #[must_use]
    pub fn new(id: &str, name: &str, arguments: &str) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), arguments: tokens(arguments) }
    }
}

/// The token counts an answer reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt, the cached ones included.
    pub prompt: u64,
    /// Tokens generated, the reasoning ones included.
    pub completion: u64,
    /// Tokens of the prompt that were read from a cache.
    pub cached: u64,
    /// Tokens generated as reasoning.
    pub reasoning: u64,
}

impl Usage {
    /// The usage object as OpenAI sends it.
    #[must_use]
    pub fn json(&self) -> Value {
        let Self { prompt, completion, cached, reasoning } = *self;
        json!({
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        })
    }
}

/// What a chat completion says, streamed or not.
#[derive(Clone, Debug)]
#[must_use]
pub struct ChatScript {
    id: String,
    model: String,
    created: u64,
    fingerprint: Option<String>,
    content: Vec<String>,
    reasoning: Vec<String>,
    tool_calls: Vec<ToolCall>,
    finish_reason: Option<String>,
    usage: Option<Usage>,
    done: bool,
}

impl ChatScript {
    /// An answer with this text, one token a chunk.
    ///
    /// Defaults: id `chatcmpl-1`, model `gpt-4o-mini-2024-07-18`, created 1700000000, fingerprint
    /// `fp_test`, finish reason `stop`, no usage, `[DONE]` at the end.
    pub fn new(content: &str) -> Self {
        Self::tokens(tokens(content))
    }

    /// An answer with these tokens, one a chunk; the defaults are those of [`new`](Self::new).
    pub fn tokens(content: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            id: "chatcmpl-1".into(),
            model: "gpt-4o-mini-2024-07-18".into(),
            created: 1_700_000_000,
            fingerprint: Some("fp_test".into()),
            content: content.into_iter().map(Into::into).collect(),
            reasoning: Vec::new(),
            tool_calls: Vec::new(),
            finish_reason: Some("stop".into()),
            usage: None,
            done: true,
        }
    }

    /// Sets the completion's id.
    pub fn id(mut self, id: &str) -> Self {
        self.id = id.to_owned();
        self
    }

    /// Sets the model that says it answered.
    pub fn model(mut self, model: &str) -> Self {
        self.model = model.to_owned();
        self
    }

    /// Sets the creation time in seconds since 1970.
    pub fn created(mut self, created: u64) -> Self {
        self.created = created;
        self
    }

    /// Sets or removes the system fingerprint.
    pub fn fingerprint(mut self, fingerprint: Option<&str>) -> Self {
        self.fingerprint = fingerprint.map(str::to_owned);
        self
    }

    /// Streams this as `reasoning_content` before the answer, one token a chunk.
    pub fn reasoning(mut self, text: &str) -> Self {
        self.reasoning = tokens(text);
        self
    }

    /// Adds a tool call after the text and sets the finish reason to `tool_calls`.
    pub fn tool_call(mut self, call: ToolCall) -> Self {
        self.tool_calls.push(call);
        self.finish_reason("tool_calls")
    }

    /// Sets the finish reason.
    pub fn finish_reason(mut self, reason: &str) -> Self {
        self.finish_reason = Some(reason.to_owned());
        self
    }

    /// Leaves the finish reason out, as an answer that broke off does.
    pub fn unfinished(mut self) -> Self {
        self.finish_reason = None;
        self
    }

    /// Reports usage: in a stream as the last chunk (with empty `choices`, and `"usage":null` in
    /// every other chunk).
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Leaves out the `[DONE]` at the end of a stream.
    pub fn no_done(mut self) -> Self {
        self.done = false;
        self
    }

    /// The tokens generated: those of reasoning, text, and tool calls with their names.
    #[must_use]
    pub fn output_tokens(&self) -> u64 {
        let calls =
            self.tool_calls.iter().map(|call| tokens(&call.name).len() + call.arguments.len());
        (self.reasoning.len() + self.content.len() + calls.sum::<usize>()) as u64
    }

    /// How many tokens of reasoning there are.
    #[must_use]
    pub fn reasoning_tokens(&self) -> u64 {
        self.reasoning.len() as u64
    }

    // Written by hand: `serde_json` would sort the keys, and no host sends them like that.
    fn chunk(&self, choices: &str, usage: Option<&Usage>) -> String {
        let fingerprint =
            self.fingerprint.as_ref().map_or(Value::Null, |text| Value::from(text.as_str()));
        let usage = match (usage, &self.usage) {
            (Some(usage), _) => format!(",\"usage\":{}", usage.json()),
            (None, Some(_)) => ",\"usage\":null".to_owned(),
            (None, None) => String::new(),
        };
        format!(
            r#"{{"id":{},"object":"chat.completion.chunk","created":{},"model":{},"service_tier":"default","system_fingerprint":{fingerprint},"choices":[{choices}]{usage}}}"#,
            Value::from(self.id.as_str()),
            self.created,
            Value::from(self.model.as_str()),
        )
    }

    fn delta(&self, delta: &str, finish_reason: &Value) -> String {
        let choice = format!(
            r#"{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish_reason}}}"#
        );
        self.chunk(&choice, None)
    }
}

/// The `chat.completion.chunk` events of a stream, without their `data: `, `[DONE]` included.
///
/// In this order: the role, reasoning, text, tool calls (id and name first, then the arguments),
/// the finish reason, the usage.
#[must_use]
pub fn chat_chunks(script: &ChatScript) -> Vec<String> {
    let text = |text: &String| Value::from(text.as_str());
    let first = if script.content.is_empty() && !script.tool_calls.is_empty() {
        r#"{"role":"assistant","content":null}"#
    } else {
        r#"{"role":"assistant","content":"","refusal":null}"#
    };
    let mut deltas = vec![first.to_owned()];
    for token in &script.reasoning {
        deltas.push(format!(r#"{{"reasoning_content":{}}}"#, text(token)));
    }
    for token in &script.content {
        deltas.push(format!(r#"{{"content":{}}}"#, text(token)));
    }
    for (index, call) in script.tool_calls.iter().enumerate() {
        deltas.push(format!(
            r#"{{"tool_calls":[{{"index":{index},"id":{},"type":"function","function":{{"name":{},"arguments":""}}}}]}}"#,
            text(&call.id),
            text(&call.name),
        ));
        for piece in &call.arguments {
            deltas.push(format!(
                r#"{{"tool_calls":[{{"index":{index},"function":{{"arguments":{}}}}}]}}"#,
                text(piece),
            ));
        }
    }
    let mut chunks: Vec<String> =
        deltas.iter().map(|delta| script.delta(delta, &Value::Null)).collect();
    chunks.extend(script.finish_reason.as_ref().map(|reason| script.delta("{}", &text(reason))));
    chunks.extend(script.usage.as_ref().map(|usage| script.chunk("", Some(usage))));
    chunks.extend(script.done.then(|| "[DONE]".to_owned()));
    chunks
}

/// The same answer as one `chat.completion` object.
#[must_use]
pub fn chat_completion(script: &ChatScript) -> Value {
    let calls: Vec<Value> = script
        .tool_calls
        .iter()
        .map(|call| {
            json!({
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments.concat()},
            })
        })
        .collect();
    let content = (!script.content.is_empty() || calls.is_empty()).then(|| script.content.concat());
    let mut message =
        json!({"role": "assistant", "content": content, "refusal": null, "annotations": []});
    if let Some(fields) = message.as_object_mut() {
        if !calls.is_empty() {
            fields.insert("tool_calls".into(), calls.into());
        }
        if !script.reasoning.is_empty() {
            fields.insert("reasoning_content".into(), script.reasoning.concat().into());
        }
    }
    let mut completion = json!({
        "id": script.id,
        "object": "chat.completion",
        "created": script.created,
        "model": script.model,
        "choices": [{
            "index": 0,
            "message": message,
            "logprobs": null,
            "finish_reason": script.finish_reason,
        }],
        "service_tier": "default",
        "system_fingerprint": script.fingerprint,
    });
    if let (Some(fields), Some(usage)) = (completion.as_object_mut(), &script.usage) {
        fields.insert("usage".into(), usage.json());
    }
    completion
}

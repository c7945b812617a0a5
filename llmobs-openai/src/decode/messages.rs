//! Messages sent, in the GenAI message format.

use llmobs_core::Capture;
use serde_json::{Map, Value, json};

use super::media;
pub(super) use super::media::blob;

/// Messages of a chat request.
pub(super) fn from_chat(sent: Value, capture: Capture) -> Value {
    let Value::Array(sent) = sent else { return Value::Array(Vec::new()) };
    sent.into_iter().map(|message| chat_message(message, capture)).collect()
}

/// Input of a Responses or embeddings request: a text, texts, or items.
pub(super) fn from_input(sent: Value, capture: Capture) -> Value {
    match sent {
        Value::String(text) => json!([user(&text)]),
        Value::Array(items) => {
            items.into_iter().filter_map(|item| input_item(item, capture)).collect()
        }
        _ => Value::Array(Vec::new()),
    }
}

/// Prompt of a legacy request: a text, or texts.
pub(super) fn from_prompt(sent: Value) -> Value {
    from_input(sent, Capture::NONE)
}

/// Tools offered, without the wrapping that only the chat API has.
///
/// A provider's own tools have no name but their type, and the conventions ask for one of each.
pub(super) fn tool_definitions(sent: Value) -> Value {
    let Value::Array(sent) = sent else { return Value::Array(Vec::new()) };
    let unwrap = |tool: Value| {
        let Value::Object(mut tool) = tool else { return tool };
        let kind = tool.get("type").and_then(Value::as_str).unwrap_or("function").to_owned();
        let Some(Value::Object(mut inner)) = tool.remove(&kind) else {
            let label = tool.get("server_label").and_then(Value::as_str);
            let name = label.unwrap_or(&kind).to_owned();
            tool.entry("name").or_insert_with(|| name.into());
            tool.insert("type".into(), kind.into());
            return Value::Object(tool);
        };
        inner.insert("type".into(), kind.into());
        Value::Object(inner)
    };
    sent.into_iter().map(unwrap).collect()
}

fn user(text: &str) -> Value {
    json!({"role": "user", "parts": [{"type": "text", "content": text}]})
}

fn chat_message(message: Value, capture: Capture) -> Value {
    let Value::Object(mut message) = message else { return json!({"role": "", "parts": []}) };
    let role = take_text(&mut message, "role").unwrap_or_default();
    let name = take_text(&mut message, "name");
    let mut parts = Vec::new();
    for field in ["reasoning_content", "reasoning"] {
        if let Some(text) = take_text(&mut message, field).filter(|_| parts.is_empty()) {
            parts.push(json!({"type": "reasoning", "content": text}));
        }
    }
    let content = message.remove("content").unwrap_or_default();
    if role == "tool" || role == "function" {
        let id = take_text(&mut message, "tool_call_id");
        parts.push(tool_response(id, content, capture));
    } else {
        parts.extend(content_parts(content));
    }
    if let Some(text) = take_text(&mut message, "refusal") {
        parts.push(json!({"type": "refusal", "content": text}));
    }
    let calls = match message.remove("tool_calls") {
        Some(Value::Array(calls)) => calls,
        _ => Vec::new(),
    };
    let legacy = message.remove("function_call").map(|call| json!({"function": call}));
    for call in calls.into_iter().chain(legacy) {
        parts.extend(tool_call(call, capture));
    }
    with_name(json!({"role": role, "parts": parts}), name)
}

fn input_item(item: Value, capture: Capture) -> Option<Value> {
    let mut item = match item {
        Value::String(text) => return Some(user(&text)),
        Value::Object(item) => item,
        _ => return None,
    };
    let kind = take_text(&mut item, "type").unwrap_or_default();
    let id = take_text(&mut item, "call_id");
    let (role, part) = match kind.as_str() {
        "function_call" | "custom_tool_call" => {
            let name = take_text(&mut item, "name");
            let arguments = item.remove("arguments").or_else(|| item.remove("input"));
            let function = json!({"name": name, "arguments": arguments});
            ("assistant", tool_call(json!({"id": id, "function": function}), capture)?)
        }
        "function_call_output" | "custom_tool_call_output" => {
            let output = item.remove("output").unwrap_or_default();
            ("tool", tool_response(id, output, capture))
        }
        "" | "message" => {
            let role = take_text(&mut item, "role").unwrap_or_default();
            let parts = content_parts(item.remove("content").unwrap_or_default());
            return Some(json!({"role": role, "parts": parts}));
        }
        "reasoning" => {
            let summary = item.remove("summary").or_else(|| item.remove("content"));
            let text = joined_text(summary.unwrap_or_default());
            ("assistant", json!({"type": "reasoning", "content": text}))
        }
        // A moderation's input is made of parts.
        "text" | "image_url" => {
            item.insert("type".into(), kind.into());
            ("user", content_part(Value::Object(item)))
        }
        // Items of the provider's own tools: that they were there, not what was in them.
        _ => ("assistant", json!({"type": kind})),
    };
    Some(json!({"role": role, "parts": [part]}))
}

/// The parts of a message's content: a text, or parts of several kinds.
fn content_parts(content: Value) -> Vec<Value> {
    match content {
        Value::String(text) => vec![json!({"type": "text", "content": text})],
        Value::Array(parts) => parts.into_iter().map(content_part).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn content_part(part: Value) -> Value {
    let mut part = match part {
        Value::Object(part) => part,
        Value::String(text) => return json!({"type": "text", "content": text}),
        _ => return json!({"type": "unknown"}),
    };
    let kind = take_text(&mut part, "type").unwrap_or_default();
    match kind.as_str() {
        "text" | "input_text" | "output_text" => {
            json!({"type": "text", "content": take_text(&mut part, "text").unwrap_or_default()})
        }
        "thinking" => {
            let text = joined_text(part.remove("thinking").unwrap_or_default());
            json!({"type": "reasoning", "content": text})
        }
        "refusal" => {
            json!({"type": "refusal", "content": take_text(&mut part, "refusal").unwrap_or_default()})
        }
        "image_url" | "input_image" => media::part("image", part.remove("image_url"), part),
        "video_url" => media::part("video", part.remove("video_url"), part),
        "document_url" => media::part("document", part.remove("document_url"), part),
        "input_audio" | "audio" => {
            let audio = part.remove("input_audio").or_else(|| part.remove("audio"));
            media::part("audio", audio, part)
        }
        "file" | "input_file" | "file_url" => {
            let file = part.remove("file").or_else(|| part.remove("file_url"));
            media::part("document", file, part)
        }
        _ => json!({"type": kind}),
    }
}

fn tool_call(call: Value, capture: Capture) -> Option<Value> {
    let Value::Object(mut call) = call else { return None };
    let inner = call.remove("function").or_else(|| call.remove("custom"));
    let Some(Value::Object(mut function)) = inner else { return None };
    let name = take_text(&mut function, "name").unwrap_or_default();
    let mut part = json!({"type": "tool_call", "name": name});
    let part_fields = part.as_object_mut()?;
    if let Some(id) = take_text(&mut call, "id") {
        part_fields.insert("id".into(), id.into());
    }
    let arguments = function.remove("arguments").or_else(|| function.remove("input"));
    if let Some(arguments) = arguments.filter(|_| capture.has_tools()) {
        part_fields.insert("arguments".into(), parsed(arguments));
    }
    Some(part)
}

fn tool_response(id: Option<String>, response: Value, capture: Capture) -> Value {
    let mut part = json!({"type": "tool_call_response"});
    if let Some(fields) = part.as_object_mut() {
        if let Some(id) = id {
            fields.insert("id".into(), id.into());
        }
        if capture.has_tools() {
            fields.insert("response".into(), parsed(response));
        }
    }
    part
}

/// What a string of JSON holds; the string itself when it is none.
fn parsed(value: Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        other => other,
    }
}

fn joined_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part.as_str().or_else(|| part.get("text")?.as_str()))
            .collect(),
        _ => String::new(),
    }
}

fn take_text(object: &mut Map<String, Value>, name: &str) -> Option<String> {
    match object.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn with_name(mut message: Value, name: Option<String>) -> Value {
    if let (Some(name), Some(fields)) = (name, message.as_object_mut()) {
        fields.insert("name".into(), name.into());
    }
    message
}

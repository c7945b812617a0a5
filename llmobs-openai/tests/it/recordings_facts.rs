//! A record's line in the words of the expected facts.

#![expect(clippy::indexing_slicing, reason = "JSON by name, in a test")]

use serde_json::{Map, Value, json};

/// Every fact that is compared.
pub(crate) const FIELDS: &[&str] = &[
    "response_id",
    "response_model",
    "response_status",
    "incomplete_reason",
    "finish_reasons",
    "usage",
    "usage.input_tokens",
    "usage.output_tokens",
    "usage.total_tokens",
    "usage.cache_read_tokens",
    "usage.cache_write_tokens",
    "usage.reasoning_tokens",
    "usage.audio_input_tokens",
    "usage.audio_output_tokens",
    "service_tier",
    "system_fingerprint",
    "n_events",
    "n_comments",
    "first_event_index",
    "first_token_index",
    "last_token_index",
    "n_output_events",
    "done_seen",
    "output_text",
    "reasoning_text",
    "reasoning_summary",
    "refusal",
    "tool_calls",
    "output_item_types",
    "error",
    "error.type",
    "error.code",
    "error.message",
    "error.http_status",
    "safety.present",
    "safety.filtered",
    "safety.detected",
    "safety.severity_not_safe",
    "safety.refusal_present",
    "request.model",
    "request.stream",
    "request.temperature",
    "request.top_p",
    "request.max_tokens",
    "request.n",
    "request.seed",
    "request.stop",
    "request.presence_penalty",
    "request.frequency_penalty",
    "request.reasoning_effort",
    "request.response_format",
    "request.tools_count",
    "request.include_usage",
    "request.service_tier",
    "request.conversation_id",
    "request.previous_response_id",
    "request.prompt_id",
    "request.prompt_version",
    "request.encoding_format",
    "request.dimensions",
];

/// The facts a line states.
pub(crate) fn facts(line: &Value) -> Map<String, Value> {
    let mut facts = Map::new();
    let mut put = |name: &str, value: Value| {
        facts.insert(name.to_owned(), value);
    };
    put("response_id", line["response_id"].clone());
    put("response_model", line["model_version"].clone());
    put("response_status", line["response_status"].clone());
    let responses = line["api"] == "responses";
    let by_items = |value: Value| if responses { value } else { Value::Null };
    put("incomplete_reason", by_items(line["finish_reason"].clone()));
    put("output_item_types", by_items(or_empty(&line["output_item_types"])));
    let usage = &line["usage"];
    put("usage", usage.is_object().into());
    put("usage.input_tokens", line["input_tokens"].clone());
    put("usage.output_tokens", line["output_tokens"].clone());
    for name in [
        "total_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "reasoning_tokens",
        "audio_input_tokens",
        "audio_output_tokens",
    ] {
        put(&format!("usage.{name}"), usage[name].clone());
    }
    put("service_tier", line["service_tier"].clone());
    put("system_fingerprint", line["system_fingerprint"].clone());
    let wire = &line["wire"];
    put("n_events", wire["events"].clone());
    put("n_comments", wire["comments"].clone());
    put("first_event_index", wire["first_event"].clone());
    put("first_token_index", wire["first_token_event"].clone());
    put("last_token_index", wire["last_token_event"].clone());
    put("n_output_events", wire["output_events"].clone());
    put("done_seen", wire["end_marker"].clone());
    put_output(line, &mut put);
    let error = &line["error"];
    put("error", error.is_object().into());
    put("error.type", error["type"].clone());
    put("error.code", error["code"].clone());
    put("error.message", error["message"].clone());
    put(
        "error.http_status",
        if error.is_object() { line["http_status"].clone() } else { Value::Null },
    );
    let safety = &line["safety"];
    for name in ["present", "filtered", "detected", "severity_not_safe"] {
        put(&format!("safety.{name}"), (safety[name] == true).into());
    }
    put("safety.refusal_present", (safety["refusal"] == true).into());
    let params = &line["params"];
    for name in FIELDS.iter().filter_map(|name| name.strip_prefix("request.")) {
        put(&format!("request.{name}"), params[name].clone());
    }
    put("request.model", line["model"].clone());
    put("request.stream", line["stream"].clone());
    put("request.include_usage", (params["include_usage"] == true).into());
    facts
}

/// What was generated, by choice; a response is one choice, and embeddings have none.
fn put_output(line: &Value, put: &mut impl FnMut(&str, Value)) {
    let (responses, embeddings) = (line["api"] == "responses", line["api"] == "embeddings");
    let messages = or_empty(&line["content"]["output_messages"]);
    let mut messages = messages.as_array().expect("messages are a list").clone();
    if responses && messages.is_empty() && line["http_status"].as_u64() < Some(400) {
        messages.push(json!({"parts": []}));
    }
    let by_choice = |fact: &dyn Fn(&Value) -> Value| -> Value {
        if embeddings { Value::Null } else { messages.iter().map(fact).collect() }
    };
    put("output_text", by_choice(&|it| said(it, "text").concat().into()));
    put("reasoning_text", by_choice(&|it| said(it, "reasoning").concat().into()));
    let or_null = |it: String| if it.is_empty() { Value::Null } else { it.into() };
    put("refusal", by_choice(&|it| or_null(said(it, "refusal").concat())));
    let summaries: Vec<_> = messages.iter().flat_map(|it| said(it, "summary")).collect();
    put("reasoning_summary", if responses { json!(summaries) } else { Value::Null });
    let finish_reasons = or_empty(&line["finish_reasons"]);
    put("finish_reasons", if responses || embeddings { Value::Null } else { finish_reasons });
    put("tool_calls", if embeddings { Value::Null } else { tool_calls(line, messages.len()) });
}

/// The facts that are expected, in the same words.
pub(crate) fn expected(expected: &Value, recorded: &Value) -> Map<String, Value> {
    let mut facts = Map::new();
    for name in FIELDS {
        let value = match name.split_once('.') {
            Some((outer, inner)) => expected[outer][inner].clone(),
            None => expected[*name].clone(),
        };
        facts.insert((*name).to_owned(), value);
    }
    let error = &expected["error"];
    facts.insert("usage".into(), expected["usage"].is_object().into());
    facts.insert("error".into(), error.is_object().into());
    if error.is_object() {
        // The record's type is the provider's type, else its code, else the status.
        let status = recorded["status"].as_u64().unwrap_or_default();
        let fallback = if status >= 400 { status.to_string() } else { "_OTHER".to_owned() };
        let kind = [&error["type"], &error["code"]].into_iter().find(|it| it.is_string());
        facts.insert("error.type".into(), kind.cloned().unwrap_or(fallback.into()));
    }
    // The legacy function call stands behind the tool calls, without an id.
    let mut calls = expected["tool_calls"].clone();
    let functions = expected["function_call"].as_array().into_iter().flatten();
    for (choice, function) in functions.enumerate().filter(|(_, it)| it.is_object()) {
        let call =
            json!({"id": null, "name": function["name"], "arguments": function["arguments"]});
        calls[choice].as_array_mut().expect("calls by choice").push(call);
    }
    facts.insert("tool_calls".into(), calls);
    facts
}

/// Whether two values are the same; numbers by value.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        _ => one == other,
    }
}

fn or_empty(value: &Value) -> Value {
    if value.is_null() { json!([]) } else { value.clone() }
}

/// The texts of one kind of part; those of a summary are a kind of their own.
fn said(message: &Value, kind: &str) -> Vec<String> {
    let parts = message["parts"].as_array().expect("parts are a list");
    let of_kind = |part: &&Value| match kind {
        "summary" => part["summary"] == true,
        kind => part["type"] == kind && part["summary"] != true,
    };
    let text = |part: &Value| part["content"].as_str().expect("a text").to_owned();
    parts.iter().filter(of_kind).map(text).collect()
}

fn tool_calls(line: &Value, choices: usize) -> Value {
    let mut by_choice = vec![Vec::new(); choices];
    for call in line["tool_calls"].as_array().into_iter().flatten() {
        let choice = call["choice"].as_u64().expect("a choice") as usize;
        by_choice[choice].push(json!({
            "id": call["id"], "name": call["name"], "arguments": call["arguments"],
        }));
    }
    json!(by_choice)
}

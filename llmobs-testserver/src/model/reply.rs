//! What the pretend model says.

use serde_json::{Value, json};

use crate::model::json_schema::{at, fill, subject};
use crate::model::words::{best_sentence, sentences, stems};
use crate::tokens::tokens;

/// Words of a tool's name that say nothing about its subject.
const VERBS: [&str; 16] = [
    "get", "find", "look", "lookup", "search", "fetch", "list", "check", "query", "read", "show",
    "load", "current", "status", "tool", "call",
];

/// How sentences start that tell the model what to do.
const INSTRUCTIONS: [&str; 8] =
    ["you ", "answer ", "use ", "reply ", "respond ", "do not ", "be ", "only "];

const UNKNOWN: &str = "I do not know: the documents I was given say nothing about that.";

/// An answer before it is cut into tokens.
pub(super) enum Reply {
    Text(String),
    Call { name: String, arguments: Value },
}

/// Decides on the answer; see [`Model`](crate::Model) for the rules.
pub(super) fn reply(request: &Value, messages: &[Value]) -> Reply {
    let last_role = messages.last().and_then(|message| message["role"].as_str());
    let question = question(messages);
    let text = if matches!(last_role, Some("tool" | "function")) {
        from_results(messages)
    } else {
        if last_role == Some("user")
            && let Some(call) = tool_call(request, &question)
        {
            return call;
        }
        from_documents(messages, &question)
    };
    let format = &request["response_format"];
    Reply::Text(match format["type"].as_str() {
        Some("json_object") => json!({"answer": text}).to_string(),
        Some("json_schema") => {
            fill(at(format, "/json_schema/schema"), &question, &text).to_string()
        }
        _ => text,
    })
}

/// The tokens of the prompt: of every message and 4 around it, of the tools, and 3 for the answer.
pub(super) fn prompt_tokens(request: &Value, messages: &[Value]) -> u64 {
    let of_message = |message: &Value| {
        let calls = message["tool_calls"].as_array().into_iter().flatten().map(|call| {
            let part = |path: &str| at(call, path).as_str().map_or(0, |text| tokens(text).len());
            part("/function/name") + part("/function/arguments")
        });
        4 + tokens(&text_of(message)).len() + calls.sum::<usize>()
    };
    let tools = match &request["tools"] {
        Value::Null => 0,
        tools => tokens(&tools.to_string()).len(),
    };
    (messages.iter().map(of_message).sum::<usize>() + tools + 3) as u64
}

/// A message's text, its parts joined.
fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

/// The last question of the last user, or the last sentence if none is asked.
fn question(messages: &[Value]) -> String {
    let last = messages.iter().rev().find(|message| message["role"] == "user");
    let text = last.map(text_of).unwrap_or_default();
    let sentences = sentences(&text);
    let asked = sentences.iter().rev().find(|sentence| sentence.ends_with('?'));
    asked.or(sentences.last()).map(|sentence| (*sentence).to_owned()).unwrap_or_default()
}

fn tool_call(request: &Value, question: &str) -> Option<Reply> {
    let choice = &request["tool_choice"];
    if choice == "none" {
        return None;
    }
    let tools = request["tools"].as_array()?;
    let name_of = |tool: &Value| at(tool, "/function/name").as_str().map(str::to_owned);
    let forced = at(choice, "/function/name").as_str();
    let asked = stems(question);
    let fits = |tool: &&Value| {
        let name = name_of(tool).unwrap_or_default();
        match forced {
            Some(forced) => name == forced,
            None => {
                let subject = name.split('_').filter(|word| !VERBS.contains(word));
                stems(&subject.collect::<Vec<_>>().join(" ")).iter().any(|s| asked.contains(s))
            }
        }
    };
    let required = || tools.first().filter(|_| choice == "required");
    let tool = tools.iter().find(fits).or_else(required)?;
    let parameters = at(tool, "/function/parameters");
    let arguments = match parameters["properties"].is_object() {
        true => fill(parameters, question, subject(question)),
        false => json!({}),
    };
    Some(Reply::Call { name: name_of(tool)?, arguments })
}

/// The results of the tools called last, in a sentence each.
fn from_results(messages: &[Value]) -> String {
    let is_result =
        |message: &&Value| matches!(message["role"].as_str(), Some("tool" | "function"));
    let mut results: Vec<String> =
        messages.iter().rev().take_while(is_result).map(text_of).collect();
    results.reverse();
    let said = results.iter().map(|result| match serde_json::from_str(result) {
        Ok(Value::Object(fields)) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    format!("{} is {value}", name.replace('_', " "))
                })
                .collect();
            format!("Here is what I found: {}.", fields.join(", "))
        }
        _ => format!("Here is what I found: {}", result.trim()),
    });
    said.collect::<Vec<_>>().join(" ")
}

fn from_documents(messages: &[Value], question: &str) -> String {
    let texts: Vec<String> =
        messages.iter().filter(|message| message["role"] != "assistant").map(text_of).collect();
    let candidates = texts.iter().flat_map(|text| sentences(text)).filter(|sentence| {
        let lower = sentence.to_lowercase();
        *sentence != question
            && !sentence.ends_with(['?', ':'])
            && !INSTRUCTIONS.iter().any(|start| lower.starts_with(start))
    });
    best_sentence(question, candidates).unwrap_or(UNKNOWN).to_owned()
}

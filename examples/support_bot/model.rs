//! The scripted model: what it says follows from the tools it is offered and what they gave.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use llmobs_testserver::{
    Answer, ChatScript, Server, ToolCall, Usage, chat_chunks, chat_completion,
};
use serde_json::{Value, json};

/// Numbers for ids of answers and of calls of tools.
static NUMBER: AtomicU64 = AtomicU64::new(1);

pub(crate) fn start() -> io::Result<Server> {
    let server = Server::start_blocking()?;
    server.handler(|request| match request.json() {
        Some(body) => answer(&body),
        None => Answer::status(400),
    });
    Ok(server)
}

fn answer(request: &Value) -> Answer {
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let messages = request.get("messages").and_then(Value::as_array);
    let last = messages.and_then(|messages| messages.last()?.get("role")?.as_str());
    let order = json!({ "order_id": "A-1042" });
    let script = match (text("/tools/0/function/name"), last) {
        ("", _) => ChatScript::new("after_sale"),
        ("ask_orders", Some("user")) => calls([
            ("ask_orders", json!({ "task": "Where is order A-1042?" })),
            ("ask_returns", json!({ "task": "What is paid back for A-1042, and until when?" })),
        ]),
        ("ask_orders", _) => ChatScript::new(
            "It arrives on Thursday. From then on you have 30 days, and 129.00 EUR come back.",
        ),
        ("order_status", Some("user")) => calls([("order_status", order)]),
        ("order_status", _) => ChatScript::new("It was shipped and arrives on Thursday."),
        ("return_window", Some("user")) => {
            calls([("return_window", order.clone()), ("refund", order)])
        }
        _ => ChatScript::new("30 days from its arrival, and 129.00 EUR."),
    };
    let model = text("/model");
    let dated = if model == "gpt-4o" { "gpt-4o-2024-08-06" } else { "gpt-4o-mini-2024-07-18" };
    let usage = Usage {
        // About four letters make a token.
        prompt: request.to_string().len() as u64 / 4,
        completion: script.output_tokens(),
        ..Usage::default()
    };
    let id = format!("chatcmpl-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let script = script.id(&id).model(dated);
    if request.get("stream") != Some(&json!(true)) {
        return Answer::json(200, &chat_completion(&script.usage(usage)))
            .delay_headers(Duration::from_millis(30));
    }
    let events = chat_chunks(&script.usage(usage));
    let head = Answer::stream("text/event-stream").delay_headers(Duration::from_millis(40));
    events.into_iter().fold(head, |answer, event| {
        answer.write(format!("data: {event}\n\n")).pause(Duration::from_millis(3))
    })
}

fn calls<const N: usize>(asked: [(&str, Value); N]) -> ChatScript {
    asked.into_iter().fold(ChatScript::new(""), |script, (name, arguments)| {
        let id = format!("call_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        script.tool_call(ToolCall::new(&id, name, &arguments.to_string()))
    })
}

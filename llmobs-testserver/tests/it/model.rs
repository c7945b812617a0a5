//! The pretend model.

use std::time::Duration;

use llmobs_testserver::{Model, Server};
use serde_json::{Value, json};

async fn model() -> Server {
    Model::new().instant().start().await.expect("a local port is free")
}

async fn post(server: &Server, path: &str, body: &Value) -> reqwest::Response {
    let url = format!("{}{path}", server.base_url());
    let request = reqwest::Client::new().post(url).body(body.to_string());
    request.send().await.expect("the model answers")
}

async fn post_json(server: &Server, path: &str, body: &Value) -> Value {
    let text = post(server, path, body).await.text().await.expect("the body is whole");
    serde_json::from_str(&text).expect("the body is JSON")
}

async fn chat(body: &Value) -> Value {
    post_json(&model().await, "/chat/completions", body).await
}

/// The chunks of a streamed answer, and whether `[DONE]` was the last event.
async fn stream(server: &Server, body: &Value) -> (Vec<Value>, bool) {
    let text = post(server, "/chat/completions", body).await.text().await.expect("it is whole");
    let events: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let chunks = events.iter().filter(|event| **event != "[DONE]");
    let chunks = chunks.map(|event| serde_json::from_str(event).expect("a chunk is JSON"));
    (chunks.collect(), events.last() == Some(&"[DONE]"))
}

fn ask(question: &str) -> Value {
    let documents = "Context:\n[1] Orders ship within 2.5 days. Returns are free for 30 days.\n\
                     - The warranty covers two years.";
    json!({"model": "gpt-4o-mini", "messages": [
        {"role": "system", "content": "You answer questions about returns and orders."},
        {"role": "user", "content": format!("{documents}\n\nQuestion: {question}")},
    ]})
}

fn with(mut body: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().expect("fields are an object") {
        body.as_object_mut().expect("a body is an object").insert(name.clone(), value.clone());
    }
    body
}

fn tools() -> Value {
    json!([
        {"type": "function", "function": {"name": "get_weather", "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "days": {"type": ["integer", "null"]},
            },
        }}},
        {"type": "function", "function": {"name": "get_order_status", "parameters": {
            "type": "object", "properties": {"order_id": {"type": "string"}},
        }}},
    ])
}

fn said(answer: &Value) -> &str {
    answer.pointer("/choices/0/message/content").and_then(Value::as_str).expect("a text")
}

fn called(answer: &Value) -> (&str, Value) {
    let function = answer.pointer("/choices/0/message/tool_calls/0/function").expect("a tool call");
    let text = |name: &str| function.get(name).and_then(Value::as_str).expect("a text");
    (text("name"), serde_json::from_str(text("arguments")).expect("arguments are JSON"))
}

#[tokio::test]
async fn the_best_sentence_of_the_documents_is_the_answer() {
    let answer = chat(&ask("How long are returns free?")).await;
    assert_eq!(said(&answer), "Returns are free for 30 days.");
    assert_eq!(said(&chat(&ask("When do orders ship?")).await), "Orders ship within 2.5 days.");
    let warranty = chat(&ask("What does the warranty cover?")).await;
    assert_eq!(said(&warranty), "The warranty covers two years.");
    assert!(said(&chat(&ask("Who painted it?")).await).starts_with("I do not know"));
}

#[tokio::test]
async fn an_answer_names_a_dated_model_and_counts_its_tokens() {
    let answer = chat(&ask("How long are returns free?")).await;
    assert_eq!(answer["model"], "gpt-4o-mini-2024-07-18");
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(answer["system_fingerprint"].as_str().unwrap().starts_with("fp_"));
    let usage = &answer["usage"];
    // Six words and the full stop.
    assert_eq!(usage["completion_tokens"], 7);
    let prompt = usage["prompt_tokens"].as_u64().unwrap();
    assert_eq!(usage["total_tokens"], prompt + 7);
    let longer = chat(&ask("How long, please, are returns free?")).await;
    assert_eq!(longer["usage"]["prompt_tokens"], prompt + 3);
}

#[tokio::test]
async fn a_stream_says_the_same_with_usage_only_if_asked_for() {
    let server = model().await;
    let body = with(ask("How long are returns free?"), json!({"stream": true}));
    let (chunks, done) = stream(&server, &body).await;
    assert!(done);
    let text: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, "Returns are free for 30 days.");
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
    let body = with(body, json!({"stream_options": {"include_usage": true}}));
    let (chunks, _) = stream(&server, &body).await;
    let n_tokens = chunks
        .iter()
        .filter(|c| c["choices"][0]["delta"]["content"].as_str().is_some_and(|t| !t.is_empty()))
        .count();
    let last = chunks.last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["completion_tokens"], n_tokens);
}

#[tokio::test]
async fn a_question_about_a_tools_subject_is_a_call() {
    let body = ask("Where is my order A-1042?");
    let answer = chat(&with(body.clone(), json!({"tools": tools()}))).await;
    assert_eq!(called(&answer), ("get_order_status", json!({"order_id": "A-1042"})));
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    let none = with(body, json!({"tools": tools(), "tool_choice": "none"}));
    assert_eq!(said(&chat(&none).await), "Orders ship within 2.5 days.");
}

#[tokio::test]
async fn arguments_are_picked_out_of_the_question_by_their_types() {
    let body = ask("What is the weather in Rome, in fahrenheit?");
    let answer = chat(&with(body, json!({"tools": tools()}))).await;
    let arguments = json!({"city": "Rome", "unit": "fahrenheit", "days": 1});
    assert_eq!(called(&answer), ("get_weather", arguments));
}

#[tokio::test]
async fn a_tool_can_be_forced() {
    let choice = json!({"type": "function", "function": {"name": "get_order_status"}});
    let body = with(ask("Hello?"), json!({"tools": tools(), "tool_choice": choice}));
    assert_eq!(called(&chat(&body).await).0, "get_order_status");
    let body = with(ask("Hello?"), json!({"tools": tools(), "tool_choice": "required"}));
    assert_eq!(called(&chat(&body).await).0, "get_weather");
    let body = with(ask("Hello?"), json!({"tools": tools()}));
    assert!(said(&chat(&body).await).starts_with("I do not know"));
}

#[tokio::test]
async fn a_streamed_call_comes_in_pieces() {
    let body = with(ask("Where is my order A-1042?"), json!({"tools": tools(), "stream": true}));
    let (chunks, _) = stream(&model().await, &body).await;
    let pieces: Vec<&str> = chunks
        .iter()
        .filter_map(|chunk| chunk.pointer("/choices/0/delta/tool_calls/0/function/arguments"))
        .filter_map(Value::as_str)
        .collect();
    assert!(pieces.len() > 5);
    assert_eq!(pieces.concat(), r#"{"order_id":"A-1042"}"#);
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn a_tools_result_is_told_in_a_sentence() {
    let result = r#"{"delivered_on": "Friday", "parcels": 2}"#;
    let body = json!({"model": "gpt-4o-mini", "tools": tools(), "messages": [
        {"role": "user", "content": "Where is my order A-1042?"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function",
            "function": {"name": "get_order_status", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": result},
        {"role": "tool", "tool_call_id": "call_2", "content": "nothing else"},
    ]});
    let answer = chat(&body).await;
    let (first, second) = said(&answer).split_once(". ").expect("two sentences");
    assert_eq!(first, "Here is what I found: delivered on is Friday, parcels is 2");
    assert_eq!(second, "Here is what I found: nothing else");
}

#[tokio::test]
async fn a_limit_of_tokens_cuts_the_answer_short() {
    let body = with(ask("How long are returns free?"), json!({"max_completion_tokens": 2}));
    let answer = chat(&body).await;
    assert_eq!(said(&answer), "Returns are");
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 2);
}

#[tokio::test]
async fn a_schema_gets_an_answer_that_fits_it() {
    let schema = json!({"type": "object", "properties": {
        "answer": {"type": "string"}, "sure": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string", "enum": ["returns", "orders"]}},
    }});
    let format = json!({"type": "json_schema", "json_schema": {"name": "a", "schema": schema}});
    let body = with(ask("How long are returns free?"), json!({"response_format": format}));
    let answer = chat(&body).await;
    let object: Value = serde_json::from_str(said(&answer)).unwrap();
    let text = "Returns are free for 30 days.";
    assert_eq!(object, json!({"answer": text, "sure": true, "tags": ["returns"]}));
}

#[tokio::test]
async fn the_same_requests_have_the_same_pace_and_ids() {
    let body = ask("How long are returns free?");
    let (one, two) = (model().await, model().await);
    let first = post_json(&one, "/chat/completions", &body).await["id"].clone();
    assert_eq!(post_json(&two, "/chat/completions", &body).await["id"], first);
    assert_ne!(post_json(&one, "/chat/completions", &body).await["id"], first);
}

#[tokio::test]
async fn tokens_come_at_the_pace_asked_for() {
    let pace = Duration::from_millis(2);
    let model = Model::new().first_token(Duration::from_millis(20)).per_token(pace, pace);
    let server = model.start().await.unwrap();
    server.recording(true);
    let body = with(ask("How long are returns free?"), json!({"stream": true}));
    stream(&server, &body).await;
    server.client_left(0).await;
    let writes = &server.writes()[0];
    // The role, 7 tokens, the finish reason and the end.
    assert_eq!(writes.body.len(), 10);
    assert!(writes.body[1].at - server.received()[0].at >= Duration::from_millis(18));
    assert!(writes.body[1..8].windows(2).all(|two| two[1].at - two[0].at >= pace));
}

#[tokio::test]
async fn embeddings_are_unit_vectors_near_each_other_for_shared_words() {
    let server = model().await;
    let input = ["free returns of orders", "returns of orders are free", "weather in Rome"];
    let body = json!({"model": "text-embedding-3-small", "input": input});
    let answer = post_json(&server, "/embeddings", &body).await;
    let vectors: Vec<Vec<f64>> = (0..3)
        .map(|i| serde_json::from_value(answer["data"][i]["embedding"].clone()).unwrap())
        .collect();
    let dot = |a: usize, b: usize| -> f64 {
        vectors[a].iter().zip(&vectors[b]).map(|(x, y)| x * y).sum()
    };
    assert!((dot(0, 0) - 1.0).abs() < 1e-5 && (dot(2, 2) - 1.0).abs() < 1e-5);
    assert!(dot(0, 1) > 0.99 && dot(0, 2) < 0.5, "{} {}", dot(0, 1), dot(0, 2));
    assert_eq!(answer["usage"]["prompt_tokens"], 4 + 5 + 3);
    assert_eq!(answer["data"][2]["index"], 2);
}

#[tokio::test]
async fn embeddings_take_tokens_dimensions_and_base64() {
    let server = model().await;
    let body = json!({"model": "m", "input": [1, 2, 3], "dimensions": 8});
    let answer = post_json(&server, "/embeddings", &body).await;
    assert_eq!(answer["data"][0]["embedding"].as_array().unwrap().len(), 8);
    assert_eq!(answer["usage"]["total_tokens"], 3);
    // No words: 1.0 on the only axis, as little-endian bytes.
    let body = json!({"model": "m", "input": "", "dimensions": 1, "encoding_format": "base64"});
    let answer = post_json(&server, "/embeddings", &body).await;
    assert_eq!(answer["data"][0]["embedding"], "AACAPw==");
}

#[tokio::test]
async fn models_are_listed() {
    let server = model().await;
    let url = format!("{}/models", server.base_url());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list["object"], "list");
    assert!(list["data"].as_array().unwrap().iter().any(|model| model["id"] == "gpt-4o-mini"));
}

#[tokio::test]
async fn wrong_requests_are_refused_as_a_host_refuses_them() {
    let server = model().await;
    let wrong = [
        ("/chat/completions", json!({"messages": [{"role": "user", "content": "x"}]}), "model"),
        ("/chat/completions", json!({"model": "m", "messages": []}), "messages"),
        ("/embeddings", json!({"model": "m", "input": 1}), "input"),
        ("/embeddings", json!({"model": "m", "input": "x", "dimensions": 0}), "dimensions"),
    ];
    for (path, body, param) in wrong {
        let response = post(&server, path, &body).await;
        assert_eq!(response.status(), 400, "{path} {body}");
        let error: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(error["error"]["param"], param);
        assert_eq!(error["error"]["type"], "invalid_request_error");
    }
    assert_eq!(post(&server, "/nothing", &json!({})).await.status(), 404);
}

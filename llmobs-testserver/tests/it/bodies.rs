//! Whole answers: status, headers, framing, and answers that never come.

use std::time::{Duration, Instant};

use llmobs_testserver::{Answer, Gate, Server};
use serde_json::json;

use crate::{get, pieces, server, try_get};

#[tokio::test]
async fn a_json_answer_has_its_status_type_headers_and_length() {
    let server = server().await;
    let body = json!({"error": {"message": "slow down"}});
    let answer = Answer::json(429, &body).header("Retry-After", "2").add_header("x-a", "1");
    server.answer(answer.add_header("x-a", "2"));
    let response = get(&server).await;
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(response.headers().get_all("x-a").iter().count(), 2);
    assert_eq!(response.content_length(), Some(body.to_string().len() as u64));
    assert_eq!(response.text().await.unwrap(), body.to_string());
}

#[tokio::test]
async fn a_header_set_twice_has_the_later_value() {
    let server = server().await;
    server.answer(Answer::text(200, "x").header("Content-Type", "text/html"));
    let response = get(&server).await;
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(response.headers().get_all("content-type").iter().count(), 1);
}

#[tokio::test]
async fn answers_come_in_order_and_a_repeated_one_stays() {
    let server = server().await;
    server.answer(Answer::text(500, "first"));
    server.answer(Answer::text(200, "then always").repeat());
    let mut texts = Vec::new();
    for _ in 0..4 {
        texts.push(get(&server).await.text().await.unwrap());
    }
    assert_eq!(texts, ["first", "then always", "then always", "then always"]);
    assert_eq!(server.hits(), 4);
}

#[tokio::test]
async fn a_handler_answers_what_the_queue_does_not() {
    let server = server().await;
    server.handler(|request| Answer::text(200, &format!("{} {}", request.method, request.path())));
    server.answer(Answer::text(200, "queued"));
    assert_eq!(get(&server).await.text().await.unwrap(), "queued");
    assert_eq!(get(&server).await.text().await.unwrap(), "GET /v1");
}

#[tokio::test]
async fn a_request_nobody_scripted_is_told_so() {
    let server = server().await;
    let response = get(&server).await;
    assert_eq!(response.status(), 404);
    assert!(response.text().await.unwrap().contains("no_answer_scripted"));
}

#[tokio::test]
async fn chunked_and_unframed_bodies_have_no_length_and_arrive_whole() {
    let server = server().await;
    server.answer(Answer::text(200, "chunks").chunked());
    server.answer(Answer::text(200, "until close").until_close());
    let response = get(&server).await;
    assert_eq!(response.headers()["transfer-encoding"], "chunked");
    assert_eq!(response.text().await.unwrap(), "chunks");
    let response = get(&server).await;
    assert_eq!(response.content_length(), None);
    assert_eq!(response.headers()["connection"], "close");
    assert_eq!(response.text().await.unwrap(), "until close");
}

#[tokio::test]
async fn a_body_shorter_than_its_declared_length_is_an_error_for_the_client() {
    let server = server().await;
    server.answer(Answer::text(200, "short").declared_length(100));
    let (pieces, whole) = pieces(get(&server).await).await;
    assert_eq!((pieces.concat().as_str(), whole), ("short", false));
}

#[tokio::test]
async fn statuses_without_a_body_have_none() {
    let server = server().await;
    server.answer(Answer::status(204).write("never sent"));
    let response = get(&server).await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.text().await.unwrap(), "");
}

#[tokio::test]
async fn a_head_request_gets_the_headers_only() {
    let server = server().await;
    server.answer(Answer::text(200, "twelve bytes"));
    let response = reqwest::Client::new().head(server.url()).send().await.unwrap();
    assert_eq!(response.headers()["content-length"], "12");
    assert_eq!(response.text().await.unwrap(), "");
}

#[tokio::test]
async fn headers_can_be_late() {
    let server = server().await;
    server.answer(Answer::text(200, "late").delay_headers(Duration::from_millis(30)));
    let start = Instant::now();
    get(&server).await;
    assert!(start.elapsed() >= Duration::from_millis(30));
}

#[tokio::test]
async fn a_hanging_answer_comes_when_its_gate_opens() {
    let server = server().await;
    let gate = Gate::new();
    server.answer(Answer::text(200, "at last").hang(&gate));
    let call = tokio::spawn(reqwest::get(server.url()));
    server.hits_reach(1).await;
    assert_eq!(server.writes()[0].head, None);
    assert!(!call.is_finished());
    gate.open();
    assert_eq!(call.await.unwrap().unwrap().text().await.unwrap(), "at last");
}

#[tokio::test]
async fn a_connection_closed_before_the_headers_is_an_error() {
    let server = server().await;
    server.answer(Answer::text(200, "never").close_before_headers().repeat());
    assert!(try_get(&server).await.is_err());
    assert_eq!(server.received()[0].method, "GET");
}

#[tokio::test]
async fn raw_bytes_are_sent_as_they_are() {
    let server = server().await;
    server.answer(Answer::raw("HTTP/1.1 299 Odd\r\nx-own: 1\r\n\r\nbody"));
    let response = get(&server).await;
    assert_eq!(response.status(), 299);
    assert_eq!(response.headers()["x-own"], "1");
    assert_eq!(response.text().await.unwrap(), "body");
    server.answer(Answer::raw("no HTTP at all\r\n\r\n"));
    assert!(try_get(&server).await.is_err());
}

#[tokio::test]
async fn a_dropped_server_refuses_connections() {
    let server = server().await;
    let url = server.url();
    drop(server);
    assert!(reqwest::get(url).await.unwrap_err().is_connect());
}

#[test]
fn a_server_runs_without_a_runtime_of_the_test() {
    use std::io::{Read, Write};

    let server = Server::start_blocking().unwrap();
    server.answer(Answer::text(200, "plain"));
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nplain"), "{text}");
}

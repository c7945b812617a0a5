//! What the server reads: heads, bodies, connections.

use llmobs_testserver::{Answer, Gate, Server};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{get, server};

/// Sends bytes over a connection of their own and reads everything until it is closed.
async fn exchange(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
    stream.write_all(request).await.expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the server answers and closes");
    answer
}

#[tokio::test]
async fn a_request_is_remembered_as_it_was_sent() {
    let server = server().await;
    server.answer(Answer::status(200));
    let url = format!("{}/chat/completions?api-version=1", server.base_url());
    let request = reqwest::Client::new().post(url).header("X-Own", "value");
    request.body(json!({"model": "m"}).to_string()).send().await.unwrap();
    let received = &server.received()[0];
    assert_eq!(received.method, "POST");
    assert_eq!(received.target, "/v1/chat/completions?api-version=1");
    assert_eq!(received.path(), "/v1/chat/completions");
    assert_eq!(received.query(), Some("api-version=1"));
    assert_eq!(received.header("x-OWN"), Some("value"));
    assert_eq!(received.header("absent"), None);
    assert_eq!(received.json(), Some(json!({"model": "m"})));
    assert_eq!(received.text(), r#"{"model":"m"}"#);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = server().await;
    server.answer(Answer::text(200, "x"));
    server.answer(Answer::sse(["x"]));
    server.answer(Answer::text(200, "x").close());
    server.answer(Answer::text(200, "x"));
    let client = reqwest::Client::new();
    for _ in 0..4 {
        client.get(server.url()).send().await.unwrap().text().await.unwrap();
    }
    let connections: Vec<usize> = server.received().iter().map(|r| r.connection).collect();
    assert_eq!(connections, [0, 0, 0, 1]);
}

#[tokio::test]
async fn two_requests_are_answered_at_the_same_time() {
    let server = server().await;
    let (first, second) = (Gate::new(), Gate::new());
    server.answer(Answer::text(200, "1").hang(&first));
    server.answer(Answer::text(200, "2").hang(&second));
    let one = tokio::spawn(reqwest::get(server.url()));
    server.hits_reach(1).await;
    let two = tokio::spawn(reqwest::get(server.url()));
    server.hits_reach(2).await;
    second.open();
    assert_eq!(two.await.unwrap().unwrap().text().await.unwrap(), "2");
    assert!(!one.is_finished());
    first.open();
    assert_eq!(one.await.unwrap().unwrap().text().await.unwrap(), "1");
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_order() {
    let server = server().await;
    server.answer(Answer::text(200, "1"));
    server.answer(Answer::text(200, "2"));
    let requests =
        b"GET /a HTTP/1.1\r\nhost: x\r\n\r\nGET /b HTTP/1.1\r\nconnection: close\r\n\r\n";
    let answer = exchange(&server, requests).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2);
    assert!(answer.ends_with("\r\n\r\n2"), "{answer}");
    assert_eq!(server.received()[1].target, "/b");
}

#[tokio::test]
async fn a_chunked_request_body_is_joined() {
    let server = server().await;
    server.answer(Answer::status(200));
    let head = "POST / HTTP/1.1\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let body = "5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\ntrailer: x\r\n\r\n";
    exchange(&server, format!("{head}{body}").as_bytes()).await;
    assert_eq!(server.received()[0].text(), "hello world");
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on() {
    let server = server().await;
    server.answer(Answer::text(200, "done"));
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = "POST / HTTP/1.1\r\nconnection: close\r\nexpect: 100-continue\r\n";
    stream.write_all(format!("{head}content-length: 4\r\n\r\n").as_bytes()).await.unwrap();
    let mut first = [0; 25];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(server.hits(), 0);
    stream.write_all(b"body").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("done"));
    assert_eq!(server.received()[0].text(), "body");
}

#[tokio::test]
async fn a_malformed_request_is_refused_and_counts_for_nothing() {
    let server = server().await;
    let answer = exchange(&server, b"\x01\x02 nonsense\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let length = b"POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n";
    assert!(exchange(&server, length).await.starts_with("HTTP/1.1 400 "));
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn an_old_client_gets_a_stream_without_chunks() {
    let server = server().await;
    server.answer(Answer::sse(["old"]));
    let answer = exchange(&server, b"GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.ends_with("\r\n\r\ndata: old\n\n"), "{answer}");
}

#[tokio::test]
async fn without_recording_requests_are_only_counted() {
    let server = server().await;
    server.recording(false);
    server.answer(Answer::text(200, "x").repeat());
    get(&server).await;
    get(&server).await;
    assert_eq!(server.hits(), 2);
    assert!(server.received().is_empty());
    assert!(server.writes().is_empty());
}

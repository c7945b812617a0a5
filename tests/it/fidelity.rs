//! The application gets the very bytes, headers and errors it would get without us.

use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_openai::middleware::{HttpRequestFactory, ReqwestService};
use bytes::Bytes;
use flate2::read::GzDecoder;
use llmobs_testserver::{Answer, Server};
use serde_json::Value;
use tower::{Service, ServiceExt};

use crate::support::{recording, recordings};

/// All that an application can see of a response.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    version: String,
    headers: Vec<(String, Vec<u8>)>,
    url: String,
    content_length: Option<u64>,
    remote_addr: Option<std::net::SocketAddr>,
    extensions: usize,
    body: Vec<u8>,
    error: Option<String>,
}

async fn seen<S>(service: S, http: reqwest::Client, url: String) -> Seen
where
    S: Service<HttpRequestFactory, Response = reqwest::Response>,
    S::Error: std::fmt::Debug,
{
    let factory = HttpRequestFactory::new(move || {
        let request = http.post(&url).body(r#"{"model":"m","stream":true,"messages":[]}"#).build();
        async move { Ok(request?) }
    });
    let mut response = service.oneshot(factory).await.expect("the server answers");
    let mut headers: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    headers.sort();
    let mut seen = Seen {
        status: response.status().as_u16(),
        version: format!("{:?}", response.version()),
        headers,
        url: response.url().to_string(),
        content_length: response.content_length(),
        remote_addr: response.remote_addr(),
        extensions: response.extensions().len(),
        body: Vec::new(),
        error: None,
    };
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => seen.body.extend_from_slice(&bytes),
            Ok(None) => break,
            Err(err) => {
                seen.error = Some(format!("{err} {} {}", err.is_timeout(), err.is_decode()));
                break;
            }
        }
    }
    seen
}

/// Sends the same answer with and without us, and compares.
async fn compare(http: &reqwest::Client, server: &Server, path: &str, name: &str) {
    let url = format!("{}{path}", server.url());
    let without = seen(ReqwestService::new(http.clone()), http.clone(), url.clone()).await;
    let with = seen(llmobs::openai::service(http.clone()), http.clone(), url).await;
    assert_eq!(without, with, "{name}");
}

/// Cuts that look random and are the same in every run.
fn cuts(seed: u64, len: usize) -> Vec<usize> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut at: Vec<_> = (0..6).map(|_| (next() % (len.max(1) as u64)) as usize).collect();
    at.sort_unstable();
    at.dedup();
    at.retain(|at| *at > 0);
    at
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_streams_arrive_unchanged() {
    let Some(path) = recordings() else { return };
    let file = std::fs::File::open(path).expect("it is there");
    let mut bodies = Vec::new();
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let exchange: Value = serde_json::from_str(&line.expect("text")).expect("JSON");
        if exchange["api"] == "chat_completions" && exchange["stream"] == true {
            let body = exchange["response"].as_str().expect("a body").to_owned();
            let status = exchange["status"].as_u64().unwrap_or(200) as u16;
            bodies.push((status, Bytes::from(body)));
        }
    }
    assert!(bodies.len() > 400, "{} streams", bodies.len());
    let bodies = Arc::new(bodies);
    let server = Server::start().await.expect("a port");
    server.recording(false);
    let of_server = Arc::clone(&bodies);
    server.handler(move |request| {
        let index = request.path().rsplit('/').nth(2).and_then(|n| n.parse().ok()).unwrap_or(0);
        let Some((status, body)) = of_server.get::<usize>(index) else {
            return Answer::status(404);
        };
        let answer = Answer::bytes(*status, "text/event-stream", body.clone())
            .header("x-request-id", "req_1")
            .add_header("set-cookie", "a=1")
            .add_header("set-cookie", "b=2");
        // Half of them with a length, half in chunks.
        let answer = if index % 2 == 0 { answer.chunked() } else { answer.content_length() };
        answer.split_at(&cuts(index as u64 + 1, body.len()))
    });
    let recording = recording();
    let http = reqwest::Client::new();
    let n = bodies.len();
    recording
        .scope()
        .run(async {
            for index in 0..n {
                let path = format!("/{index}/chat/completions");
                compare(&http, &server, &path, &format!("recording {index}")).await;
            }
        })
        .await;
    assert_eq!(recording.records().len(), n, "one record a call");
}

#[tokio::test]
async fn broken_bodies_break_the_same_way() {
    let sse = || Answer::sse([r#"{"choices":[]}"#, r#"{"choices":[]}"#]);
    let answers = [
        ("cut", sse().cut()),
        ("too short", Answer::bytes(200, "text/plain", "short").declared_length(100).close()),
        ("empty", Answer::status(200)),
        ("no content", Answer::status(204)),
        ("one byte a write", sse().split_every(1)),
        ("error with a body", Answer::text(500, "oops")),
        ("invalid UTF-8", Answer::bytes(200, "text/event-stream", &b"data: \xff\xfe\n\n"[..])),
    ];
    for (name, answer) in answers {
        let server = Server::start().await.expect("a port");
        server.answer(answer.repeat());
        let recording = recording();
        let http = reqwest::Client::new();
        let compared = compare(&http, &server, "/v1/chat/completions", name);
        recording.scope().run(compared).await;
        assert_eq!(recording.records().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_request_is_built_as_often_as_without_us() {
    for path in ["/v1/chat/completions", "/v1/files"] {
        let server = Server::start().await.expect("a port");
        server.answer(Answer::status(200));
        let url = format!("{}{path}", server.url());
        let built = Arc::new(AtomicUsize::new(0));
        let http = reqwest::Client::new();
        let factory = {
            let (built, http) = (Arc::clone(&built), http.clone());
            HttpRequestFactory::new(move || {
                built.fetch_add(1, Ordering::Relaxed);
                let request = http.post(&url).body("{}").build();
                async move { Ok(request?) }
            })
        };
        let sent = llmobs::openai::service(http).oneshot(factory);
        let response = recording().scope().run(sent).await.expect("the server answers");
        assert_eq!(response.status(), 200);
        assert_eq!(built.load(Ordering::Relaxed), 1, "{path}");
    }
}

//! A local proxy that observes clients which nothing can be hooked into: other languages, older
//! async-openai, a plain `reqwest::Client`.
//!
//! ```console
//! $ cargo run --example proxy
//! $ cargo run --example proxy --features tls -- --serve https://api.openai.com
//! $ OPENAI_BASE_URL=http://127.0.0.1:8080/v1 your-program
//! ```
//!
//! The first asks a pretend model through the proxy and prints the answer and its record; the second
//! forwards to any host until Enter is pressed. Requests and answers stream through unchanged, and
//! nothing of them is kept but what the records tell.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::any::Any;
use std::error::Error;
use std::future::ready;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleError;
use futures_util::StreamExt;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use llmobs::http::{ObserveLayer, RequestBody};
use llmobs::{Batch, Sink, SinkError, TransportError};
use llmobs_testserver::Model;
use tokio::net::TcpListener;
use tower::ServiceBuilder;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let llmobs = llmobs::builder().sink(Print).start()?;
    let mut arguments = std::env::args().skip(1);
    let serve = arguments.next().is_some_and(|argument| argument == "--serve");
    let model = Model::new().start().await?;
    let upstream: Uri = match arguments.next() {
        Some(url) if serve => url.parse()?,
        _ => model.url().parse()?,
    };

    // An answer may take as long as it likes; redirects are the client's business.
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let forward = ServiceBuilder::new()
        .map_response(|mut answer: Response<_>| {
            drop_connection_headers(answer.headers_mut());
            answer
        })
        .map_request(move |request| redirected(request, &upstream))
        // All that observing takes.
        .layer(ObserveLayer::new().classify(classify))
        .service_fn(move |request| send(client.clone(), request));
    let forward = HandleError::new(forward, |_| ready(StatusCode::BAD_GATEWAY));

    let port = if serve { 8080 } else { 0 };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let base = format!("http://{}/v1", listener.local_addr()?);
    let server = axum::serve(listener, Router::new().fallback_service(forward));
    let server = tokio::spawn(server.into_future());
    if serve {
        println!("Set OPENAI_BASE_URL={base}\nEnter stops the proxy.");
        tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    } else {
        ask(&base).await?;
    }
    server.abort();
    tokio::task::block_in_place(|| llmobs.shutdown(Duration::from_secs(5)))?;
    Ok(())
}

/// Sends a request on as it comes in.
async fn send(
    client: reqwest::Client,
    request: Request<RequestBody<Body>>,
) -> Result<Response<reqwest::Body>, reqwest::Error> {
    let body = |body| reqwest::Body::wrap_stream(Body::new(body).into_data_stream());
    let request = reqwest::Request::try_from(request.map(body))?;
    Ok(client.execute(request).await?.into())
}

/// The same request, to another base URL.
fn redirected(mut request: Request<Body>, upstream: &Uri) -> Request<Body> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = upstream.scheme().cloned().or(Some(Scheme::HTTP));
    let nobody = || Authority::from_static("localhost");
    parts.authority = Some(upstream.authority().cloned().unwrap_or_else(nobody));
    let path = parts.path_and_query.as_ref().map_or("/", PathAndQuery::as_str);
    let path = format!("{}{path}", upstream.path().trim_end_matches('/'));
    parts.path_and_query = path.parse().ok();
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    *request.version_mut() = http::Version::HTTP_11;
    request.headers_mut().remove(header::HOST);
    drop_connection_headers(request.headers_mut());
    request
}

/// Takes out what is between two neighbors only (RFC 9110, section 7.6.1).
fn drop_connection_headers(headers: &mut HeaderMap) {
    let named: Vec<_> = headers.get_all(header::CONNECTION).iter().cloned().collect();
    for name in named.iter().filter_map(|names| names.to_str().ok()) {
        for name in name.split(',') {
            headers.remove(name.trim());
        }
    }
    for name in
        ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"]
    {
        headers.remove(name);
    }
}

fn classify(err: &dyn Any) -> TransportError {
    match err.downcast_ref::<reqwest::Error>() {
        Some(err) if err.is_timeout() => TransportError::Timeout,
        Some(err) if err.is_connect() => TransportError::Connect,
        Some(_) => TransportError::Broken,
        None => TransportError::Other,
    }
}

/// A client that knows nothing of llmobs.
async fn ask(base: &str) -> Result<(), Box<dyn Error>> {
    let request = r#"{
        "model": "gpt-4o-mini",
        "stream": true,
        "stream_options": {"include_usage": true},
        "messages": [
            {"role": "system", "content": "Boots can be returned within 30 days."},
            {"role": "user", "content": "Until when can I return boots?"}
        ]
    }"#;
    let url = format!("{base}/chat/completions");
    let response = reqwest::Client::new().post(url).body(request).send().await?;
    let mut pieces = response.error_for_status()?.bytes_stream();
    while let Some(piece) = pieces.next().await {
        print!("{}", std::str::from_utf8(&piece?)?);
    }
    Ok(())
}

/// Shows each record, whole.
#[derive(Debug)]
struct Print;

impl Sink for Print {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        for record in batch.records {
            let line = serde_json::to_string_pretty(record)
                .map_err(|err| SinkError::permanent("a record is not JSON").caused_by(err))?;
            println!("{line}");
        }
        Ok(())
    }

    fn name(&self) -> &str {
        "print"
    }
}

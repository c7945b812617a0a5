//! A server for one page: few connections, each short and small.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};

use super::Prometheus;
use crate::quiet::{say, unobserved};

/// Connections at one time; others wait to be accepted. Each may hold a whole page.
const CONNECTIONS: usize = 8;
/// How long a request may take to come in.
const HEAD: Duration = Duration::from_secs(2);
/// How long a connection may last: as long as Prometheus waits for an answer by default.
const WHOLE: Duration = Duration::from_secs(10);
/// Longest head of a request, in bytes.
const HEAD_BYTES: usize = 16 << 10;
/// Pause when no connection can be accepted, as when there are no more files to open.
const PAUSE: Duration = Duration::from_millis(100);

/// A thread that answers until this is dropped.
pub(super) struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// `None` when the system gives no thread, which is said.
    pub(super) fn start(listener: TcpListener, prometheus: Prometheus) -> Option<Self> {
        let (stop, stopped) = oneshot::channel();
        let runtime = Builder::new_current_thread().enable_all().build();
        let thread = runtime.and_then(|runtime| {
            let serve = move || serve(runtime, listener, prometheus, stopped);
            thread::Builder::new().name("llmobs-prometheus".into()).spawn(serve)
        });
        match thread {
            Ok(thread) => Some(Self { stop: Some(stop), thread: Some(thread) }),
            Err(err) => {
                say(|| {
                    tracing::warn!(target: "llmobs", error = %err, "metrics cannot be served");
                });
                None
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It waits for nobody.
            let _ = thread.join();
        }
    }
}

fn serve(
    runtime: Runtime,
    listener: TcpListener,
    prometheus: Prometheus,
    stopped: oneshot::Receiver<()>,
) {
    runtime.block_on(async {
        tokio::spawn(unobserved(accept(listener, prometheus)));
        let _ = stopped.await;
    });
    // What is under way ends with the runtime.
    runtime.shutdown_background();
}

async fn accept(listener: TcpListener, prometheus: Prometheus) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(place) = Arc::clone(&room).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let prometheus = prometheus.clone();
        tokio::spawn(async move {
            let _ = tokio::time::timeout(WHOLE, unobserved(connection(stream, prometheus))).await;
            drop(place);
        });
    }
}

async fn connection(stream: TcpStream, prometheus: Prometheus) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let response = answer(&request, &prometheus);
        async move { Ok::<_, Infallible>(response) }
    });
    // Whoever asks for metrics comes back in seconds, if at all: a connection each time holds less.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

fn answer(request: &Request<Incoming>, prometheus: &Prometheus) -> Response<Full<Bytes>> {
    let (status, header, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            let kind = HeaderValue::from_static(Prometheus::CONTENT_TYPE);
            (StatusCode::OK, Some((CONTENT_TYPE, kind)), prometheus.render())
        }
        (_, "/metrics") => {
            let allowed = HeaderValue::from_static("GET, HEAD");
            (StatusCode::METHOD_NOT_ALLOWED, Some((ALLOW, allowed)), String::new())
        }
        _ => (StatusCode::NOT_FOUND, None, "the metrics are at /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().extend(header);
    response
}

//! Whoever stands behind the collector.

use std::collections::HashSet;
use std::fmt;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How long an arrival may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes OTLP over HTTP and keeps it, decoded; it stops when dropped.
pub struct Receiver {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    arrived: Mutex<Arrived>,
    news: Condvar,
}

/// Everything that has arrived, in order of arrival.
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    /// Spans, each once, however often it was sent.
    pub spans: Vec<ArrivedSpan>,
    /// Metrics with the resource they are of, as often as they were exported.
    pub metrics: Vec<(Resource, Metric)>,
    /// Log records with the resource they are of.
    pub logs: Vec<(Resource, LogRecord)>,
    /// Ids of the spans above.
    seen: HashSet<Vec<u8>>,
}

/// A span, and who made it.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrivedSpan {
    /// The service.
    pub resource: Resource,
    /// The instrumentation scope.
    pub scope: InstrumentationScope,
    /// Schema that the scope's names follow.
    pub schema_url: String,
    /// The span itself.
    pub span: Span,
}

impl Receiver {
    /// Starts one at a free port.
    pub fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = oneshot::channel();
        let (told, addr) = std::sync::mpsc::channel();
        let state = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime for the receiver").block_on(async {
                let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let listener = TcpListener::bind(any).await.expect("a free port");
                let _ = told.send(listener.local_addr().expect("the port"));
                let limit = DefaultBodyLimit::disable();
                let router = Router::new().fallback(receive).layer(limit).with_state(state);
                tokio::select! {
                    _ = axum::serve(listener, router) => {}
                    _ = stopped => {}
                }
            });
        });
        let addr = addr.recv().expect("the receiver has started");
        Self { addr, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it is, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What has arrived so far.
    pub fn arrived(&self) -> Arrived {
        self.shared.lock().clone()
    }

    /// What has arrived once `enough` has.
    ///
    /// # Panics
    ///
    /// When that takes longer than a minute.
    #[track_caller]
    pub fn once(&self, what: &str, enough: impl Fn(&Arrived) -> bool) -> Arrived {
        let arrived = self.shared.lock();
        let waited =
            self.shared.news.wait_timeout_while(arrived, PATIENCE, |arrived| !enough(arrived));
        let (arrived, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "waited in vain for {what}; there is {:#?}", *arrived);
        arrived.clone()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrived {
    fn take(&mut self, path: &str, body: &[u8]) -> Result<(), prost::DecodeError> {
        match path {
            "/v1/traces" => {
                let request = ExportTraceServiceRequest::decode(body)?;
                for of_one in request.resource_spans {
                    let resource = of_one.resource.unwrap_or_default();
                    for scoped in of_one.scope_spans {
                        let scope = scoped.scope.unwrap_or_default();
                        for span in scoped.spans {
                            // Whoever hears no answer sends it again: at least once is the promise.
                            if self.seen.insert(span.span_id.clone()) {
                                self.spans.push(ArrivedSpan {
                                    resource: resource.clone(),
                                    scope: scope.clone(),
                                    schema_url: scoped.schema_url.clone(),
                                    span,
                                });
                            }
                        }
                    }
                }
            }
            "/v1/metrics" => {
                let request = ExportMetricsServiceRequest::decode(body)?;
                for of_one in request.resource_metrics {
                    let resource = of_one.resource.unwrap_or_default();
                    let metrics = of_one.scope_metrics.into_iter().flat_map(|it| it.metrics);
                    self.metrics.extend(metrics.map(|metric| (resource.clone(), metric)));
                }
            }
            _ => {
                let request = ExportLogsServiceRequest::decode(body)?;
                for of_one in request.resource_logs {
                    let resource = of_one.resource.unwrap_or_default();
                    let logs = of_one.scope_logs.into_iter().flat_map(|it| it.log_records);
                    self.logs.extend(logs.map(|log| (resource.clone(), log)));
                }
            }
        }
        Ok(())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("addr", &self.addr).finish_non_exhaustive()
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut plain = Vec::new();
    let read = match headers.get("content-encoding").map(|it| it.as_bytes()) {
        Some(b"gzip") => GzDecoder::new(&*body).read_to_end(&mut plain),
        _ => (&*body).read_to_end(&mut plain),
    };
    let taken = read.is_ok() && shared.lock().take(uri.path(), &plain).is_ok();
    shared.news.notify_all();
    if taken { StatusCode::OK } else { StatusCode::BAD_REQUEST }
}

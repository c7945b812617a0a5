//! An OTLP receiver over real HTTP: decodes what arrives, and answers what it is told to.

use std::collections::VecDeque;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use llmobs_conformance::Checker;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::conformance::{Conformance, checker, told, undeclared};

/// A receiver on a port of its own; it stops when dropped.
///
/// Then it also fails the test if anything that arrived is not as the conventions have it.
pub(crate) struct Receiver {
    conformance: Mutex<Conformance>,
    addr: SocketAddr,
    state: Arc<Mutex<Arrived>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Arrived {
    requests: Vec<Request>,
    answers: VecDeque<Answer>,
    rule: Option<Rule>,
}

/// Answers by what arrives; `None` is taken.
type Rule = Box<dyn Fn(&Request) -> Option<Answer> + Send>;

/// One request as it arrived.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn is_compressed(&self) -> bool {
        self.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip")
    }

    pub(crate) fn decoded<M: Message + Default>(&self) -> M {
        if !self.is_compressed() {
            return M::decode(&*self.body).expect("a protobuf body");
        }
        let mut plain = Vec::new();
        let read = GzDecoder::new(&*self.body).read_to_end(&mut plain);
        read.expect("a body in gzip");
        M::decode(&*plain).expect("a protobuf body")
    }

    /// Span ids of a request for spans, as numbers.
    pub(crate) fn span_ids(&self) -> Vec<u64> {
        let request: ExportTraceServiceRequest = self.decoded();
        let resources = request.resource_spans.into_iter();
        let spans = resources.flat_map(|of| of.scope_spans).flat_map(|of| of.spans);
        let number = |id: Vec<u8>| u64::from_be_bytes(id.try_into().expect("eight bytes"));
        spans.map(|span| number(span.span_id)).collect()
    }
}

/// What the receiver is to answer.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// How long to wait before answering.
    pub(crate) delay: Duration,
}

impl Default for Answer {
    fn default() -> Self {
        Self { status: 200, headers: Vec::new(), body: Vec::new(), delay: Duration::ZERO }
    }
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(Arrived::default()));
        let (stop, stopped) = oneshot::channel();
        let (told, addr) = std::sync::mpsc::channel();
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime for the receiver");
            runtime.block_on(async {
                let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let listener = TcpListener::bind(any).await.expect("a free port");
                let _ = told.send(listener.local_addr().expect("the port"));
                let router = Router::new()
                    .fallback(receive)
                    .layer(DefaultBodyLimit::disable())
                    .with_state(shared);
                let serve = axum::serve(listener, router);
                tokio::select! {
                    _ = serve => {}
                    _ = stopped => {}
                }
            });
        });
        let addr = addr.recv().expect("the receiver has started");
        let conformance = Mutex::default();
        Self { conformance, addr, state, stop: Some(stop), thread: Some(thread) }
    }

    /// Tells the check of conformance more of what this test sends.
    pub(crate) fn expects(&self, more: impl FnOnce(Checker) -> Checker) {
        if let Some(checker) = checker() {
            let told = Conformance::By(Box::new(more(checker.clone())));
            *self.conformance.lock().unwrap_or_else(PoisonError::into_inner) = told;
        }
    }

    /// Leaves the check of conformance out.
    pub(crate) fn receives_anything(&self, _reason: &str) {
        *self.conformance.lock().unwrap_or_else(PoisonError::into_inner) = Conformance::Off;
    }

    /// The endpoint, without a path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers one of the next requests; those without an answer of their own are taken.
    pub(crate) fn answer(&self, answer: Answer) {
        self.arrived().answers.push_back(answer);
    }

    /// Answers each request that has no answer of its own by a rule.
    pub(crate) fn rule(&self, rule: impl Fn(&Request) -> Option<Answer> + Send + 'static) {
        self.arrived().rule = Some(Box::new(rule));
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.arrived().requests.clone()
    }

    /// Requests for spans, decoded.
    pub(crate) fn traces(&self) -> Vec<ExportTraceServiceRequest> {
        self.decoded("/v1/traces")
    }

    /// Every span that arrived, with its resource and scope.
    pub(crate) fn scoped(&self) -> Vec<(Resource, ScopeSpans)> {
        let requests = self.traces().into_iter();
        requests
            .flat_map(|request| request.resource_spans)
            .flat_map(|spans| {
                let resource = spans.resource.unwrap_or_default();
                spans.scope_spans.into_iter().map(move |scoped| (resource.clone(), scoped))
            })
            .collect()
    }

    /// Every span that arrived, in order of arrival.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.scoped().into_iter().flat_map(|(_, scoped)| scoped.spans).collect()
    }

    /// The one span with this name.
    #[track_caller]
    pub(crate) fn span(&self, name: &str) -> Span {
        let spans = self.spans();
        let names: Vec<_> = spans.iter().map(|span| span.name.clone()).collect();
        let mut named: Vec<_> = spans.into_iter().filter(|span| span.name == name).collect();
        assert_eq!(named.len(), 1, "spans named {name} among {names:?}");
        named.remove(0)
    }

    /// Requests for metrics, decoded.
    pub(crate) fn metric_requests(&self) -> Vec<ExportMetricsServiceRequest> {
        self.decoded("/v1/metrics")
    }

    /// Requests for events, decoded.
    pub(crate) fn log_requests(&self) -> Vec<ExportLogsServiceRequest> {
        self.decoded("/v1/logs")
    }

    /// The metrics of the last export, which is several requests where it is too large for one.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let requests = self.metric_requests();
        let together = |pair: &&[ExportMetricsServiceRequest]| {
            pair.iter().map(Message::encoded_len).sum::<usize>() > 4_000_000
        };
        let more = requests.windows(2).rev().take_while(together).count();
        let last = requests.into_iter().rev().take(more + 1).rev();
        last.flat_map(|request| request.resource_metrics)
            .flat_map(|metrics| metrics.scope_metrics)
            .flat_map(|scoped| scoped.metrics)
            .collect()
    }

    /// Every event that arrived, with its resource and scope.
    pub(crate) fn scoped_events(&self) -> Vec<(Resource, ScopeLogs)> {
        let requests = self.decoded::<ExportLogsServiceRequest>("/v1/logs").into_iter();
        requests
            .flat_map(|request| request.resource_logs)
            .flat_map(|logs| {
                let resource = logs.resource.unwrap_or_default();
                logs.scope_logs.into_iter().map(move |scoped| (resource.clone(), scoped))
            })
            .collect()
    }

    /// Every event that arrived, in order of arrival.
    pub(crate) fn events(&self) -> Vec<LogRecord> {
        self.scoped_events().into_iter().flat_map(|(_, scoped)| scoped.log_records).collect()
    }

    fn decoded<M: Message + Default>(&self, path: &str) -> Vec<M> {
        let requests = self.requests().into_iter().filter(|request| request.path == path);
        requests.map(|request| request.decoded()).collect()
    }

    fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if std::thread::panicking() {
            return;
        }
        let conformance = self.conformance.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let wrong = undeclared(self, &conformance);
        assert!(wrong.is_empty(), "not as the conventions have it:{}", told(&wrong));
    }
}

async fn receive(
    State(state): State<Arc<Mutex<Arrived>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = {
        let mut arrived = state.lock().unwrap_or_else(PoisonError::into_inner);
        let path = uri.path().to_owned();
        let request = Request { path, headers, body };
        let told = arrived.answers.pop_front();
        let ruled = || arrived.rule.as_ref().and_then(|rule| rule(&request));
        let answer = told.or_else(ruled).unwrap_or_default();
        arrived.requests.push(request);
        answer
    };
    tokio::time::sleep(answer.delay).await;
    let status = StatusCode::from_u16(answer.status).expect("a status");
    let mut response = (status, answer.body).into_response();
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value.parse().expect("a header"));
    }
    response
}

/// An attribute's value.
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> Option<any_value::Value> {
    let mut found = attributes.iter().filter(|attribute| attribute.key == key);
    let value = found.next().and_then(|attribute| attribute.value.clone());
    assert!(found.next().is_none(), "{key} is there twice");
    value.and_then(|AnyValue { value }| value)
}

/// A text attribute's value.
pub(crate) fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    match attribute(attributes, key)? {
        any_value::Value::StringValue(text) => Some(text),
        other => panic!("{key} is no text: {other:?}"),
    }
}

/// All attributes as JSON, for comparing them as a whole.
pub(crate) fn json(attributes: &[KeyValue]) -> serde_json::Value {
    let pairs = attributes.iter().map(|attribute| {
        let value = attribute.value.clone().and_then(|AnyValue { value }| value);
        (attribute.key.clone(), value.map_or(serde_json::Value::Null, plain))
    });
    serde_json::Value::Object(pairs.collect())
}

/// A structured value as JSON.
pub(crate) fn plain(value: any_value::Value) -> serde_json::Value {
    match value {
        any_value::Value::StringValue(text) => text.into(),
        any_value::Value::BoolValue(flag) => flag.into(),
        any_value::Value::IntValue(number) => number.into(),
        any_value::Value::DoubleValue(number) => number.into(),
        any_value::Value::ArrayValue(array) => {
            let item = |item: AnyValue| item.value.map_or(serde_json::Value::Null, plain);
            array.values.into_iter().map(item).collect()
        }
        any_value::Value::KvlistValue(list) => json(&list.values),
        other => panic!("spans have no such value: {other:?}"),
    }
}

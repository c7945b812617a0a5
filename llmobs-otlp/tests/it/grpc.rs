//! The same over gRPC.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use llmobs_conformance::{Checker, Violation};
use llmobs_core::testing::samples;
use llmobs_core::{Batch, LossCause, Record, Sink, SinkError, SpanId};
use llmobs_otlp::{Compression, Destination, Otlp, OtlpSink, Protocol};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::sync::oneshot;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};

use crate::conformance::{checker, exceptions, told};
use crate::receiver::Receiver;
use crate::scene::{Scene, quick_call};

type Rule = Arc<dyn Fn(&[u64]) -> Result<ExportTraceServiceResponse, Status> + Send + Sync>;

/// Ids of the spans of a request, and its metadata.
type Spans = (Vec<u64>, MetadataMap);

/// What has arrived, and how spans are answered.
#[derive(Clone)]
struct Collector {
    spans: Arc<Mutex<Vec<Spans>>>,
    metrics: Arc<Mutex<Vec<ExportMetricsServiceRequest>>>,
    logs: Arc<Mutex<Vec<ExportLogsServiceRequest>>>,
    /// What is not as the conventions have it.
    wrong: Arc<Mutex<Vec<Violation>>>,
    rule: Rule,
}

/// A gRPC collector on a port of its own; it stops when dropped.
pub(crate) struct Grpc {
    pub(crate) addr: SocketAddr,
    collector: Collector,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.check(|checker| checker.check_traces(request.get_ref()));
        let metadata = request.metadata().clone();
        let resources = request.into_inner().resource_spans.into_iter();
        let spans = resources.flat_map(|of| of.scope_spans).flat_map(|of| of.spans);
        let number = |id: Vec<u8>| u64::from_be_bytes(id.try_into().expect("eight bytes"));
        let ids: Vec<_> = spans.map(|span| number(span.span_id)).collect();
        let answer = (self.rule)(&ids);
        self.spans.lock().expect("no panic").push((ids, metadata));
        answer.map(Response::new)
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.check(|checker| checker.check_metrics(request.get_ref()));
        self.metrics.lock().expect("no panic").push(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.check(|checker| checker.check_logs(request.get_ref()));
        self.logs.lock().expect("no panic").push(request.into_inner());
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

impl Collector {
    fn check(&self, check: impl FnOnce(&Checker) -> Vec<Violation>) {
        let found = checker().map_or_else(Vec::new, check);
        self.wrong.lock().expect("no panic").extend(exceptions().undeclared(found));
    }
}

impl Grpc {
    fn start() -> Self {
        Self::with(true, |_| Ok(ExportTraceServiceResponse::default()))
    }

    pub(crate) fn with(
        gzip: bool,
        rule: impl Fn(&[u64]) -> Result<ExportTraceServiceResponse, Status> + Send + Sync + 'static,
    ) -> Self {
        let (spans, metrics, logs) = (Arc::default(), Arc::default(), Arc::default());
        let wrong = Arc::default();
        let collector = Collector { spans, metrics, logs, wrong, rule: Arc::new(rule) };
        let (stop, stopped) = oneshot::channel::<()>();
        let (told, addr) = std::sync::mpsc::channel();
        let shared = collector.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime for the collector");
            runtime.block_on(async {
                let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let incoming = TcpIncoming::bind(any).expect("a free port");
                told.send(incoming.local_addr().expect("the port")).expect("somebody waits");
                let mut traces = TraceServiceServer::new(shared.clone());
                if gzip {
                    traces = traces.accept_compressed(CompressionEncoding::Gzip);
                }
                let logs = LogsServiceServer::new(shared.clone())
                    .accept_compressed(CompressionEncoding::Gzip);
                let metrics =
                    MetricsServiceServer::new(shared).accept_compressed(CompressionEncoding::Gzip);
                let serve = Server::builder()
                    .add_service(traces.max_decoding_message_size(100_000))
                    .add_service(metrics)
                    .add_service(logs)
                    .serve_with_incoming(incoming);
                tokio::select! {
                    _ = serve => {}
                    _ = stopped => {}
                }
            });
        });
        let addr = addr.recv().expect("the collector has started");
        Self { addr, collector, stop: Some(stop), thread: Some(thread) }
    }

    fn otlp(&self) -> Otlp {
        let otlp = Otlp::new().endpoint(&format!("http://{}", self.addr)).expect("a URL");
        otlp.protocol(Protocol::Grpc).expect("this build has gRPC")
    }

    fn sink(&self) -> OtlpSink {
        self.otlp().sink().expect("a sink")
    }

    fn spans(&self) -> Vec<Vec<u64>> {
        let spans = self.collector.spans.lock().expect("no panic");
        spans.iter().map(|(ids, _)| ids.clone()).collect()
    }

    /// Checks what arrived; not where ids are made for the test.
    #[track_caller]
    fn assert_conforms(&self) {
        let wrong = self.collector.wrong.lock().expect("no panic");
        assert!(wrong.is_empty(), "not as the conventions have it:{}", told(&wrong));
    }

    fn metadata(&self, n: usize) -> MetadataMap {
        self.collector.spans.lock().expect("no panic")[n].1.clone()
    }
}

impl Drop for Grpc {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn calls(n: u64) -> Vec<Arc<Record>> {
    let call = |n| Record { span_id: SpanId::new(n), ..samples::dropped() };
    (1..=n).map(|n| Arc::new(call(n))).collect()
}

fn offer(sink: &mut OtlpSink, records: &[Arc<Record>]) -> Result<(), SinkError> {
    sink.deliver(&Batch { records, meta: &samples::file_start() })
}

/// Offers one call to a collector that answers with this status.
fn answered(status: &Status) -> SinkError {
    let status = status.clone();
    let collector = Grpc::with(true, move |_| Err(status.clone()));
    offer(&mut collector.sink(), &calls(1)).expect_err("it was not taken")
}

#[test]
fn spans_metrics_and_events_arrive_with_headers_and_compressed() {
    let collector = Grpc::start();
    let destination = Destination::new(&format!("http://{}", collector.addr))
        .and_then(|to| to.protocol(Protocol::Grpc))
        .and_then(|to| to.header("x-tenant", "7"))
        .expect("all of it is fine")
        .compression(Compression::Gzip);
    let scene = Scene::to(Receiver::start(), |otlp| otlp.also(destination), |builder| builder);
    quick_call(scene.recorder(), "a");
    quick_call(scene.recorder(), "b");
    scene.recorder().record(samples::failed());
    scene.flush();
    assert_eq!(collector.spans().concat().len(), 3);
    assert_eq!(collector.collector.logs.lock().expect("no panic").len(), 1, "a failed call");
    let metadata = collector.metadata(0);
    assert_eq!(metadata.get("x-tenant").expect("a header"), "7");
    assert_eq!(metadata.get("grpc-encoding").expect("a header"), "gzip");
    assert!(metadata.get("grpc-timeout").is_some());
    let agent = metadata.get("user-agent").expect("a header").to_str().expect("text");
    assert!(agent.starts_with("llmobs/"), "{agent}");
    assert!(!collector.collector.metrics.lock().expect("no panic").is_empty());
    assert_eq!(scene.recorder().losses().total(), 0);
    collector.assert_conforms();
}

#[test]
fn the_environment_can_ask_for_it_with_and_without_a_scheme() {
    let collector = Grpc::start();
    let (addr, url) = (collector.addr.to_string(), format!("http://{}/ignored", collector.addr));
    for pairs in [
        vec![("OTEL_EXPORTER_OTLP_ENDPOINT", &*url)],
        vec![("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &url)],
        vec![("OTEL_EXPORTER_OTLP_ENDPOINT", &addr), ("OTEL_EXPORTER_OTLP_INSECURE", "true")],
    ] {
        let otlp = Otlp::from_lookup(|name| match name {
            "OTEL_EXPORTER_OTLP_PROTOCOL" => Some("grpc".to_owned()),
            _ => pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()),
        });
        let mut sink = otlp.expect("the environment can be followed").sink().expect("a sink");
        offer(&mut sink, &calls(1)).expect("taken");
    }
    assert_eq!(collector.spans().len(), 3);
    let secure = Otlp::from_lookup(|name| match name {
        "OTEL_EXPORTER_OTLP_PROTOCOL" => Some("grpc".to_owned()),
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("collector:4317".to_owned()),
        _ => None,
    });
    assert_eq!(secure.is_ok(), cfg!(feature = "tls"), "https unless told otherwise");
}

#[test]
fn statuses_are_retried_or_not_as_the_specification_says() {
    use Code::{
        Aborted, AlreadyExists, Cancelled, DataLoss, DeadlineExceeded, FailedPrecondition,
        Internal, InvalidArgument, NotFound, OutOfRange, PermissionDenied, ResourceExhausted,
        Unauthenticated, Unavailable, Unimplemented, Unknown,
    };
    for code in [Cancelled, DeadlineExceeded, Aborted, OutOfRange, Unavailable, DataLoss] {
        assert!(answered(&Status::new(code, "later")).is_retryable(), "{code:?}");
    }
    let permanent = [
        Unknown,
        InvalidArgument,
        NotFound,
        AlreadyExists,
        PermissionDenied,
        FailedPrecondition,
        Internal,
        Unauthenticated,
        Unimplemented,
        ResourceExhausted,
    ];
    for code in permanent {
        assert!(!answered(&Status::new(code, "never")).is_retryable(), "{code:?}");
    }
    let err = answered(&Status::permission_denied("who are you?"));
    assert_eq!(err.to_string(), "the endpoint answered PERMISSION_DENIED: who are you?");
}

#[test]
fn an_exhausted_collector_is_asked_again_when_it_says_when() {
    // `google.rpc.Status` with a `RetryInfo` of 4 seconds.
    let url = b"type.googleapis.com/google.rpc.RetryInfo";
    let any = [&[10, 40][..], url, &[18, 4, 10, 2, 8, 4]].concat();
    let length = u8::try_from(any.len()).expect("it is short");
    let details = [&[26, length][..], &any].concat();
    let status = Status::with_details(Code::ResourceExhausted, "full", details.into());
    let err = answered(&status);
    assert!(err.is_retryable());
    assert_eq!(err.to_string(), "the endpoint answered RESOURCE_EXHAUSTED: full");
    assert!(format!("{err:?}").contains("retry_after: Some(4s)"), "{err:?}");
}

#[test]
fn one_bad_span_is_lost_alone() {
    let bad = |ids: &[u64]| match ids.contains(&5) {
        true => Err(Status::invalid_argument("span 5 is bad")),
        false => Ok(ExportTraceServiceResponse::default()),
    };
    let collector = Grpc::with(true, bad);
    let err = offer(&mut collector.sink(), &calls(64)).expect_err("one is refused");
    assert_eq!(err.to_string(), "the endpoint answered INVALID_ARGUMENT: span 5 is bad");
    assert!(format!("{err:?}").contains("refused: Some(1)"), "{err:?}");
    let taken = collector.spans().into_iter().filter(|ids| !ids.contains(&5));
    assert_eq!(taken.flatten().count(), 63);
}

#[test]
fn requests_that_are_too_large_become_smaller() {
    let collector = Grpc::start();
    let records = calls(512);
    offer(&mut collector.sink(), &records).expect("all are taken");
    let mut ids = collector.spans().concat();
    ids.sort_unstable();
    assert_eq!(ids, (1..=512).collect::<Vec<_>>());
    assert!(collector.spans().len() > 1);
}

#[test]
fn a_collector_without_gzip_is_sent_the_same_plain_from_then_on() {
    let collector = Grpc::with(false, |_| Ok(ExportTraceServiceResponse::default()));
    let mut sink = collector.otlp().compression(Compression::Gzip).sink().expect("a sink");
    offer(&mut sink, &calls(2)).expect("taken");
    offer(&mut sink, &calls(3)).expect("taken");
    assert_eq!(collector.spans(), [vec![1, 2], vec![1, 2, 3]]);
    assert!(collector.metadata(1).get("grpc-encoding").is_none());
}

#[test]
fn rejected_spans_are_counted() {
    let collector = Grpc::with(true, |_| {
        let error_message = "too old".to_owned();
        let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message };
        Ok(ExportTraceServiceResponse { partial_success: Some(partial) })
    });
    let otlp = collector.otlp();
    let scene = Scene::to(Receiver::start(), |_| otlp, |builder| builder);
    quick_call(scene.recorder(), "m");
    scene.recorder().flush(Duration::from_secs(20)).expect_err("it is rejected");
    let account = scene.recorder().losses().sinks[1].clone();
    assert_eq!((account.delivered, account.lost[&LossCause::SinkRefused]), (0, 1));
}

#[test]
fn a_collector_that_is_not_there_or_does_not_answer_is_asked_again() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = port.local_addr().expect("its address");
    let sink = || {
        let otlp = Otlp::new().endpoint(&format!("http://{addr}")).expect("a URL");
        let otlp = otlp.protocol(Protocol::Grpc).expect("this build has gRPC");
        otlp.timeout(Duration::from_millis(100)).sink().expect("a sink")
    };
    // The system takes the connection, and nobody reads from it.
    let err = offer(&mut sink(), &calls(1)).expect_err("no answer");
    assert!(err.is_retryable());
    assert_eq!(err.to_string(), "the endpoint did not answer in time");
    drop(port);
    let err = offer(&mut sink(), &calls(1)).expect_err("nobody listens");
    assert!(err.is_retryable());
    assert_eq!(err.to_string(), "the endpoint cannot be reached");
}

#[test]
fn a_collector_that_comes_back_gets_what_is_offered_again() {
    let first = Grpc::start();
    let mut sink = first.sink();
    offer(&mut sink, &calls(1)).expect("taken");
    drop(first);
    let err = offer(&mut sink, &calls(1)).expect_err("it has gone");
    assert!(err.is_retryable(), "{err}");
    // A runtime of the service's is no hindrance, neither for a call nor for the end.
    let second = Grpc::start();
    let mut sink = second.sink();
    offer(&mut sink, &calls(1)).expect("taken");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async { drop(sink) });
}

#[test]
fn what_is_no_grpc_at_the_other_end_is_said_to_break_the_connection() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", port.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for stream in port.incoming() {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 1 << 10]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let otlp = Otlp::new().endpoint(&url).expect("a URL");
    let otlp = otlp.protocol(Protocol::Grpc).expect("this build has gRPC");
    let err = offer(&mut otlp.sink().expect("a sink"), &calls(1)).expect_err("it is no gRPC");
    assert!(err.is_retryable());
    assert_eq!(err.to_string(), "the connection to the endpoint broke");
}

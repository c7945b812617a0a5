//! A receiver of OTLP on this machine, which counts what arrives, and can go away and come back.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use llmobs_core::semconv::event;
use llmobs_testserver::{Answer, Received, Server};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric};
use prost::Message;

use crate::account::Arrival;
use crate::report::Broken;

/// What decides over a request, by its number and how many spans it has; what it gives is answered, and
/// says how many of the spans are taken.
type Rule = Arc<dyn Fn(u64, u64) -> (Answer, u64) + Send + Sync>;

/// A receiver on a port of its own.
pub(crate) struct Receiver {
    server: Option<Server>,
    address: SocketAddr,
    rule: Rule,
    arrived: Arc<Mutex<Arrived>>,
}

/// What has arrived.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    /// Ids of the spans that were taken; `None` where only their number is kept.
    ids: Option<HashSet<u64>>,
    /// Spans that were taken, each once as far as that is known.
    spans: u64,
    /// Spans that came again after they had been taken.
    pub(crate) again: u64,
    /// Judgements, which have no spans.
    pub(crate) evaluations: u64,
    /// Requests with spans.
    pub(crate) requests: u64,
    /// Spans that came, whether taken or not.
    pub(crate) offered: u64,
    pub(crate) malformed: u64,
    /// Of each metric's last export: its points, and what they have counted.
    pub(crate) metrics: std::collections::BTreeMap<String, (u64, u64)>,
}

impl Receiver {
    /// One that takes everything.
    pub(crate) fn start() -> Result<Self, Broken> {
        Self::with(|_, spans| (Answer::status(200), spans))
    }

    /// One that takes everything, and keeps no more of it than numbers.
    pub(crate) fn tallying() -> Result<Self, Broken> {
        let this = Self::start()?;
        this.arrived().ids = None;
        Ok(this)
    }

    /// One that answers by a rule.
    pub(crate) fn with(
        rule: impl Fn(u64, u64) -> (Answer, u64) + Send + Sync + 'static,
    ) -> Result<Self, Broken> {
        let arrived = Arrived { ids: Some(HashSet::new()), ..Arrived::default() };
        let mut this = Self {
            server: None,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            rule: Arc::new(rule),
            arrived: Arc::new(Mutex::new(arrived)),
        };
        this.back()?;
        Ok(this)
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Goes away: its port is closed, and every connection with it.
    pub(crate) fn away(&mut self) {
        self.server = None;
    }

    /// Comes back to the same port.
    pub(crate) fn back(&mut self) -> Result<(), Broken> {
        let mut patience = 100;
        let server = loop {
            match Server::start_at(self.address) {
                Ok(server) => break server,
                // Somebody else may have the port for a moment, a connection of ours among them.
                Err(_) if patience > 0 => patience -= 1,
                Err(err) => return Err(Broken::by("the receiver cannot come back")(err)),
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        server.recording(false);
        self.address = server.address();
        let (arrived, rule) = (Arc::clone(&self.arrived), Arc::clone(&self.rule));
        server.handler(move |request| receive(request, &mut lock(&arrived), &*rule));
        self.server = Some(server);
        Ok(())
    }

    /// What has arrived so far.
    pub(crate) fn arrived(&self) -> MutexGuard<'_, Arrived> {
        lock(&self.arrived)
    }

    /// The spans that have arrived, each once, and the judgements.
    pub(crate) fn arrival(&self) -> Arrival {
        let arrived = self.arrived();
        let records = arrived.spans + arrived.evaluations;
        Arrival { records, swallows_reports: true, ..Arrival::default() }
    }
}

fn lock(arrived: &Mutex<Arrived>) -> MutexGuard<'_, Arrived> {
    arrived.lock().unwrap_or_else(PoisonError::into_inner)
}

fn receive(
    request: &Received,
    arrived: &mut Arrived,
    rule: &dyn Fn(u64, u64) -> (Answer, u64),
) -> Answer {
    match request.path() {
        "/v1/traces" => {
            let Ok(decoded) = ExportTraceServiceRequest::decode(&*request.body) else {
                arrived.malformed += 1;
                return Answer::status(400);
            };
            let resources = decoded.resource_spans.into_iter();
            let spans = resources.flat_map(|of| of.scope_spans).flat_map(|of| of.spans);
            let ids =
                spans.filter_map(|span| Some(u64::from_be_bytes(span.span_id.try_into().ok()?)));
            let ids: Vec<_> = ids.collect();
            let (answer, taken) = rule(arrived.requests, ids.len() as u64);
            arrived.requests += 1;
            arrived.offered += ids.len() as u64;
            for id in ids.into_iter().take(taken as usize) {
                let new = arrived.ids.as_mut().is_none_or(|ids| ids.insert(id));
                arrived.spans += u64::from(new);
                arrived.again += u64::from(!new);
            }
            answer
        }
        "/v1/metrics" => {
            let Ok(decoded) = ExportMetricsServiceRequest::decode(&*request.body) else {
                arrived.malformed += 1;
                return Answer::status(400);
            };
            let resources = decoded.resource_metrics.into_iter();
            let metrics = resources.flat_map(|of| of.scope_metrics).flat_map(|of| of.metrics);
            for metric in metrics {
                let known = points(&metric);
                arrived.metrics.insert(metric.name, known);
            }
            Answer::status(200)
        }
        "/v1/logs" => {
            let Ok(decoded) = ExportLogsServiceRequest::decode(&*request.body) else {
                arrived.malformed += 1;
                return Answer::status(400);
            };
            let resources = decoded.resource_logs.into_iter();
            let events = resources.flat_map(|of| of.scope_logs).flat_map(|of| of.log_records);
            let judges = |event: &LogRecord| event.event_name == event::EVALUATION_RESULT;
            arrived.evaluations += events.filter(judges).count() as u64;
            Answer::status(200)
        }
        _ => Answer::status(404),
    }
}

/// How many points a metric has, and what a histogram of them has counted.
fn points(metric: &Metric) -> (u64, u64) {
    match &metric.data {
        Some(metric::Data::Histogram(histogram)) => {
            let points = &histogram.data_points;
            (points.len() as u64, points.iter().map(|point| point.count).sum())
        }
        Some(metric::Data::Sum(sum)) => (sum.data_points.len() as u64, 0),
        Some(metric::Data::Gauge(gauge)) => (gauge.data_points.len() as u64, 0),
        _ => (0, 0),
    }
}

//! What becomes of metrics while their endpoint is away.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use llmobs_core::testing::{FakePauses, Memory};
use llmobs_core::{Backoff, Builder, Limits, Llmobs, LossCause, SinkLosses};
use llmobs_otlp::{Destination, Otlp, Temporality};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use crate::receiver::{Answer, Receiver, Request};
use crate::scene::{Fields, quick_call};

const LONG: Duration = Duration::from_secs(60);
const NEVER: Duration = Duration::from_secs(3_600);

/// A receiver that is away when it is told to be.
struct Endpoint {
    receiver: Receiver,
    away: Arc<AtomicBool>,
    /// Calls that each request told of which found it there.
    taken: Arc<Mutex<Vec<u64>>>,
}

impl Endpoint {
    fn start() -> Self {
        let receiver = Receiver::start();
        let (away, taken) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<u64>>>::default());
        let (is_away, takes) = (Arc::clone(&away), Arc::clone(&taken));
        receiver.rule(move |request| {
            if is_away.load(Ordering::Acquire) {
                return Some(Answer { status: 503, ..Answer::default() });
            }
            takes.lock().expect("nobody panics").push(calls(request.decoded()));
            None
        });
        Self { receiver, away, taken }
    }

    fn away(&self, away: bool) {
        self.away.store(away, Ordering::Release);
    }

    fn url(&self) -> String {
        format!("{}/v1/metrics", self.receiver.url())
    }

    /// Calls that each request told of which was taken, in order of arrival, from this one on.
    fn calls(&self, from: usize) -> Vec<u64> {
        self.taken.lock().expect("nobody panics").iter().skip(from).copied().collect()
    }
}

/// Calls that an export tells of.
fn calls(export: ExportMetricsServiceRequest) -> u64 {
    let metrics = export.resource_metrics.into_iter().flat_map(|of| of.scope_metrics);
    let mut metrics = metrics.flat_map(|of| of.metrics);
    match metrics.find(|metric| metric.name == "gen_ai.client.inference.duration") {
        Some(metric) => match metric.data {
            Some(Data::Histogram(data)) => data.data_points.iter().map(|point| point.count).sum(),
            other => panic!("no histogram: {other:?}"),
        },
        None => 0,
    }
}

struct Setting<'a> {
    otlp: Otlp,
    pauses: FakePauses,
    spool: Option<&'a Path>,
    limits: Limits,
}

impl<'a> Setting<'a> {
    fn new(endpoint: &Endpoint, temporality: Temporality) -> Self {
        let otlp = Otlp::new().metric_interval(NEVER).temporality(temporality);
        let otlp = otlp.metrics_endpoint(&endpoint.url()).expect("a URL");
        Self { otlp, pauses: FakePauses::default(), spool: None, limits: Limits::default() }
    }

    fn spool(self, directory: &'a Path) -> Self {
        Self { spool: Some(directory), ..self }
    }

    fn start(self) -> Llmobs {
        let builder = Builder::new().process_wide(false).decoder(Fields).limits(self.limits);
        // One offer tells that it is away.
        let builder = builder.backoff(Backoff::new().offers(1)).pauses(&self.pauses);
        let builder = match self.spool {
            Some(directory) => builder.spool(directory),
            None => builder,
        };
        self.otlp.install(builder).start().expect("threads can be started")
    }
}

fn account(llmobs: &Llmobs) -> SinkLosses {
    let metrics = llmobs.losses().metrics;
    assert_eq!(metrics.len(), 1);
    metrics.into_iter().next().expect("one export")
}

/// What was `[delivered, lost, waiting, spooled, recovered]`.
fn counts(account: &SinkLosses) -> [u64; 5] {
    let lost = account.lost.values().sum();
    [account.delivered, lost, account.waiting, account.spooled, account.recovered]
}

/// Some calls every ten seconds of an outage, and an export of each.
fn outage(llmobs: &Llmobs, pauses: &FakePauses, intervals: u64) {
    for n in 1..=intervals {
        (0..n).for_each(|_| quick_call(llmobs, "m"));
        let err = llmobs.flush(LONG).expect_err("the endpoint is away");
        assert!(err.waiting() > 0, "{err}");
        pauses.advance(Duration::from_secs(10));
        // What is tried now has failed before the endpoint is back.
        pauses.pause();
    }
}

#[test]
fn after_an_outage_deltas_of_every_interval_arrive_once_and_in_order() {
    let endpoint = Endpoint::start();
    let setting = Setting::new(&endpoint, Temporality::Delta);
    let pauses = setting.pauses.clone();
    let llmobs = setting.start();
    quick_call(&llmobs, "m");
    llmobs.flush(LONG).expect("it is delivered");
    endpoint.away(true);
    outage(&llmobs, &pauses, 6);
    assert_eq!(counts(&account(&llmobs)), [1, 0, 6, 0, 0]);
    let before = endpoint.calls(0).len();
    endpoint.away(false);
    pauses.advance(LONG);
    quick_call(&llmobs, "m");
    llmobs.flush(LONG).expect("it is back");
    assert_eq!(endpoint.calls(before), [1, 2, 3, 4, 5, 6, 1]);
    assert_eq!(counts(&account(&llmobs)), [8, 0, 0, 0, 0]);
}

#[test]
fn after_an_outage_totals_are_exact() {
    let endpoint = Endpoint::start();
    let setting = Setting::new(&endpoint, Temporality::Cumulative);
    let pauses = setting.pauses.clone();
    let llmobs = setting.start();
    quick_call(&llmobs, "m");
    llmobs.flush(LONG).expect("it is delivered");
    endpoint.away(true);
    outage(&llmobs, &pauses, 6);
    let before = endpoint.calls(0).len();
    endpoint.away(false);
    pauses.advance(LONG);
    llmobs.flush(LONG).expect("it is back");
    // What was exported on the way comes in order, and the total last.
    assert_eq!(endpoint.calls(before), [2, 4, 7, 11, 16, 22, 22]);
    assert_eq!(counts(&account(&llmobs)), [8, 0, 0, 0, 0]);
}

#[test]
fn totals_that_the_next_export_has_do_not_pile_up() {
    let endpoint = Endpoint::start();
    endpoint.away(true);
    let otlp = Otlp::new().metric_interval(Duration::from_millis(1));
    let otlp = otlp.metrics_endpoint(&endpoint.url()).expect("a URL");
    let builder = Builder::new().process_wide(false).decoder(Fields);
    let often = Backoff::new().offers(1).first_pause(Duration::ZERO).longest_probe(Duration::ZERO);
    let llmobs = otlp.install(builder.backoff(often)).start().expect("threads can be started");
    quick_call(&llmobs, "m");
    let deadline = Instant::now() + LONG;
    // Many intervals are over by then.
    while endpoint.receiver.requests().len() < 5 {
        assert!(Instant::now() < deadline, "nothing is sent");
        std::thread::yield_now();
    }
    assert_eq!(counts(&account(&llmobs)), [0, 0, 1, 0, 0]);
    endpoint.away(false);
    while llmobs.flush(LONG).is_err() {
        assert!(Instant::now() < deadline, "it is back");
    }
    assert_eq!(endpoint.calls(0).last(), Some(&1));
}

#[test]
fn deltas_that_find_no_room_are_counted() {
    let endpoint = Endpoint::start();
    let mut setting = Setting::new(&endpoint, Temporality::Delta);
    setting.limits.sink_records = 2;
    let pauses = setting.pauses.clone();
    let llmobs = setting.start();
    endpoint.away(true);
    outage(&llmobs, &pauses, 6);
    let before = endpoint.calls(0).len();
    endpoint.away(false);
    pauses.advance(LONG);
    // Whether this flush tells of what is lost, or one before it has.
    let _ = llmobs.flush(LONG);
    let account = account(&llmobs);
    let lost = account.lost[&LossCause::SinkQueueFull];
    assert_eq!(account.lost, BTreeMap::from([(LossCause::SinkQueueFull, lost)]));
    // Two in the queue, and as many in hand at most; the last export may find room again.
    assert!((3..=5).contains(&lost), "{lost}");
    assert_eq!(account.delivered, 7 - lost);
    assert_eq!(endpoint.calls(before).len() as u64, account.delivered);
}

#[test]
fn what_waits_on_disk_comes_with_the_next_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let endpoint = Endpoint::start();
    endpoint.away(true);
    for (temporality, arrived) in
        [(Temporality::Delta, vec![1, 2, 0, 5]), (Temporality::Cumulative, vec![1, 3, 3, 5])]
    {
        let setting = Setting::new(&endpoint, temporality).spool(directory.path());
        let pauses = setting.pauses.clone();
        let llmobs = setting.start();
        outage(&llmobs, &pauses, 2);
        let err = llmobs.shutdown(LONG).expect_err("the endpoint is away");
        assert_eq!((err.waiting(), err.spooled()), (3, 3), "{err}");
        assert_eq!(counts(&account(&llmobs)), [0, 0, 3, 3, 0]);
        drop(llmobs);
        let before = endpoint.calls(0).len();
        endpoint.away(false);
        let next = Setting::new(&endpoint, temporality).spool(directory.path()).start();
        (0..5).for_each(|_| quick_call(&next, "m"));
        next.flush(LONG).expect("it is back");
        assert_eq!(endpoint.calls(before), arrived);
        assert_eq!(counts(&account(&next)), [4, 0, 0, 0, 3]);
        next.shutdown(LONG).expect("nothing is left");
        endpoint.away(true);
    }
}

#[test]
fn without_a_disk_the_last_export_is_lost_with_the_process_and_counted() {
    let endpoint = Endpoint::start();
    endpoint.away(true);
    let llmobs = Setting::new(&endpoint, Temporality::Cumulative).start();
    quick_call(&llmobs, "m");
    let err = llmobs.shutdown(LONG).expect_err("the endpoint is away");
    assert_eq!(err.failed_sinks(), ["otlp_metrics"]);
    let account = account(&llmobs);
    assert_eq!(counts(&account), [0, 1, 0, 0, 0]);
    assert_eq!(account.lost[&LossCause::SinkTooSlow], 1);
}

#[test]
fn an_export_that_is_refused_for_good_is_counted_and_stops_no_other() {
    let endpoint = Endpoint::start();
    let llmobs = Setting::new(&endpoint, Temporality::Delta).start();
    // Whatever is in it.
    let refuses = |request: &Request| {
        let first = calls(request.decoded()) == 1;
        first.then(|| Answer { status: 401, ..Answer::default() })
    };
    endpoint.receiver.rule(refuses);
    quick_call(&llmobs, "m");
    llmobs.flush(LONG).expect_err("it is refused");
    (0..2).for_each(|_| quick_call(&llmobs, "m"));
    llmobs.flush(LONG).expect("it is delivered");
    let account = account(&llmobs);
    assert_eq!(counts(&account), [1, 1, 0, 0, 0]);
    assert_eq!(account.lost[&LossCause::SinkRefused], 1);
}

#[test]
fn what_is_lost_of_metrics_is_in_the_sum_and_in_reports() {
    let endpoint = Endpoint::start();
    endpoint.receiver.rule(|_| Some(Answer { status: 401, ..Answer::default() }));
    let memory = Memory::default();
    let otlp = Otlp::new().metric_interval(NEVER).metrics_endpoint(&endpoint.url());
    let builder = Builder::new().process_wide(false).decoder(Fields).sink(memory.clone());
    let llmobs = otlp.expect("a URL").install(builder).start().expect("threads can be started");
    quick_call(&llmobs, "m");
    llmobs.flush(LONG).expect_err("it is refused");
    let losses = llmobs.losses();
    assert_eq!(losses.by_cause(), BTreeMap::from([(LossCause::SinkRefused, 1)]));
    assert_eq!(losses.total(), 1);
    llmobs.shutdown(LONG).expect_err("so is the last one");
    let report = memory.take().into_iter().find_map(|record| record.meta?.losses);
    assert_eq!(report.expect("a report").lost, BTreeMap::from([("sink_refused".to_owned(), 1)]));
}

#[test]
fn one_that_hangs_holds_up_the_flush_of_no_other() {
    // The system takes the connection, and nobody answers.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let hanging = format!("http://{}/v1/metrics", silent.local_addr().expect("the port"));
    let endpoint = Endpoint::start();
    let to = |url: &str| Destination::default().metrics_endpoint(url).expect("a URL");
    let otlp = Otlp::new().metric_interval(NEVER).timeout(NEVER);
    let otlp = otlp.metrics_endpoint(&hanging).expect("a URL").also(to(&endpoint.url()));
    let builder = Builder::new().process_wide(false).decoder(Fields);
    let llmobs = otlp.install(builder).start().expect("threads can be started");
    quick_call(&llmobs, "m");
    let recorder = llmobs.recorder().clone();
    let flush = std::thread::spawn(move || recorder.flush(Duration::from_millis(500)));
    let deadline = Instant::now() + LONG;
    while endpoint.calls(0).is_empty() {
        assert!(Instant::now() < deadline, "it waits for the one that hangs");
        std::thread::yield_now();
    }
    flush.join().expect("no panic").expect_err("one hangs");
    assert_eq!(endpoint.calls(0), [1]);
    llmobs.shutdown(Duration::from_millis(100)).expect_err("one hangs");
    let [first, second] = &llmobs.losses().metrics[..] else { panic!("two exports") };
    assert_eq!((first.delivered, second.delivered), (0, 1));
}

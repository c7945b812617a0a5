//! What we export ourselves is never observed, however closely the application looks at everything.
//!
//! Each test runs once more in a process of its own, which has one subscriber for all threads; the
//! collectors are in the first one.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use llmobs_core::testing::{Memory, samples};
use llmobs_core::{Backoff, Builder, Record, Recorder, SpanId, StepKind};
use llmobs_otlp::{Compression, Otlp, Protocol};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::receiver::{Answer, Receiver};

const TO: &str = "LLMOBS_TEST_UNTRACED_TO";
const LONG: Duration = Duration::from_secs(20);

/// Everything that any layer, logger or exporter of the application's gets to see.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn add(&self, what: String) {
        self.0.lock().expect("no panic").push(what);
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }
}

impl<S: Subscriber> Layer<S> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let meta = attributes.metadata();
        self.add(format!("span {} {}", meta.target(), meta.name()));
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let meta = event.metadata();
        self.add(format!("event {} {}", meta.target(), meta.name()));
    }
}

impl SpanExporter for Seen {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        batch.into_iter().for_each(|span| self.add(format!("exported {}", span.name)));
        Ok(())
    }
}

/// The application's logger; what bridges to `tracing` and to OpenTelemetry make of a record is
/// nothing where both are turned off.
impl log::Log for Seen {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let silent =
            tracing::dispatcher::get_default(|to| to.is::<tracing::subscriber::NoSubscriber>());
        let suppressed = opentelemetry::Context::is_current_telemetry_suppressed();
        if !(silent && suppressed) {
            self.add(format!("log {} {}", record.target(), record.args()));
        }
    }

    fn flush(&self) {}
}

/// Panics over every word of ours.
struct Panics;

impl<S: Subscriber> Layer<S> for Panics {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "llmobs" {
            std::panic::resume_unwind(Box::new("a subscriber gone wrong"));
        }
    }
}

/// Runs a test of this module in a process of its own, with these variables.
fn alone(test: &str, variables: &[(&str, &str)]) {
    let program = std::env::current_exe().expect("the test binary");
    let mut command = Command::new(program);
    command.args(["--exact", &format!("untraced::{test}"), "--nocapture"]);
    let output = command.envs(variables.iter().copied()).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{variables:?}\n{out}\n{err}");
}

/// Fails the first few requests.
fn collector() -> Receiver {
    let receiver = Receiver::start();
    receiver.receives_anything("ids are small numbers");
    for _ in 0..4 {
        receiver.answer(Answer { status: 503, ..Answer::default() });
    }
    receiver
}

fn otlp(to: &str) -> Otlp {
    let (protocol, url) = to.split_once(' ').expect("a protocol and a URL");
    let otlp = Otlp::new().endpoint(url).expect("a URL").compression(Compression::Gzip);
    match protocol {
        "grpc" => otlp.protocol(Protocol::Grpc).expect("this build has gRPC"),
        _ => otlp,
    }
}

fn start(otlp: Otlp, memory: &Memory) -> llmobs_core::Llmobs {
    let soon = Duration::from_millis(1);
    let backoff = Backoff::new().offers(2).first_pause(soon).longest_pause(soon);
    let builder = Builder::new().process_wide(false).backoff(backoff).sink(memory.clone());
    otlp.install(builder).start().expect("threads")
}

/// Observes a few things inside a span of the application's.
fn observe(recorder: &Recorder) {
    for n in 1..=5 {
        let span = tracing::info_span!(target: "app", "request");
        span.in_scope(|| {
            tracing::trace!(target: "app", "working");
            recorder.step(StepKind::Tool, "weigh").end();
            recorder.record(Record { span_id: SpanId::new(n), ..samples::failed() });
        });
        // A sink that is down is tried again by a flush, once a second.
        let _ = recorder.flush(LONG);
    }
    let until = std::time::Instant::now() + LONG;
    while recorder.flush(LONG).is_err() && std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    let losses = recorder.losses();
    assert!(losses.sinks.iter().all(|sink| sink.waiting == 0), "{losses:?}");
    assert_eq!((losses.open, losses.total()), (0, 0), "{losses:?}");
}

/// The process in which everything is looked at.
fn looks(to: &str, attached: bool) {
    let (seen, memory) = (Seen::default(), Memory::default());
    let provider = SdkTracerProvider::builder().with_simple_exporter(seen.clone()).build();
    if attached {
        opentelemetry::global::set_tracer_provider(provider.clone());
    }
    let tracer = provider.tracer("app");
    let subscriber = tracing_subscriber::registry()
        .with(EnvFilter::new("trace"))
        .with(llmobs_core::layer())
        .with(tracing_opentelemetry::layer().with_tracer(tracer))
        .with(seen.clone());
    tracing::subscriber::set_global_default(subscriber).expect("nobody else sets one");
    log::set_boxed_logger(Box::new(seen.clone())).expect("nobody else sets one");
    log::set_max_level(log::LevelFilter::Trace);

    let llmobs = start(otlp(to), &memory);
    observe(&llmobs);
    llmobs.shutdown(LONG).expect("all is delivered");
    drop(llmobs);
    let records = memory.records();
    // Steps, calls, and maybe a report of what waited: nothing of our own requests.
    let ours = |record: &&Record| record.meta.is_none();
    assert_eq!(records.iter().filter(ours).count(), 10, "{records:?}");
    let seen = seen.all();
    let own = |line: &&String| {
        !["span app ", "event app ", "exported request", "exported execute_tool weigh"]
            .iter()
            .any(|known| line.starts_with(known))
    };
    let (words, other): (Vec<_>, Vec<_>) =
        seen.iter().filter(own).partition(|line| line.starts_with("event llmobs "));
    assert!(other.is_empty(), "{other:#?}");
    // What is said on purpose is little, and brings forth no more of it.
    assert!(words.len() <= 8, "{words:#?}");
    assert_eq!(seen.iter().filter(|line| line.starts_with("span app ")).count(), 5);
}

#[test]
fn exports_over_http_are_observed_by_nobody() {
    if let Ok(to) = std::env::var(TO) {
        return looks(&to, std::env::var_os("LLMOBS_TEST_ATTACHED").is_some());
    }
    for mode in ["LLMOBS_TEST_OWN", "LLMOBS_TEST_ATTACHED"] {
        let receiver = collector();
        // By name: names are looked up on a thread of their own.
        let to = format!("http http://localhost:{}", receiver.addr().port());
        alone("exports_over_http_are_observed_by_nobody", &[(TO, &to), (mode, "1")]);
        assert!(receiver.requests().len() > 4, "{mode}");
    }
}

#[test]
fn exports_through_a_proxy_are_observed_by_nobody() {
    if let Ok(to) = std::env::var(TO) {
        return looks(&to, false);
    }
    let proxy = collector();
    let variables = [
        (TO, "http http://collector.invalid:4318"),
        ("HTTP_PROXY", &proxy.url()),
        ("http_proxy", &proxy.url()),
        ("NO_PROXY", ""),
        ("no_proxy", ""),
    ];
    alone("exports_through_a_proxy_are_observed_by_nobody", &variables);
    assert!(proxy.requests().len() > 4);
}

#[cfg(feature = "grpc")]
#[test]
fn exports_over_grpc_are_observed_by_nobody() {
    if let Ok(to) = std::env::var(TO) {
        return looks(&to, std::env::var_os("LLMOBS_TEST_ATTACHED").is_some());
    }
    for mode in ["LLMOBS_TEST_OWN", "LLMOBS_TEST_ATTACHED"] {
        let failing = Arc::new(std::sync::atomic::AtomicU32::new(3));
        let collector = crate::grpc::Grpc::with(true, move |_| {
            use std::sync::atomic::Ordering::SeqCst;
            match failing.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
                Ok(_) => Err(tonic::Status::unavailable("later")),
                Err(_) => Ok(Default::default()),
            }
        });
        let to = format!("grpc http://localhost:{}", collector.addr.port());
        alone("exports_over_grpc_are_observed_by_nobody", &[(TO, &to), (mode, "1")]);
    }
}

#[test]
fn a_subscriber_that_panics_over_our_words_costs_nothing_else() {
    if let Ok(to) = std::env::var(TO) {
        let subscriber = tracing_subscriber::registry().with(Panics);
        tracing::subscriber::set_global_default(subscriber).expect("nobody else sets one");
        let memory = Memory::default();
        let llmobs = start(otlp(&to), &memory);
        observe(&llmobs);
        return llmobs.shutdown(LONG).expect("all is delivered");
    }
    let receiver = collector();
    let to = format!("http {}", receiver.url());
    alone("a_subscriber_that_panics_over_our_words_costs_nothing_else", &[(TO, &to)]);
}

/// `tracing` hands on to `log` what it is told as long as no subscriber was ever set, be it for a
/// moment on one thread.
#[test]
fn where_the_application_sets_no_subscriber_we_set_none_either() {
    if let Ok(to) = std::env::var(TO) {
        let llmobs = start(otlp(&to), &Memory::default());
        observe(&llmobs);
        llmobs.shutdown(LONG).expect("all is delivered");
        drop(llmobs);
        return assert!(!tracing::dispatcher::has_been_set());
    }
    let receiver = collector();
    let to = format!("http {}", receiver.url());
    alone("where_the_application_sets_no_subscriber_we_set_none_either", &[(TO, &to)]);
}

//! Tail sampling of the spans of the application's own provider.

mod alone;
mod bounds;
mod faults;
mod tracing;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use llmobs_core::testing::Recording;
use llmobs_core::{Builder, Rule, TailSampling};
use llmobs_otlp::{Otlp, TailAccount, TailCounts, TailSampled};
use opentelemetry::trace::{Span as _, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, Value};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SimpleSpanProcessor, SpanData,
    SpanExporter, SpanProcessor,
};
use serde_json::json;

use crate::scene::{Fields, complete, issue};

/// What was exported, in the order it came.
#[derive(Clone, Debug, Default)]
struct Exported(Arc<Mutex<Vec<SpanData>>>);

impl Exported {
    fn all(&self) -> Vec<SpanData> {
        self.0.lock().expect("no panic").clone()
    }

    /// The names, sorted.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.all().iter().map(|span| span.name.to_string()).collect();
        names.sort_unstable();
        names
    }
}

impl SpanExporter for Exported {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().expect("no panic").extend(batch);
        Ok(())
    }
}

/// A service with a provider of its own, and a recorder that samples.
struct Service {
    recording: Recording,
    provider: SdkTracerProvider,
    exported: Exported,
    account: TailAccount,
}

const PATIENCE: Duration = Duration::from_secs(60);

fn failed() -> TailSampling {
    TailSampling::new(0.0).keep(Rule::failed())
}

impl Service {
    fn new(rules: TailSampling) -> Self {
        Self::with(rules, |tail| tail)
    }

    fn with(
        rules: TailSampling,
        tail: impl FnOnce(
            TailSampled<SimpleSpanProcessor<Exported>>,
        ) -> TailSampled<SimpleSpanProcessor<Exported>>,
    ) -> Self {
        let exported = Exported::default();
        let inner = SimpleSpanProcessor::new(exported.clone());
        Self::around(rules, exported, tail(TailSampled::new(inner)), Sampler::AlwaysOn)
    }

    fn around<P: SpanProcessor + 'static>(
        rules: TailSampling,
        exported: Exported,
        tail: TailSampled<P>,
        sampler: Sampler,
    ) -> Self {
        let account = tail.account();
        let builder = SdkTracerProvider::builder().with_sampler(sampler);
        let provider = builder.with_span_processor(tail).build();
        let recording = recording(&provider, |builder| builder.tail_sampling(rules));
        Self { recording, provider, exported, account }
    }

    fn tracer(&self) -> SdkTracer {
        self.provider.tracer("app")
    }

    /// A request to the service, with a query before the calls of models that `inside` makes.
    fn request(&self, inside: impl FnOnce(&Context)) {
        let tracer = self.tracer();
        let root = Context::new().with_span(tracer.start_with_context("request", &Context::new()));
        {
            let _inside = root.clone().attach();
            tracer.start("query").end();
            inside(&root);
        }
        root.span().end();
    }

    fn call(&self, status: u16) {
        complete(issue(self.recording.recorder(), json!({"model": "m"})), status, json!({}));
    }

    fn flush(&self) {
        self.recording.recorder().flush(PATIENCE).expect("all is delivered");
    }

    /// Waits until so many spans have ended and nothing is held; only where that comes by itself.
    #[track_caller]
    fn settled(&self, ended: u64) {
        let began = Instant::now();
        let settled = |counts: TailCounts| counts.ended == ended && counts.waiting == 0;
        while !settled(self.account.counts()) {
            assert!(began.elapsed() < PATIENCE, "{:?}", self.account.counts());
            std::thread::yield_now();
        }
    }
}

fn recording(provider: &SdkTracerProvider, more: impl FnOnce(Builder) -> Builder) -> Recording {
    let otlp = Otlp::new().tracer_provider(provider);
    Recording::with(|base| more(otlp.install(base.decoder(Fields))))
}

fn rate(span: &SpanData) -> Option<(f64, Option<String>)> {
    let find = |key: &str| {
        let mut all = span.attributes.iter().filter(|attribute| attribute.key.as_str() == key);
        let found = all.next().map(|attribute| attribute.value.clone());
        assert!(all.next().is_none(), "{key} is there once");
        found
    };
    let rate = match find("llmobs.sampling.rate")? {
        Value::F64(rate) => rate,
        other => panic!("a rate is a number, not {other:?}"),
    };
    Some((rate, find("llmobs.sampling.rule").map(|rule| rule.to_string())))
}

#[test]
fn a_trace_with_an_error_is_kept_whole_and_a_routine_one_left_out_whole() {
    let service = Service::new(failed());
    service.request(|_| service.call(200));
    service.settled(3);
    assert_eq!(service.exported.names(), [""; 0]);
    service.request(|_| service.call(500));
    service.settled(6);
    assert_eq!(service.exported.names(), ["chat m", "query", "request"]);
    let spans = service.exported.all();
    let trace = spans[0].span_context.trace_id();
    for span in &spans {
        assert_eq!(span.span_context.trace_id(), trace);
        assert_eq!(rate(span), Some((1.0, Some("failed".to_owned()))), "{}", span.name);
    }
    service.flush();
    let records = service.recording.records();
    assert_eq!(records.len(), 1);
    let sampling = records[0].sampling.as_deref().expect("it says why");
    assert_eq!((sampling.rate, sampling.rule.as_deref()), (1.0, Some("failed")));
    let counts = service.account.counts();
    assert_eq!((counts.ended, counts.kept, counts.left_out), (6, 3, 3));
}

#[test]
fn routine_traces_are_kept_by_their_share_as_their_records_are() {
    let service = Service::new(TailSampling::new(0.25));
    for _ in 0..200 {
        service.request(|_| service.call(200));
    }
    service.flush();
    service.settled(600);
    let records = service.recording.records();
    assert!((20..90).contains(&records.len()), "{} of 200 at 25 %", records.len());
    let spans = service.exported.all();
    assert_eq!(spans.len(), 3 * records.len());
    assert!(spans.iter().all(|span| rate(span) == Some((0.25, None))));
    for record in &records {
        let id = record.trace_id.expect("it has one").to_bytes();
        let of = spans.iter().filter(|span| span.span_context.trace_id().to_bytes() == id);
        assert_eq!(of.count(), 3);
    }
}

#[test]
fn a_trace_without_llmobs_goes_on_when_its_last_span_has_ended() {
    let service = Service::new(failed());
    let tracer = service.tracer();
    let root = Context::new().with_span(tracer.start_with_context("request", &Context::new()));
    tracer.start_with_context("query", &root).end();
    assert_eq!(service.exported.names(), [""; 0], "a call may come yet");
    root.span().end();
    assert_eq!(service.exported.names(), ["query", "request"]);
    assert!(service.exported.all().iter().all(|span| rate(span).is_none()));
    assert_eq!(service.account.counts().no_part, 2);
}

#[test]
fn what_ends_late_follows_the_decision() {
    for (status, expected) in [(200, 0), (500, 5)] {
        let service = Service::new(failed());
        let mut below = None;
        service.request(|root| {
            service.call(status);
            below = Some(root.clone());
        });
        service.settled(3);
        let below = below.expect("it ran");
        service.tracer().start_with_context("late", &below).end();
        let _inside = below.attach();
        service.call(200);
        service.flush();
        assert_eq!(service.exported.all().len(), expected, "{:?}", service.exported.names());
        let records = service.recording.records();
        assert_eq!(records.len(), if status == 500 { 2 } else { 0 });
    }
}

#[test]
fn a_call_below_a_remote_parent_is_decided_on_when_nothing_is_open_here() {
    let service = Service::new(failed());
    let parent = opentelemetry::trace::SpanContext::new(
        opentelemetry::TraceId::from(0xabcd),
        opentelemetry::SpanId::from(7),
        opentelemetry::trace::TraceFlags::SAMPLED,
        true,
        Default::default(),
    );
    let caller = Context::new().with_remote_span_context(parent);
    let inside = caller.attach();
    service.call(500);
    drop(inside);
    service.settled(1);
    assert_eq!(service.exported.names(), ["chat m"]);
}

#[test]
fn a_stream_that_is_read_after_its_request_holds_the_trace_open() {
    let service = Service::new(failed());
    let mut open = None;
    service.request(|_| {
        open = Some(issue(service.recording.recorder(), json!({"model": "m"})));
    });
    assert_eq!(service.exported.names(), [""; 0]);
    complete(open.expect("it ran"), 500, json!({}));
    service.settled(3);
    assert_eq!(service.exported.names(), ["chat m", "query", "request"]);
}

#[test]
fn what_a_head_sampler_left_out_has_no_spans_and_its_records_are_sampled_all_the_same() {
    let exported = Exported::default();
    let tail = TailSampled::new(SimpleSpanProcessor::new(exported.clone()));
    let service = Service::around(failed(), exported, tail, Sampler::AlwaysOff);
    service.request(|_| service.call(500));
    service.request(|_| service.call(200));
    service.flush();
    assert_eq!(service.account.counts().ended, 0);
    let records = service.recording.records();
    assert_eq!(records.len(), 1);
    assert!(records[0].unsampled);
}

#[test]
fn a_batch_processor_exports_what_is_kept() {
    let exported = Exported::default();
    let batch = BatchSpanProcessor::builder(exported.clone()).build();
    let service = Service::around(failed(), exported, TailSampled::new(batch), Sampler::AlwaysOn);
    for n in 0..40 {
        service.request(|_| service.call(if n % 4 == 0 { 500 } else { 200 }));
    }
    service.flush();
    service.provider.force_flush().expect("it exports");
    assert_eq!(service.exported.all().len(), 3 * 10);
    service.provider.shutdown().expect("it ends");
}

#[test]
fn traces_at_the_same_time_are_decided_on_each_for_itself() {
    const THREADS: u64 = 8;
    const EACH: u64 = 50;
    let service = Service::new(failed());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let service = &service;
            scope.spawn(move || {
                for n in 0..EACH {
                    let status = if (thread + n) % 5 == 0 { 500 } else { 200 };
                    service.request(|_| service.call(status));
                }
            });
        }
    });
    service.flush();
    service.settled(3 * THREADS * EACH);
    let spans = service.exported.all();
    let mut traces = std::collections::HashMap::new();
    for span in &spans {
        *traces.entry(span.span_context.trace_id()).or_insert(0) += 1;
    }
    assert_eq!(traces.len() as u64, THREADS * EACH / 5);
    assert!(traces.values().all(|spans| *spans == 3));
    let counts = service.account.counts();
    assert_eq!(counts.ended, 3 * THREADS * EACH);
    assert_eq!((counts.kept, counts.left_out), (240, 960));
}

#[test]
fn metrics_are_taken_before_anything_is_left_out() {
    let receiver = crate::receiver::Receiver::start();
    let metrics = format!("{}/v1/metrics", receiver.url());
    let scene = crate::scene::Scene::to(
        receiver,
        |otlp| otlp.metrics_endpoint(&metrics).expect("the receiver has a URL"),
        |builder| builder.tail_sampling(TailSampling::new(0.0)),
    );
    for _ in 0..3 {
        crate::scene::quick_call(scene.recorder(), "m");
    }
    scene.flush();
    assert_eq!(scene.receiver.spans().len(), 0);
    assert_eq!(scene.recorder().losses().sampled_out, 3);
    let all = scene.receiver.metrics();
    let durations = all.iter().find(|it| it.name == "gen_ai.client.inference.duration");
    let Some(opentelemetry_proto::tonic::metrics::v1::metric::Data::Histogram(histogram)) =
        durations.and_then(|metric| metric.data.as_ref())
    else {
        panic!("durations are a histogram: {durations:?}");
    };
    assert_eq!(histogram.data_points.iter().map(|point| point.count).sum::<u64>(), 3);
}

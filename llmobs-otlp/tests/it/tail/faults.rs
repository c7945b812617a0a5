//! What is broken around it costs nothing but itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use llmobs_core::{Record, Verdict};
use llmobs_otlp::TailSampled;
use opentelemetry::Context;
use opentelemetry::trace::{Span as _, TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    Sampler, SdkTracerProvider, SimpleSpanProcessor, Span, SpanData, SpanProcessor,
};

use serde_json::json;

use super::{Exported, Service, failed, recording};
use crate::scene::issue;

/// Panics over everything it is asked to do, with something that panics once more as it is dropped.
#[derive(Debug)]
struct Broken;

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("and once more"));
    }
}

fn broken() -> ! {
    std::panic::resume_unwind(Box::new(Bomb))
}

impl SpanProcessor for Broken {
    fn on_start(&self, _: &mut Span, _: &Context) {
        broken();
    }

    fn on_end(&self, _: SpanData) {
        broken();
    }

    fn force_flush(&self) -> OTelSdkResult {
        broken()
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        broken()
    }

    fn set_resource(&mut self, _: &Resource) {
        broken();
    }
}

#[test]
fn a_panic_of_the_inner_processor_ends_here() {
    let tail = TailSampled::new(Broken);
    let service = Service::around(failed(), Exported::default(), tail, Sampler::AlwaysOn);
    service.request(|_| service.call(500));
    service.settled(3);
    let counts = service.account.counts();
    // The resource, three beginnings, three ends.
    assert_eq!((counts.kept, counts.panics), (3, 7));
    assert!(service.provider.force_flush().is_err());
    assert!(service.provider.shutdown().is_err());
    service.flush();
    let losses = service.recording.recorder().losses();
    assert_eq!((losses.recorded, losses.total()), (1, 0));
}

/// Is told the resource, and counts what comes.
#[derive(Debug)]
struct Told(Arc<(AtomicBool, AtomicU32)>);

impl SpanProcessor for Told {
    fn on_start(&self, _: &mut Span, _: &Context) {
        self.0.1.fetch_add(1, Ordering::SeqCst);
    }

    fn on_end(&self, _: SpanData) {
        self.0.1.fetch_add(100, Ordering::SeqCst);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, _: &Resource) {
        self.0.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn the_inner_processor_is_told_the_resource_and_of_every_beginning() {
    let told = Arc::<(AtomicBool, AtomicU32)>::default();
    let tail = TailSampled::new(Told(Arc::clone(&told)));
    let service = Service::around(failed(), Exported::default(), tail, Sampler::AlwaysOn);
    service.request(|_| service.call(200));
    service.settled(3);
    assert!(told.0.load(Ordering::SeqCst));
    assert_eq!(told.1.load(Ordering::SeqCst), 3);
}

/// A service whose recorder refuses every record.
fn refusing() -> Service {
    let exported = Exported::default();
    let tail = TailSampled::new(SimpleSpanProcessor::new(exported.clone()));
    let account = tail.account();
    let provider = SdkTracerProvider::builder().with_span_processor(tail).build();
    let recording = recording(&provider, |builder| {
        let refuse = |_: &mut Record| Verdict::Refuse;
        builder.tail_sampling(failed()).processor(refuse)
    });
    Service { recording, provider, exported, account }
}

#[test]
fn a_trace_whose_records_were_all_refused_goes_on_as_it_is() {
    let service = refusing();
    service.request(|_| service.call(500));
    service.flush();
    service.flush();
    assert_eq!(service.exported.names(), ["chat", "query", "request"]);
    assert_eq!(service.account.counts().no_part, 3);
}

#[test]
fn what_nobody_decides_on_before_the_recorder_ends_goes_on_as_it_is() {
    let service = refusing();
    let mut open = None;
    service.request(|_| open = Some(issue(service.recording.recorder(), json!({"model": "m"}))));
    assert_eq!(service.account.counts().waiting, 2, "the call may yet fail");
    // The recorder ends the call itself, refuses its record, and takes nothing more on.
    let Service { recording, exported, account, provider: _provider } = service;
    drop(recording);
    assert_eq!(exported.names(), ["chat", "query", "request"]);
    assert_eq!((account.counts().no_part, account.counts().waiting), (3, 0));
}

#[test]
fn another_recorders_decision_is_not_taken_for_the_one_that_takes_part() {
    let service = Service::new(failed());
    // It has records of the same trace, and nothing to do with its spans.
    let other = SdkTracerProvider::builder().build();
    let other =
        recording(&other, |builder| builder.tail_sampling(llmobs_core::TailSampling::new(1.0)));
    service.request(|root| {
        service.call(200);
        let bytes = root.span().span_context().trace_id().to_bytes();
        let trace_id = llmobs_core::TraceId::new(u128::from_be_bytes(bytes));
        other.recorder().record(Record { trace_id, ..Record::default() });
        other.recorder().flush(Duration::from_secs(60)).expect("all is delivered");
    });
    service.settled(3);
    assert_eq!(service.exported.names(), [""; 0]);
    assert_eq!(service.account.counts().left_out, 3);
}

#[test]
fn the_sdks_lost_spans_are_held_no_longer_than_others() {
    let service = Service::with(failed(), |tail| tail.spans(2));
    let tracer = service.provider.tracer("app");
    for _ in 0..10 {
        // Never ends: its trace would stay open for good.
        std::mem::forget(tracer.start("forgotten"));
    }
    tracer.start("after").end();
    assert_eq!(service.exported.names(), ["after"]);
}

//! What is held is bounded, and goes on rather than being lost.

use std::time::Duration;

use llmobs_core::testing::FakeClock;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, TraceContextExt, Tracer};

use super::{Service, failed, rate};

#[test]
fn over_the_bound_of_spans_the_oldest_trace_goes_on_and_its_rest_follows() {
    let service = Service::with(failed(), |tail| tail.spans(4));
    service.request(|root| {
        service.call(200);
        for n in 0..5 {
            service.tracer().start_with_context(format!("part {n}"), root).end();
        }
    });
    service.flush();
    // Routine, and kept all the same: nobody knew by then.
    let names = service.exported.names();
    assert_eq!(names.len(), 8, "{names:?}");
    assert!(service.exported.all().iter().all(|span| rate(span).is_none()));
    let counts = service.account.counts();
    assert_eq!((counts.ended, counts.too_many, counts.waiting), (8, 8, 0));
    // The next one is sampled again.
    service.request(|_| service.call(200));
    service.settled(11);
    assert_eq!(service.account.counts().left_out, 3);
}

#[test]
fn traces_that_are_open_count_as_much_as_spans() {
    let service = Service::with(failed(), |tail| tail.spans(4));
    let tracer = service.tracer();
    let open: Vec<_> = (0..6).map(|n| tracer.start(format!("open {n}"))).collect();
    drop(open);
    let counts = service.account.counts();
    assert_eq!((counts.ended, counts.too_many, counts.no_part), (6, 2, 4));
}

#[test]
fn over_the_bound_of_memory_the_oldest_trace_goes_on() {
    let service = Service::with(failed(), |tail| tail.bytes(50_000));
    service.request(|root| {
        service.call(200);
        let mut large = service.tracer().start_with_context("large", root);
        large.set_attribute(KeyValue::new("body", "x".repeat(60_000)));
        large.end();
        assert!(service.exported.names().contains(&"large".to_owned()));
    });
    service.flush();
    let counts = service.account.counts();
    assert_eq!((counts.ended, counts.too_large, counts.waiting), (4, 4, 0));
    assert_eq!(service.exported.all().len(), 4);
}

#[test]
fn after_its_time_a_trace_goes_on_although_nothing_happens_in_it() {
    let clock = FakeClock::default();
    let of_tail = clock.clone();
    let service = Service::with(failed(), |tail| tail.age(Duration::from_secs(300)).clock(of_tail));
    let tracer = service.tracer();
    let root = opentelemetry::Context::new().with_span(tracer.start("request"));
    tracer.start_with_context("query", &root).end();
    clock.advance(Duration::from_secs(299));
    // The recorder looks at the time whenever it does something.
    service.flush();
    assert_eq!(service.exported.names(), [""; 0]);
    clock.advance(Duration::from_secs(1));
    service.flush();
    service.flush();
    assert_eq!(service.exported.names(), ["query"]);
    root.span().end();
    assert_eq!(service.exported.names(), ["query", "request"]);
    assert_eq!(service.account.counts().too_old, 2);
}

#[test]
fn a_flush_of_the_provider_passes_on_what_is_undecided_and_its_rest_follows() {
    let service = Service::new(failed());
    service.request(|_| {
        service.call(200);
        service.provider.force_flush().expect("it flushes");
        assert!(service.exported.names().contains(&"query".to_owned()));
    });
    service.flush();
    assert_eq!(service.exported.names(), ["chat m", "query", "request"]);
    let counts = service.account.counts();
    assert_eq!((counts.ended, counts.flushed, counts.waiting), (3, 3, 0));
    service.request(|_| service.call(200));
    service.settled(6);
    assert_eq!(service.account.counts().left_out, 3);
}

#[test]
fn a_shutdown_of_the_provider_passes_on_what_is_undecided() {
    let service = Service::new(failed());
    let tracer = service.tracer();
    let root = opentelemetry::Context::new().with_span(tracer.start("request"));
    tracer.start_with_context("query", &root).end();
    service.provider.shutdown().expect("it ends");
    // SimpleSpanProcessor exports until its own shutdown, which comes after.
    assert_eq!(service.exported.names(), ["query"]);
    let counts = service.account.counts();
    assert_eq!((counts.ended, counts.flushed), (1, 1));
}

#[test]
fn a_recorder_that_ends_first_decides_on_all_and_the_provider_has_the_rest() {
    let service = Service::new(failed());
    service.request(|_| service.call(500));
    service.request(|_| service.call(200));
    let Service { recording, provider, exported, account } = service;
    drop(recording);
    assert_eq!(exported.names(), ["chat m", "query", "request"]);
    // Nobody decides any more: nothing is held.
    let tracer = opentelemetry::trace::TracerProvider::tracer(&provider, "app");
    let mut spans = vec![tracer.start("afterwards")];
    spans.clear();
    assert!(exported.names().contains(&"afterwards".to_owned()));
    provider.shutdown().expect("it ends");
    let counts = account.counts();
    assert_eq!((counts.kept, counts.left_out, counts.no_part, counts.waiting), (3, 3, 1, 0));
}

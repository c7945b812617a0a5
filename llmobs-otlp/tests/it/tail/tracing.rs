//! Spans of the `tracing` crate, which tracing-opentelemetry makes and ends.

use opentelemetry_sdk::trace::SdkTracer;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::{Service, failed, rate};

fn traced(tracer: SdkTracer) -> impl tracing::Subscriber {
    Registry::default()
        .with(tracing_opentelemetry::layer().with_tracer(tracer))
        .with(llmobs_core::layer())
}

#[test]
fn spans_of_tracing_are_kept_and_left_out_with_the_calls_in_them() {
    let service = Service::new(failed());
    tracing::subscriber::with_default(traced(service.tracer()), || {
        service.recording.scope().run_sync(|| {
            for status in [200, 500] {
                let _request = tracing::info_span!("request").entered();
                tracing::info_span!("query").in_scope(|| ());
                service.call(status);
            }
        });
    });
    service.settled(6);
    assert_eq!(service.exported.names(), ["chat m", "query", "request"]);
    let kept = Some((1.0, Some("failed".to_owned())));
    assert!(service.exported.all().iter().all(|span| rate(span) == kept));
}

#[cfg(feature = "tracing-opentelemetry")]
#[test]
fn calls_that_another_crate_tells_of_are_decided_on_by_their_records() {
    let service = Service::new(failed());
    tracing::subscriber::with_default(traced(service.tracer()), || {
        service.recording.scope().run_sync(|| {
            for error in [None, Some("timeout")] {
                let _request = tracing::info_span!("request").entered();
                let call = tracing::info_span!(
                    "chat",
                    gen_ai.operation.name = "chat",
                    gen_ai.request.model = "m",
                    error.type = tracing::field::Empty,
                );
                if let Some(error) = error {
                    call.record("error.type", error);
                }
                drop(call.entered());
            }
        });
    });
    service.flush();
    service.settled(4);
    assert_eq!(service.recording.records().len(), 1);
    assert_eq!(service.exported.names(), ["chat", "request"]);
    assert_eq!(service.account.counts().left_out, 2);
}

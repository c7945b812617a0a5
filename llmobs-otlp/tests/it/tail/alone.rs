//! Whether anything is held at all: each case in a process of its own, where nobody else decides.

use llmobs_core::TailSampling;
use llmobs_otlp::{Otlp, TailSampled};
use opentelemetry::global;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{SdkTracerProvider, SimpleSpanProcessor};

use super::{Exported, Service, failed, recording};
use crate::global::alone_in;
use crate::scene::Fields;

fn alone(test: &str, case: impl FnOnce()) {
    alone_in("tail::alone", test, case);
}

/// A request; what of it has gone on before it ended.
fn before_the_end(service: &Service, inside: impl FnOnce()) -> Vec<String> {
    let mut before = Vec::new();
    service.request(|_| {
        inside();
        before = service.exported.names();
    });
    before
}

#[test]
fn a_recorder_that_keeps_everything_holds_nothing_back() {
    alone("a_recorder_that_keeps_everything_holds_nothing_back", || {
        let exported = Exported::default();
        let tail = TailSampled::new(SimpleSpanProcessor::new(exported.clone()));
        let account = tail.account();
        let provider = SdkTracerProvider::builder().with_span_processor(tail).build();
        let recording = recording(&provider, |builder| builder);
        let service = Service { recording, provider, exported, account };
        let before = before_the_end(&service, || {
            service.call(200);
            service.flush();
        });
        assert_eq!(before, ["chat m", "query"]);
    });
}

#[test]
fn a_recorder_that_is_turned_off_holds_nothing_back() {
    alone("a_recorder_that_is_turned_off_holds_nothing_back", || {
        let service = Service::new(failed());
        assert_eq!(before_the_end(&service, || ()), [""; 0]);
        service.recording.recorder().set_enabled(false);
        assert_eq!(before_the_end(&service, || ()), ["query", "query", "request"]);
        service.recording.recorder().set_enabled(true);
        assert_eq!(before_the_end(&service, || ()).len(), 4);
    });
}

#[test]
fn a_recorder_that_has_shut_down_holds_nothing_back() {
    alone("a_recorder_that_has_shut_down_holds_nothing_back", || {
        let Service { recording, provider, exported, account } = Service::new(failed());
        drop(recording);
        let tracer = provider.tracer("app");
        let _open = opentelemetry::trace::Tracer::start(&tracer, "open");
        drop(opentelemetry::trace::Tracer::start(&tracer, "ended"));
        assert_eq!(exported.names(), ["ended"]);
        assert_eq!(account.counts().no_part, 1);
    });
}

#[test]
fn with_our_own_pipeline_nothing_is_held_of_anothers() {
    alone("with_our_own_pipeline_nothing_is_held_of_anothers", || {
        let exported = Exported::default();
        let tail = TailSampled::new(SimpleSpanProcessor::new(exported.clone()));
        let account = tail.account();
        let provider = SdkTracerProvider::builder().with_span_processor(tail).build();
        // Nobody tells it of the provider.
        let recording = llmobs_core::testing::Recording::with(|base| {
            Otlp::new().install(base.decoder(Fields)).tail_sampling(failed())
        });
        let service = Service { recording, provider, exported, account };
        service.call(200);
        assert_eq!(before_the_end(&service, || ()), ["query"]);
    });
}

#[test]
fn a_global_provider_that_is_set_after_the_recorder_has_started_is_found() {
    alone("a_global_provider_that_is_set_after_the_recorder_has_started_is_found", || {
        let recording = llmobs_core::testing::Recording::with(|base| {
            Otlp::new().install(base.decoder(Fields)).tail_sampling(TailSampling::new(0.0))
        });
        let exported = Exported::default();
        let tail = TailSampled::new(SimpleSpanProcessor::new(exported.clone()));
        let account = tail.account();
        let provider = SdkTracerProvider::builder().with_span_processor(tail).build();
        global::set_tracer_provider(provider.clone());
        let service = Service { recording, provider, exported, account };
        assert_eq!(before_the_end(&service, || service.call(200)), [""; 0]);
        service.settled(3);
        assert_eq!(service.account.counts().left_out, 3);
        service.flush();
    });
}

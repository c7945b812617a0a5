//! The kits every backend, sink and processor must pass.

use llmobs_core::testing::kit;
use llmobs_core::{Kind, Outcome};
use llmobs_otlp::{OtelBackend, Otlp};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

use crate::provider::provider;
use crate::receiver::Receiver;

#[test]
fn the_backend_passes_the_kit_in_both_modes() {
    kit::check_backend(OtelBackend::new());
    let receiver = Receiver::start();
    let silent = SdkTracerProvider::builder().build();
    kit::check_backend(OtelBackend::attached(&silent));
    kit::check_backend(OtelBackend::attached(&provider(&receiver, Sampler::AlwaysOff)));
}

#[test]
fn the_sink_passes_the_kit_and_sends_every_span_it_was_given() {
    let receiver = Receiver::start();
    receiver.receives_anything("the kit's records are as odd as records can be");
    let otlp = Otlp::new().endpoint(&receiver.url()).expect("a URL");
    let given = kit::check_sink(|| otlp.sink().expect("there is an endpoint"));
    let spans = given.iter().filter(|record| {
        let operation = matches!(record.kind, Kind::Interaction | Kind::Step);
        let ids = record.trace_id.is_some() && record.span_id.is_some();
        operation && ids && record.timestamp.is_some()
    });
    let names: Vec<_> = receiver.spans().into_iter().map(|span| span.name).collect();
    let from_kit = names.iter().filter(|name| !name.starts_with("execute_tool step "));
    assert_eq!(from_kit.count(), spans.count());
}

#[test]
fn the_sinks_of_events_pass_the_kit_and_send_every_event_of_what_they_were_given() {
    let receiver = Receiver::start();
    receiver.receives_anything("the kit's records are as odd as records can be");
    let otlp = Otlp::new().endpoint(&receiver.url()).expect("a URL");
    let given = kit::check_sink(|| otlp.event_sinks().pop().expect("there is an endpoint"));
    let events = given.iter().filter(|record| match record.kind {
        Kind::Interaction => record.outcome == Some(Outcome::Failed),
        _ => record.evaluation.is_some(),
    });
    assert!(events.clone().count() > 2);
    assert_eq!(receiver.events().len(), events.count());
}

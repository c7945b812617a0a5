//! Events through a provider of loggers of the application's.

use llmobs_core::testing::samples;
use llmobs_core::{Capture, Evaluation, Record};
use llmobs_otlp::ContentPlace;
use opentelemetry_sdk::trace::Sampler;
use serde_json::json;

use crate::provider::{logger_provider, provider};
use crate::receiver::{Receiver, json as attributes};
use crate::scene::{Scene, complete, issue};

/// The same records, once through our own export and once through a provider.
fn both(records: &[Record]) -> (Scene, Scene) {
    let capture = |builder: llmobs_core::Builder| builder.capture(Capture::ALL);
    let own = Scene::told(|otlp| otlp.details(true), capture);
    own.receiver.receives_anything("some of the content is none but for its form");
    let receiver = Receiver::start();
    receiver.receives_anything("the test's provider has no resource");
    let loggers = logger_provider(&receiver);
    let logs = format!("{}/v1/logs", receiver.url());
    let told = Scene::to(
        receiver,
        |otlp| {
            let otlp = otlp.details(true).logger_provider(&loggers);
            // The provider goes before an endpoint.
            otlp.logs_endpoint(&logs).expect("a URL")
        },
        capture,
    );
    for scene in [&own, &told] {
        records.iter().for_each(|record| scene.recorder().record(record.clone()));
        scene.flush();
    }
    (own, told)
}

#[test]
fn a_provider_of_the_applications_gets_the_same_events() {
    let evaluation = Evaluation::new("relevance").score(0.5).of(&samples::streamed_chat());
    let timestamp = samples::evaluation().timestamp;
    let evaluation = Record { timestamp, ..evaluation };
    let (own, told) = both(&[samples::streamed_chat(), samples::failed(), evaluation]);
    let (own, told) = (own.receiver.events(), told.receiver.events());
    assert_eq!((own.len(), told.len()), (4, 4));
    for (own, told) in own.iter().zip(&told) {
        assert_eq!(attributes(&own.attributes), attributes(&told.attributes));
        assert_eq!((&own.event_name, &own.body), (&told.event_name, &told.body));
        assert_eq!(own.severity_number, told.severity_number);
        assert_eq!(own.severity_text, told.severity_text);
        assert_eq!((&own.trace_id, &own.span_id), (&told.trace_id, &told.span_id));
        assert_eq!((own.flags, own.time_unix_nano), (told.flags, told.time_unix_nano));
        assert_eq!(own.observed_time_unix_nano, told.observed_time_unix_nano);
    }
}

#[test]
fn null_has_no_place_in_a_provider_and_is_left_out_of_objects() {
    let mut record = samples::streamed_chat();
    let messages = json!([{
        "role": "assistant",
        "parts": [{"type": "odd", "all": [null], "none": null}],
        "finish_reason": "stop",
    }]);
    record.content.get_or_insert_default().output_messages = Some(messages.clone());
    let (own, told) = both(&[record]);
    let found = |scene: &Scene| {
        attributes(&scene.receiver.events()[0].attributes)["gen_ai.output.messages"].clone()
    };
    assert_eq!(found(&own), messages);
    let left = json!([{
        "role": "assistant",
        "parts": [{"type": "odd", "all": ["null"]}],
        "finish_reason": "stop",
    }]);
    assert_eq!(found(&told), left);
}

#[test]
fn content_for_events_is_on_no_span_of_a_provider_either() {
    const CANARY: &str = "canary-5d1e";
    let receiver = Receiver::start();
    let (spans, logs) = (provider(&receiver, Sampler::AlwaysOn), logger_provider(&receiver));
    receiver.receives_anything("the resource is the provider's");
    let scene = Scene::to(
        receiver,
        |otlp| {
            let otlp = otlp.tracer_provider(&spans).logger_provider(&logs);
            otlp.content(ContentPlace::EventOnly)
        },
        |builder| builder.capture(Capture::ALL),
    );
    let said = json!({"content": {"output_messages": [{"role": "assistant", "parts": [CANARY]}]}});
    complete(issue(scene.recorder(), json!({"model": "m"})), 200, said);
    scene.flush();
    let heard = |path: &str| {
        let requests = scene.receiver.requests().into_iter().filter(|it| it.path == path);
        let bodies: Vec<_> = requests.map(|it| it.body).collect();
        assert_eq!(bodies.len(), 1, "{path}");
        bodies[0].windows(CANARY.len()).any(|part| part == CANARY.as_bytes())
    };
    assert!(heard("/v1/logs") && !heard("/v1/traces"));
}

#[test]
fn attached_spans_and_events_of_both_providers_are_of_one_trace() {
    let receiver = Receiver::start();
    receiver.receives_anything("the test's provider has no resource");
    let (spans, logs) = (provider(&receiver, Sampler::AlwaysOn), logger_provider(&receiver));
    let scene = Scene::to(
        receiver,
        |otlp| otlp.tracer_provider(&spans).logger_provider(&logs),
        |builder| builder,
    );
    complete(issue(scene.recorder(), json!({"model": "m"})), 500, json!({"error": {"type": "e"}}));
    scene.flush();
    let (span, event) = (scene.receiver.span("chat m"), scene.receiver.events().remove(0));
    assert_eq!((event.trace_id, event.span_id, event.flags), (span.trace_id, span.span_id, 1));
    let (_, scope) = scene.receiver.scoped_events().remove(0);
    assert_eq!(scope.scope.expect("a scope").name, "llmobs");
}

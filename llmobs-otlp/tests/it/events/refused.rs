//! Events that the endpoint does not take.

use llmobs_core::testing::samples;
use llmobs_core::{Builder, Redact};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use prost::Message;

use crate::receiver::Answer;
use crate::scene::Scene;

fn lost(scene: &Scene) -> u64 {
    let losses = scene.recorder().losses();
    let sink = losses.sinks.iter().find(|sink| sink.sink == "otlp_events").expect("the sink");
    sink.lost.values().sum()
}

/// A scene without spans, so that the next answer is the events'.
fn scene() -> Scene {
    Scene::told(
        |otlp| otlp,
        |builder| {
            builder.processor(|record: &mut llmobs_core::Record| {
                record.unsampled = true;
                llmobs_core::Verdict::Keep
            })
        },
    )
}

#[test]
fn events_that_were_not_taken_at_first_are_offered_again_and_arrive_once() {
    let scene = scene();
    scene.receiver.answer(Answer { status: 503, ..Answer::default() });
    scene.recorder().record(samples::failed());
    scene.flush();
    let posts = scene.receiver.requests().iter().filter(|it| it.path == "/v1/logs").count();
    assert_eq!((posts, lost(&scene)), (2, 0));
}

#[test]
fn events_that_are_refused_are_counted() {
    let scene = scene();
    scene.receiver.answer(Answer { status: 404, ..Answer::default() });
    scene.recorder().record(samples::failed());
    let refused = scene.recorder().flush(std::time::Duration::from_secs(20));
    assert_eq!(refused.expect_err("they are lost").failed_sinks(), ["otlp_events"]);
    assert_eq!(lost(&scene), 1);
}

#[test]
fn a_partial_success_counts_what_was_rejected_and_an_empty_one_nothing() {
    for (rejected, expected) in [(0, 0), (1, 1)] {
        let scene = scene();
        let partial_success = Some(ExportLogsPartialSuccess {
            rejected_log_records: rejected,
            error_message: String::new(),
        });
        let body = ExportLogsServiceResponse { partial_success }.encode_to_vec();
        scene.receiver.answer(Answer { body, ..Answer::default() });
        scene.recorder().record(samples::failed());
        let flushed = scene.recorder().flush(std::time::Duration::from_secs(20));
        assert_eq!((flushed.is_err(), lost(&scene)), (expected > 0, expected));
    }
}

#[test]
fn many_large_events_go_in_several_requests() {
    let unread = |builder: Builder| builder.redact(Redact::none());
    let scene = Scene::told(|otlp| otlp.details(true), unread);
    scene.receiver.receives_anything("the content is only large");
    let large = || {
        let mut record = samples::streamed_chat();
        let content = record.content.get_or_insert_default();
        content.input_messages = Some("x".repeat(3 << 20).into());
        record
    };
    (0..3).for_each(|_| scene.recorder().record(large()));
    scene.flush();
    let posts = scene.receiver.requests().iter().filter(|it| it.path == "/v1/logs").count();
    assert_eq!((posts, scene.receiver.events().len()), (3, 3));
}

#[test]
fn one_bad_event_is_lost_alone() {
    let scene = scene();
    scene.receiver.rule(|request| {
        let request: ExportLogsServiceRequest = request.decoded();
        let scopes = request.resource_logs.iter().flat_map(|of| &of.scope_logs);
        let mut events = scopes.flat_map(|of| &of.log_records);
        let bad = events.any(|event| event.span_id.last() == Some(&7));
        bad.then(|| Answer { status: 400, ..Answer::default() })
    });
    for n in 1..=8 {
        let span_id = llmobs_core::SpanId::new(n);
        scene.recorder().record(llmobs_core::Record { span_id, ..samples::failed() });
    }
    scene.recorder().flush(std::time::Duration::from_secs(20)).expect_err("one is lost");
    assert_eq!(lost(&scene), 1);
}

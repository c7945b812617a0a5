//! One call, one record, whoever tells of it.

use llmobs_core::testing::Recording;
use llmobs_core::{StepKind, layer};
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt;

use super::{answer, call, chat, finish, observed};

#[test]
fn an_observed_call_takes_the_place_of_the_span_around_it() {
    let records = observed(|recording| {
        let agent = recording.recorder().step(StepKind::Agent, "agent");
        agent.run_sync(|| {
            let span = chat();
            span.in_scope(|| {
                // Whatever lies between.
                info_span!("http").in_scope(|| {
                    let step = recording.recorder().step(StepKind::Chain, "between");
                    step.run_sync(|| finish(call(recording, "/chat")));
                    step.end();
                });
            });
            answer(&span);
        });
        agent.end();
    });
    let interactions = records.interactions();
    let record = interactions.only();
    assert_eq!(record.provider.as_deref(), Some("wire"), "the wire knows better");
    assert_eq!((record.input_tokens, record.output_tokens), (Some(3), Some(4)));
    let agent = records.named("agent");
    assert_eq!(record.parent_span_id, agent.span_id);
    assert_eq!(agent.totals.as_ref().map(|totals| totals.calls), Some(1));
    assert_eq!(records.named("http").parent_span_id, record.span_id);
    assert_eq!(records.named("between").parent_span_id, records.named("http").span_id);
}

#[test]
fn a_call_that_is_another_operation_takes_nobodys_place() {
    let records = observed(|recording| {
        let span = chat();
        span.in_scope(|| finish(call(recording, "/embed")));
        answer(&span);
    });
    let interactions = records.interactions();
    assert_eq!(interactions.len(), 2);
    let (inner, outer) = (&interactions[0], &interactions[1]);
    assert_eq!(inner.operation.as_deref(), Some("embeddings"));
    assert_eq!(inner.parent_span_id, outer.span_id);
}

#[test]
fn of_several_calls_in_one_span_the_first_takes_its_place() {
    let records = observed(|recording| {
        let span = chat();
        span.in_scope(|| {
            finish(call(recording, "/chat"));
            finish(call(recording, "/chat"));
        });
        answer(&span);
    });
    assert_eq!(records.len(), 2);
    assert_eq!(records[1].parent_span_id, records[0].span_id);
}

#[test]
fn a_span_around_a_span_of_the_same_call_is_a_step() {
    let records = observed(|_| {
        let outer = chat();
        outer.in_scope(|| answer(&chat()));
        answer(&outer);
    });
    assert_eq!(records.interactions().len(), 1);
    let steps = records.steps();
    assert_eq!(steps.only().step, Some(StepKind::Llm));
    assert_eq!(records.interactions().only().parent_span_id, steps.only().span_id);
}

#[test]
fn two_layers_in_one_subscriber_count_once() {
    let recording = Recording::new();
    let subscriber = tracing_subscriber::registry().with(layer()).with(layer());
    tracing::subscriber::with_default(subscriber, || {
        recording.scope().run_sync(|| {
            let span = chat();
            span.in_scope(|| {
                info_span!("any").in_scope(|| {
                    recording.recorder().step(StepKind::Chain, "inside").end();
                });
            });
            answer(&span);
        });
    });
    let records = recording.observed();
    assert_eq!(records.len(), 3);
    assert_eq!(records.interactions().len(), 1);
    assert_eq!(records.named("inside").parent_span_id, records.named("any").span_id);
    recording.scope().run_sync(|| recording.recorder().step(StepKind::Chain, "after").end());
    assert_eq!(recording.observed().named("after").parent_span_id, None);
}

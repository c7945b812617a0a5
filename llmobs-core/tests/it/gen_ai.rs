//! Spans of other crates that tell of calls to models, tools and agents.

mod once;

use std::fmt;
use std::time::Duration;

use llmobs_core::testing::{Recording, Records};
use llmobs_core::{
    BodyEnd, Call, CallStart, Capture, Closing, Decoder, Event, EventFacts, Fold, Kind,
    LatencyClock, Outcome, Record, Route, StepKind, Target, UsageSource, layer,
};
use serde_json::json;
use tracing::field::Empty;
use tracing::{Span, info_span};
use tracing_subscriber::layer::SubscriberExt;

/// A wire format of nothing.
#[derive(Debug)]
struct Plain;

impl Decoder for Plain {
    fn route(&self, target: &Target<'_>) -> Option<Route> {
        let operation = if target.path == "/embed" { "embeddings" } else { "chat" };
        Some(Route { operation, api: "plain", provider: Some("wire") })
    }

    fn request(&self, _: &Route, _: &[u8], _: Capture, _: &mut Record) {}

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(Nothing)
    }
}

#[derive(Debug)]
struct Nothing;

impl Fold for Nothing {
    fn event(&mut self, _: &Event<'_>) -> EventFacts {
        EventFacts::default()
    }

    fn body(&mut self, _: &[u8]) -> bool {
        true
    }

    fn finish(self: Box<Self>, record: &mut Record) -> Closing {
        (record.input_tokens, record.output_tokens) = (Some(3), Some(4));
        Closing::default()
    }
}

/// A value that cannot be shown.
struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::panic::resume_unwind(Box::new("as the test says"))
    }
}

/// Runs `case` in a recorder's scope, under a subscriber with one layer of ours.
fn observed(case: impl FnOnce(&Recording)) -> Records {
    observed_with(Recording::with(|builder| builder.decoder(Plain)), case)
}

fn observed_with(recording: Recording, case: impl FnOnce(&Recording)) -> Records {
    let subscriber = tracing_subscriber::registry().with(layer());
    tracing::subscriber::with_default(subscriber, || {
        recording.scope().run_sync(|| case(&recording));
    });
    let records = recording.observed();
    let losses = recording.recorder().losses();
    assert_eq!((losses.accepted, losses.open), (records.len() as u64, 0), "{losses:?}");
    records
}

fn chat() -> Span {
    info_span!(
        "chat",
        otel.status_code = Empty,
        error.type = Empty,
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "somebody",
        gen_ai.request.model = "large",
        gen_ai.request.stream = Empty,
        gen_ai.request.temperature = Empty,
        gen_ai.response.id = Empty,
        gen_ai.response.model = Empty,
        gen_ai.response.finish_reasons = Empty,
        gen_ai.response.time_to_first_chunk = Empty,
        gen_ai.conversation.id = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.input.messages = Empty,
        gen_ai.output.messages = Empty,
        server.address = Empty,
        server.port = Empty,
    )
}

fn answer(span: &Span) {
    span.record("gen_ai.response.id", "r-1");
    span.record("gen_ai.usage.input_tokens", 11_u64);
    span.record("gen_ai.usage.output_tokens", 5_i64);
}

fn call(recording: &Recording, path: &str) -> Call {
    let target = Target { method: "POST", host: "localhost", port: Some(80), path };
    let start = CallStart { target, body: None, body_len: None };
    recording.recorder().call(start).expect("there is room")
}

fn finish(call: Call) {
    let mut tap = call.handle().attempt().headers(200, std::iter::empty());
    call.returned();
    tap.end(BodyEnd::Complete);
}

#[test]
fn a_span_of_a_chat_is_an_interaction_with_what_the_span_tells() {
    let records = observed(|recording| {
        let step = recording.recorder().step(StepKind::Chain, "around");
        step.run_sync(|| {
            let span = chat();
            span.record("gen_ai.request.stream", true);
            span.record("gen_ai.request.temperature", 0.25);
            span.record("server.address", "llm.example");
            span.record("server.port", 443_i64);
            span.in_scope(|| recording.clock().advance(Duration::from_millis(250)));
            answer(&span);
            span.record("gen_ai.response.model", "large-2026");
            span.record("gen_ai.response.finish_reasons", r#"["stop"]"#);
            span.record("gen_ai.response.time_to_first_chunk", 0.125);
            span.record("gen_ai.conversation.id", "c-1");
        });
        step.end();
    });
    let interactions = records.interactions();
    let record = interactions.only();
    assert_eq!(record.operation.as_deref(), Some("chat"));
    assert_eq!(record.provider.as_deref(), Some("somebody"));
    assert_eq!(record.model.as_deref(), Some("large"));
    assert_eq!(record.model_version.as_deref(), Some("large-2026"));
    assert_eq!(record.response_id.as_deref(), Some("r-1"));
    assert_eq!((record.input_tokens, record.output_tokens), (Some(11), Some(5)));
    let usage = record.usage.as_ref().expect("tokens were told");
    assert_eq!(usage.source, Some(UsageSource::Reported));
    assert_eq!(record.finish_reason.as_deref(), Some("stop"));
    assert_eq!(record.stream, Some(true));
    assert_eq!(record.params.as_ref().and_then(|params| params.temperature), Some(0.25));
    let server = record.server.as_ref().expect("it was told");
    assert_eq!((server.address.as_str(), server.port), ("llm.example", Some(443)));
    assert_eq!(record.session_id.as_deref(), Some("c-1"));
    assert_eq!(record.outcome, Some(Outcome::Completed));
    assert_eq!(record.total_latency_ms, Some(250.0));
    let latency = record.latency.as_ref().expect("the clock is said");
    assert_eq!(latency.clock, Some(LatencyClock::Span));
    assert_eq!(latency.time_to_first_chunk_ms, Some(125.0));
    assert_eq!(record.ttft_ms, None, "the span knows chunks, not tokens");
    assert_eq!(record.http_status, None);
    assert_eq!(record.parent_span_id, records.named("around").span_id);
    assert_eq!(record.trace_id, records.named("around").trace_id);
}

#[test]
fn content_in_fields_is_looked_at_only_where_capture_allows_it() {
    let tell = |_: &Recording| {
        let span = chat();
        let message = json!([{ "role": "user", "parts": ["CANARY-in"] }]);
        span.record("gen_ai.input.messages", message.to_string());
        span.record("gen_ai.output.messages", "CANARY-out, no JSON");
        answer(&span);
        drop(span);
        let tool = info_span!(
            "execute_tool",
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = "clock",
            gen_ai.tool.call.arguments = r#"{"zone":"CANARY-zone"}"#,
            gen_ai.tool.call.result = "CANARY-result",
        );
        drop(tool);
    };
    observed(tell).assert_lacks("CANARY");

    let capturing = Recording::with(|builder| builder.capture(Capture::NONE.input(true)));
    let records = observed_with(capturing, tell);
    records.assert_lacks("CANARY-out");
    records.assert_lacks("CANARY-zone");
    let interactions = records.interactions();
    let content = interactions.only().content.as_ref().expect("input is captured");
    assert_eq!(
        content.input_messages.as_ref().map(|m| m[0]["parts"][0].clone()),
        Some("CANARY-in".into())
    );

    let records = observed_with(Recording::with(|builder| builder.capture(Capture::ALL)), tell);
    let interactions = records.interactions();
    let content = interactions.only().content.as_ref().expect("all is captured");
    assert_eq!(content.output_messages, Some("CANARY-out, no JSON".into()));
    let tool = records.named("clock").content.as_ref().expect("all is captured");
    assert_eq!(tool.arguments.as_ref().map(|a| a["zone"].clone()), Some("CANARY-zone".into()));
    assert_eq!(tool.result, Some("CANARY-result".into()));
}

#[test]
fn content_that_is_too_long_is_left_out_whole_and_said_to_be() {
    let recording = Recording::with(|builder| builder.capture(Capture::ALL));
    let records = observed_with(recording, |_| {
        let span = chat();
        span.record("gen_ai.input.messages", "x".repeat(300 << 10));
        answer(&span);
    });
    let record = records.only();
    assert_eq!(record.content, None);
    let cut = record.cut.as_ref().and_then(|cut| cut.content.as_ref()).expect("it is cut");
    assert!(cut.missing >= 256 << 10, "{cut:?}");
}

#[test]
fn a_span_that_tells_of_an_error_is_a_failed_call() {
    let records = observed(|_| {
        let span = chat();
        span.record("otel.status_code", "error");
        span.record("error.type", "429");
        drop(span);
        let span = chat();
        span.record("otel.status_code", "ERROR");
        drop(span);
        let span = chat();
        span.record("error.type", "user CANARY said something");
    });
    let kinds = records.iter().map(|record| {
        assert_eq!(record.outcome, Some(Outcome::Failed));
        let error = record.error.as_ref().expect("it failed");
        (error.kind.to_string(), error.status, error.class.map(|class| class.as_str()))
    });
    let kinds: Vec<_> = kinds.collect();
    assert_eq!(
        kinds,
        [
            ("429".to_owned(), Some(429), Some("rate_limit")),
            ("_OTHER".to_owned(), None, Some("_OTHER")),
            ("_OTHER".to_owned(), None, Some("_OTHER")),
        ]
    );
    records.assert_lacks("CANARY");
}

#[test]
fn how_a_call_ended_that_told_of_no_answer_stays_unknown() {
    let records = observed(|_| drop(chat()));
    let record = records.only();
    assert_eq!((record.kind, record.outcome), (Kind::Interaction, None));
    assert_eq!((record.input_tokens, &record.usage), (None, &None));
}

#[test]
fn tools_agents_and_workflows_are_steps_and_agents_sum_up() {
    let records = observed(|recording| {
        let flow = info_span!(
            "flow",
            gen_ai.operation.name = "invoke_workflow",
            gen_ai.workflow.name = "daily",
        );
        flow.in_scope(|| {
            let agent = info_span!(
                "invoke_agent",
                gen_ai.operation.name = "invoke_agent",
                gen_ai.agent.name = "clerk",
                gen_ai.usage.output_tokens = 5,
            );
            agent.in_scope(|| {
                let span = chat();
                span.in_scope(|| ());
                answer(&span);
                drop(span);
                let tool = info_span!(
                    "execute_tool",
                    gen_ai.operation.name = "execute_tool",
                    gen_ai.tool.name = Empty,
                    gen_ai.tool.call.id = Empty,
                    gen_ai.tool.call.outcome = Empty,
                    gen_ai.tool.error.type = Empty,
                );
                tool.record("gen_ai.tool.name", "clock");
                tool.record("gen_ai.tool.call.id", tracing::field::display("call-1"));
                tool.record("gen_ai.tool.call.outcome", "error");
                tool.record("gen_ai.tool.error.type", "timeout");
                tool.in_scope(|| recording.recorder().step(StepKind::Chain, "inside").end());
            });
        });
    });
    assert_eq!(records.len(), 5);
    let (flow, agent) = (records.named("daily"), records.named("clerk"));
    assert_eq!((flow.step, agent.step), (Some(StepKind::Workflow), Some(StepKind::Agent)));
    assert_eq!(agent.parent_span_id, flow.span_id);
    assert_eq!(agent.outcome, Some(Outcome::Completed));
    let totals = agent.totals.as_ref().expect("agents sum up");
    assert_eq!((totals.calls, totals.tools, totals.input_tokens), (1, 1, 11));
    let totals = flow.totals.as_ref().expect("workflows sum up");
    assert_eq!((totals.calls, totals.agents, totals.tools), (1, 1, 1));
    let tool = records.named("clock");
    assert_eq!(tool.parent_span_id, agent.span_id);
    assert_eq!(tool.tool.as_ref().and_then(|tool| tool.call_id.as_deref()), Some("call-1"));
    assert_eq!(tool.outcome, Some(Outcome::Failed));
    assert_eq!(tool.error.as_ref().map(|error| &*error.kind), Some("timeout"));
    assert_eq!(records.named("inside").parent_span_id, tool.span_id);
    assert_eq!(records.interactions().only().parent_span_id, agent.span_id);
}

#[test]
fn a_span_that_is_never_entered_is_recorded_where_it_was_made() {
    let records = observed(|recording| {
        let step = recording.recorder().step(StepKind::Chain, "around");
        let span = step.run_sync(chat);
        step.end();
        recording.clock().advance(Duration::from_millis(40));
        answer(&span);
    });
    let interactions = records.interactions();
    assert_eq!(interactions.only().parent_span_id, records.named("around").span_id);
    assert_eq!(interactions.only().total_latency_ms, Some(40.0));
}

#[test]
fn a_span_that_is_to_have_no_tracing_parent_has_the_scope_as_one() {
    let records = observed(|recording| {
        let step = recording.recorder().step(StepKind::Chain, "around");
        step.run_sync(|| {
            let agent = info_span!(
                parent: None,
                "invoke_agent",
                gen_ai.operation.name = "invoke_agent",
                gen_ai.agent.name = "clerk",
            );
            // As completion parents of rig are made.
            agent.in_scope(|| {
                let span = info_span!(
                    parent: Span::current(),
                    "chat",
                    gen_ai.operation.name = "chat",
                    gen_ai.response.id = "r-1",
                );
                span.in_scope(|| ());
            });
        });
        step.end();
    });
    let agent = records.named("clerk");
    assert_eq!(agent.parent_span_id, records.named("around").span_id);
    assert_eq!(records.interactions().only().parent_span_id, agent.span_id);
    assert_eq!(agent.totals.as_ref().map(|totals| totals.calls), Some(1));
}

#[test]
fn an_agent_waits_for_a_span_that_outlives_it() {
    let records = observed(|recording| {
        let agent = recording.recorder().step(StepKind::Agent, "agent");
        let span = agent.run_sync(chat);
        agent.end();
        answer(&span);
    });
    let totals = records.named("agent").totals.clone().expect("agents sum up");
    assert_eq!((totals.calls, totals.input_tokens), (1, 11));
}

#[test]
fn an_agent_is_recorded_at_the_shutdown_though_a_span_below_never_closed() {
    let recording = Recording::new();
    let subscriber = tracing_subscriber::registry().with(layer());
    tracing::subscriber::with_default(subscriber, || {
        let span = recording.scope().run_sync(|| {
            let agent = recording.recorder().step(StepKind::Agent, "agent");
            let span = agent.run_sync(chat);
            agent.end();
            span
        });
        let memory = recording.recorder().clone();
        let _ = memory.flush(Duration::from_secs(10));
        assert_eq!(memory.losses().recorded, 0, "the agent waits");
        drop(recording);
        assert_eq!(memory.losses().recorded, 1);
        drop(span);
        let losses = memory.losses();
        assert_eq!((losses.accepted, losses.open, losses.total()), (2, 0, 1), "{losses:?}");
    });
}

#[test]
fn values_that_panic_or_come_by_their_debug_hurt_nobody() {
    let records = observed(|_| {
        let span = chat();
        span.record("gen_ai.response.model", tracing::field::debug(Panics));
        span.record("gen_ai.response.id", tracing::field::debug("r-2"));
        span.record("gen_ai.usage.input_tokens", tracing::field::display(7));
        span.record("gen_ai.response.finish_reasons", tracing::field::debug(["stop", "length"]));
    });
    let record = records.only();
    assert_eq!(record.model_version, None);
    assert_eq!(record.response_id.as_deref(), Some("r-2"));
    assert_eq!(record.input_tokens, Some(7));
    assert_eq!(record.finish_reasons, [Some("stop".to_owned()), Some("length".to_owned())]);
}

#[test]
fn without_a_recorder_that_is_on_spans_are_only_spans() {
    let recording = Recording::new();
    recording.recorder().set_enabled(false);
    let records = observed_with(recording, |_| answer(&chat()));
    assert_eq!(records.len(), 0);
}

#[test]
fn content_that_was_forbidden_in_the_meantime_stays_out() {
    let recording = Recording::with(|builder| builder.capture(Capture::ALL));
    let records = observed_with(recording, |recording| {
        let span = chat();
        span.record("gen_ai.input.messages", "CANARY");
        recording.recorder().forbid_content(true);
        recording.recorder().forbid_content(false);
        answer(&span);
    });
    records.assert_lacks("CANARY");
    assert_eq!(records.only().input_tokens, Some(11));
}

#[test]
fn a_span_that_leads_to_a_call_has_the_name_that_its_fields_say() {
    let records = observed(|_| {
        let request = info_span!("request", otel.name = "POST /ask", otel.kind = "server");
        let route = info_span!(parent: &request, "route", otel.name = Empty);
        let plain = info_span!(parent: &route, "plain", otel.name = Empty, db.name = "x");
        let long = info_span!(parent: &plain, "long", otel.name = "é".repeat(200));
        route.record("otel.name", tracing::field::debug("ask"));
        plain.record("db.name", "y");
        plain.record("otel.name", "");
        long.in_scope(|| answer(&chat()));
    });
    let parent = |name: &str| records.named(name).parent_span_id;
    let long = "é".repeat(128);
    assert_eq!(parent("POST /ask"), None);
    assert_eq!(parent("ask"), records.named("POST /ask").span_id);
    assert_eq!(parent("plain"), records.named("ask").span_id);
    assert_eq!(parent(&long), records.named("plain").span_id);
    assert_eq!(records.interactions().only().parent_span_id, records.named(&long).span_id);
}

#[test]
fn a_name_whose_debug_panics_leaves_the_span_its_own() {
    let records = observed(|_| {
        info_span!("request", otel.name = ?Panics).in_scope(|| answer(&chat()));
    });
    assert_eq!(records.named("request").parent_span_id, None);
}

//! Evaluations: which call they are of, and what of them is kept.

use std::time::Duration;

use bytes::Bytes;
use llmobs_core::testing::{Memory, Recording, samples};
use llmobs_core::{
    Builder, CallStart, Capture, Evaluated, Evaluation, Kind, Llmobs, Record, Target, scope,
};

use crate::kits::toy::Toy;

fn start(capture: Capture) -> (Llmobs, Memory) {
    let memory = Memory::default();
    let builder = Builder::new().sink(memory.clone()).capture(capture).process_wide(false);
    (builder.start().expect("it starts"), memory)
}

fn pass(llmobs: &Llmobs, memory: &Memory, record: Record) -> Record {
    llmobs.record(record);
    llmobs.flush(Duration::from_secs(10)).expect("the sink takes it");
    memory.records().pop().expect("one came")
}

fn judged() -> Record {
    Evaluation::new("relevance").explanation("quotes").of(Evaluated::response("r-1"))
}

#[test]
fn an_evaluation_has_the_ids_the_model_and_the_prompt_of_its_call() {
    let call = samples::streamed_chat();
    let (llmobs, memory) = start(Capture::NONE);
    let made = Evaluation::new("relevance").score(0.8).label("good").of(&call);
    let record = pass(&llmobs, &memory, made);
    assert_eq!(record.kind, Kind::Evaluation);
    assert_eq!((record.trace_id, record.span_id), (call.trace_id, call.span_id));
    assert_eq!((record.request_id, &record.response_id), (call.request_id, &call.response_id));
    assert_eq!((&record.model, &record.model_version), (&call.model, &call.model_version));
    let (prompt, of) = (record.prompt.expect("a prompt"), call.prompt.expect("a prompt"));
    assert_eq!((prompt.name, prompt.version, prompt.hash), (of.name, of.version, of.hash));
    // What it was filled with is content.
    assert!(prompt.variables.is_empty() && !of.variables.is_empty());
    assert!(record.timestamp.is_some());
}

#[test]
fn a_call_under_way_can_be_remembered_and_judged_days_later() {
    let recording = Recording::with(|builder| builder.decoder(Toy::default()));
    let target = Target { method: "POST", host: "h", port: None, path: "/toy" };
    let body = Some(Bytes::from_static(b"{}"));
    let (kept, call_id) = recording.scope().session("s-1").prompt("p", "1").run_sync(|| {
        let start = CallStart { target, body, body_len: None };
        let call = recording.recorder().call(start).expect("the toy knows the path");
        let kept = Evaluated::from(&call.handle());
        assert_eq!(kept, Evaluated::from(&call));
        (serde_json::to_string(&kept).expect("JSON"), call.request_id())
    });
    let kept: Evaluated = serde_json::from_str(&kept).expect("it reads what it wrote");
    recording.recorder().record(Evaluation::new("thumbs").label("up").of(kept));
    let records = recording.records();
    let (call, judged) = (records.first().expect("a call"), records.last().expect("an evaluation"));
    assert_eq!(judged.kind, Kind::Evaluation);
    assert_eq!(judged.request_id, Some(call_id));
    assert_eq!((judged.trace_id, judged.span_id), (call.trace_id, call.span_id));
    assert_eq!((&judged.session_id, &judged.prompt), (&call.session_id, &call.prompt));
}

#[test]
fn an_evaluation_of_an_answer_has_no_request_id_of_its_own() {
    let (llmobs, memory) = start(Capture::NONE);
    let record = pass(&llmobs, &memory, judged());
    assert_eq!((record.request_id, record.trace_id), (None, None));
    assert_eq!(record.response_id.as_deref(), Some("r-1"));
}

#[test]
fn an_explanation_is_kept_where_the_capture_of_output_is_on() {
    let explanation = |record: Record| record.evaluation.and_then(|it| it.explanation);
    let kept = Some("quotes".to_owned());
    for (capture, expected) in [
        (Capture::NONE, None),
        (Capture::NONE.input(true).tools(true).errors(true), None),
        (Capture::NONE.output(true), kept.clone()),
    ] {
        let (llmobs, memory) = start(capture);
        assert_eq!(explanation(pass(&llmobs, &memory, judged())), expected, "{capture:?}");
    }
    let (llmobs, memory) = start(Capture::NONE);
    scope().capture(Capture::ALL).run_sync(|| {
        assert_eq!(explanation(pass(&llmobs, &memory, judged())), kept);
    });
    llmobs.forbid_content(true);
    scope().capture(Capture::ALL).run_sync(|| {
        assert_eq!(explanation(pass(&llmobs, &memory, judged())), None);
    });
}

#[test]
fn an_explanation_is_redacted_like_an_answer() {
    let (llmobs, memory) = start(Capture::ALL);
    let of = Evaluation::new("pii").explanation("It says bob@example.com.");
    let record = pass(&llmobs, &memory, of.of(Evaluated::response("r-1")));
    let explanation = record.evaluation.and_then(|it| it.explanation);
    assert_eq!(explanation.as_deref(), Some("It says [redacted:email]."));
    assert_eq!(record.redacted.get("email"), Some(&1));
}

#[test]
fn a_score_that_is_no_number_is_left_out() {
    for none in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Evaluation::new("x").score(0.5).score(none).score, None);
        let evaluation = Evaluation { score: Some(none), ..Evaluation::new("x") };
        let line = serde_json::to_value(evaluation.of(Evaluated::default())).expect("JSON");
        crate::schema::assert_valid(&line);
        assert_eq!(line, serde_json::json!({"kind": "evaluation", "evaluation": {"name": "x"}}));
    }
}

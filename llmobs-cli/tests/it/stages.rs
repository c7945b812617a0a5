//! Where the time went.

use llmobs_core::{Outcome, Record, StepKind};
use serde_json::{Value, json};

use crate::fixtures::{call, chat, lines, span, step};
use crate::run::{Ran, run_with};

#[track_caller]
fn json_of(command: &str, records: &[Record]) -> Value {
    let ran = run_with(&[command, "-", "--format", "json"], lines(records).as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    serde_json::from_str(&ran.out).expect("the output is JSON")
}

/// A trace's stages, which must add up to its time.
#[track_caller]
fn stages(records: &[Record]) -> Value {
    let trace = json_of("trace", records);
    let stages = trace.get("stages_ms").and_then(Value::as_object).expect("there are stages");
    let sum: f64 = stages.values().filter_map(Value::as_f64).sum();
    let whole = trace.get("duration_ms").and_then(Value::as_f64).expect("a duration");
    assert!((sum - whole).abs() < 1e-6, "{sum} is not {whole}: {stages:?}");
    let report = json_of("report", records);
    let reported: serde_json::Map<_, _> = report
        .pointer("/stages/stages")
        .and_then(Value::as_array)
        .expect("the report has them too")
        .iter()
        .map(|stage| (stage["stage"].as_str().unwrap_or("").to_owned(), stage["sum_ms"].clone()))
        .collect();
    assert_eq!(&reported, stages);
    Value::Object(stages.clone())
}

#[test]
fn a_step_has_the_time_its_children_leave() {
    let records = [
        step(StepKind::Workflow, "answer", span(1, 1, None, 0.0, 100.0)),
        step(StepKind::Router, "route", span(1, 2, Some(1), 0.0, 5.0)),
        step(StepKind::Prompt, "build", span(1, 3, Some(1), 5.0, 5.0)),
        step(StepKind::Retrieval, "search", span(1, 4, Some(1), 10.0, 20.0)),
        Record {
            operation: Some("embeddings".into()),
            ..chat("e", span(1, 5, Some(4), 10.0, 8.0))
        },
        step(StepKind::Rerank, "order", span(1, 6, Some(1), 30.0, 10.0)),
        chat("m", span(1, 7, Some(1), 40.0, 30.0)),
        step(StepKind::Tool, "look_up", span(1, 8, Some(1), 70.0, 10.0)),
        step(StepKind::Llm, "local", span(1, 9, Some(8), 72.0, 4.0)),
        step(StepKind::Postprocess, "trim", span(1, 10, Some(1), 80.0, 3.0)),
        step(StepKind::Guardrail, "pii", span(1, 11, Some(1), 83.0, 7.0)),
    ];
    let expected = json!({
        "router": 5.0, "prompt": 5.0, "retrieval": 30.0, "inference": 34.0, "tools": 6.0,
        "postprocess": 3.0, "guardrail": 7.0, "other": 10.0,
    });
    assert_eq!(stages(&records), expected);
}

#[test]
fn what_runs_in_parallel_is_not_counted_twice() {
    let records = [
        step(StepKind::Agent, "agent", span(1, 1, None, 0.0, 100.0)),
        chat("m", span(1, 2, Some(1), 0.0, 60.0)),
        chat("m", span(1, 3, Some(1), 0.0, 60.0)),
        step(StepKind::Tool, "t", span(1, 4, Some(1), 30.0, 60.0)),
    ];
    // 30 of inference alone, 30 of two calls beside a tool, 30 of the tool alone.
    let expected = json!({ "inference": 50.0, "tools": 40.0, "other": 10.0 });
    assert_eq!(stages(&records), expected);
}

#[test]
fn a_stream_that_outlives_its_step_and_gaps_between_roots_add_up() {
    let records = [
        step(StepKind::Prompt, "ask", span(1, 1, None, 0.0, 10.0)),
        chat("m", span(1, 2, Some(1), 5.0, 45.0)),
        step(StepKind::Guardrail, "late", span(1, 3, Some(0xbeef), 70.0, 30.0)),
    ];
    let expected = json!({ "prompt": 5.0, "inference": 45.0, "guardrail": 30.0, "other": 20.0 });
    assert_eq!(stages(&records), expected);
}

#[test]
fn random_trees_add_up() {
    let mut seed = 7_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let kinds = [StepKind::Tool, StepKind::Retrieval, StepKind::Chain, StepKind::Llm];
    for _ in 0..20 {
        let count = 2 + random(30);
        let records: Vec<_> = (1..=count)
            .map(|id| {
                // A parent that is not there, or in a circle, among them.
                let parent = (random(4) > 0).then(|| 1 + random(count + 2));
                let kind = kinds[random(4) as usize];
                let (start, took) = (random(1_000) as f64, random(500) as f64);
                step(kind, "s", span(1, id, parent, start, took))
            })
            .collect();
        stages(&records);
    }
}

#[test]
fn without_steps_nothing_is_said_of_stages() {
    let records = [chat("m", span(1, 1, None, 0.0, 10.0)), call("m", Outcome::Completed, 1.0)];
    for command in ["report", "trace"] {
        assert_eq!(json_of(command, &records).get("stages"), None);
        let Ran { out, .. } = run_with(&[command, "-"], lines(&records).as_bytes());
        assert!(!out.contains("stage") && !out.contains("time:"), "{out}");
    }
    assert_eq!(json_of("trace", &records).get("stages_ms"), None);
}

#[test]
fn a_report_is_over_the_traces_that_have_a_stage() {
    let mut records = Vec::new();
    for trace in 1..=20_u32 {
        records.push(step(StepKind::Chain, "c", span(trace.into(), 1, None, 0.0, 100.0)));
        if trace.is_multiple_of(2) {
            records.push(chat("m", span(trace.into(), 2, Some(1), 0.0, f64::from(trace))));
        }
    }
    // Told of twice, as of a file that is named twice.
    records.extend(records.clone());
    let stages = &json_of("report", &records)["stages"];
    assert_eq!((&stages["trace_ms"]["count"], &stages["sum_ms"]), (&json!(20), &json!(2_000.0)));
    let inference = &stages["stages"][0];
    assert_eq!((&inference["stage"], &inference["sum_ms"]), (&json!("inference"), &json!(110.0)));
    assert_eq!((&inference["ms"]["count"], &inference["ms"]["p50"]), (&json!(10), &json!(10.0)));
    let text = run_with(&["report", "-"], lines(&records).as_bytes()).out;
    assert!(text.contains("5.5 %") && text.contains("94.5 %"), "{text}");
}

#[test]
fn spans_that_come_too_late_are_left_out_and_counted() {
    let of = |trace: u32, id| step(StepKind::Chain, "c", span(trace.into(), id, None, 0.0, 10.0));
    let mut records = vec![of(1, 1)];
    records.extend((2..20_102).map(|trace| of(trace, 1)));
    records.push(of(1, 2));
    let stages = &json_of("report", &records)["stages"];
    assert_eq!((&stages["left_out"], &stages["trace_ms"]["count"]), (&json!(1), &json!(20_101)));
    let text = run_with(&["report", "-"], lines(&records).as_bytes()).out;
    assert!(text.contains("1 span left out"), "{text}");
}

#[test]
fn a_span_is_a_part_of_what_is_around_it() {
    let records = [
        step(StepKind::Workflow, "answer", span(1, 1, None, 0.0, 100.0)),
        chat("m", span(1, 2, Some(1), 10.0, 60.0)),
        step(StepKind::Span, "llm_request", span(1, 3, Some(2), 12.0, 56.0)),
        step(StepKind::Span, "prefill", span(1, 4, Some(3), 14.0, 20.0)),
        step(StepKind::Span, "query", span(1, 5, Some(1), 80.0, 10.0)),
    ];
    assert_eq!(stages(&records), json!({"inference": 60.0, "other": 40.0}));
}

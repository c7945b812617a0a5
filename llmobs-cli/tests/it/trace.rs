//! Which trace is shown, and how its spans hang together.

use llmobs_core::testing::samples;
use llmobs_core::{DocumentRef, Evaluation, Kind, Outcome, Record, Retrieved, StepKind, Tool};
use serde_json::Value;

use crate::fixtures::{call, chat, lines, span, step, trace_id};
use crate::run::{file, json, path, run_with};

#[track_caller]
fn trace_with(args: &[&str], records: &[Record]) -> Value {
    let all = [&["trace", "-", "--format", "json"], args].concat();
    let ran = run_with(&all, lines(records).as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let piped: Value = serde_json::from_str(&ran.out).expect("the trace is JSON");
    let file = file(lines(records));
    let all = [&["trace", path(&file), "--format", "json"], args].concat();
    assert_eq!(json(&all), piped, "a file tells the same as a pipe");
    piped
}

/// The spans as `(depth, name, place)`, in the order they are drawn.
fn shape(trace: &Value) -> Vec<(u64, &str, &str)> {
    let spans = trace["spans"].as_array().expect("spans are a list");
    spans
        .iter()
        .map(|span| {
            let name = span["name"].as_str().unwrap_or("");
            (span["depth"].as_u64().unwrap_or(99), name, span["place"].as_str().unwrap_or(""))
        })
        .collect()
}

fn named(name: &str, id: u64, parent: Option<u64>, start: f64) -> Record {
    step(StepKind::Chain, name, span(1, id, parent, start, 10.0))
}

#[test]
fn children_are_in_the_order_they_began() {
    let records = [
        named("late", 3, Some(1), 50.0),
        named("early", 2, Some(1), 5.0),
        named("grandchild", 4, Some(2), 7.0),
        named("root", 1, None, 0.0),
    ];
    let trace = trace_with(&[], &records);
    assert_eq!(
        shape(&trace),
        [
            (0, "root", "root"),
            (1, "early", "child"),
            (2, "grandchild", "child"),
            (1, "late", "child"),
        ]
    );
    assert_eq!(trace["spans"][2]["offset_ms"], 7.0);
    assert_eq!(trace["duration_ms"], 60.0);
}

#[test]
fn the_newest_trace_is_shown_wherever_it_stands() {
    let of = |trace, start| step(StepKind::Chain, "s", span(trace, 1, None, start, 1.0));
    let evaluation = Record { kind: Kind::Evaluation, ..of(1, 90_000.0) };
    let records = [of(1, 10.0), of(3, 500.0), of(2, 20.0), evaluation];
    assert_eq!(trace_with(&[], &records)["trace_id"], trace_id(3).to_string());
    let id = trace_id(2).to_string();
    assert_eq!(trace_with(&["--trace-id", &id], &records)["trace_id"], id);
}

#[test]
fn what_was_found_of_a_call_stands_beside_it() {
    let answer = chat("small", span(1, 1, None, 0.0, 10.0));
    let judged = Evaluation::new("relevance").score(0.754).label("good\u{1b}[2J").of(&answer);
    let failed = Evaluation::new("toxicity").error_type("timeout").of(&answer);
    let records = [answer, judged, failed];
    let trace = trace_with(&[], &records);
    assert_eq!(trace["evaluations"], 2);
    let found = &trace["spans"][0]["evaluations"];
    assert_eq!((&found[0]["name"], &found[0]["score"]), (&"relevance".into(), &0.754.into()));
    assert_eq!(found[1]["error_type"], "timeout");
    let drawn = run_with(&["trace", "-"], lines(&records).as_bytes()).out;
    assert!(drawn.contains("relevance 0.75 good") && !drawn.contains('\u{1b}'), "{drawn}");
    assert!(drawn.contains("toxicity failed timeout"), "{drawn}");
}

#[test]
fn a_span_whose_parent_is_not_here_stands_at_the_top() {
    let records = [named("root", 1, None, 0.0), named("stray", 2, Some(0xbeef), 5.0)];
    let trace = trace_with(&[], &records);
    assert_eq!(shape(&trace), [(0, "root", "root"), (0, "stray", "orphan")]);
}

#[test]
fn spans_that_are_each_others_parents_are_drawn_once() {
    let records = [
        named("below", 9, Some(3), 0.0),
        named("a", 1, Some(2), 1.0),
        named("b", 2, Some(3), 2.0),
        named("c", 3, Some(1), 3.0),
        named("own", 4, Some(4), 4.0),
    ];
    let trace = trace_with(&[], &records);
    let mut names: Vec<_> = shape(&trace).into_iter().map(|(_, name, _)| name).collect();
    let cycles = shape(&trace).into_iter().filter(|(_, _, place)| *place == "cycle").count();
    names.sort_unstable();
    assert_eq!((names, cycles), (vec!["a", "b", "below", "c", "own"], 2));
    let below = shape(&trace).into_iter().find(|(_, name, _)| *name == "below");
    assert!(below.is_some_and(|(depth, _, place)| depth > 0 && place == "child"), "{below:?}");
}

#[test]
fn a_chain_as_long_as_the_file_is_drawn() {
    let records: Vec<_> =
        (1..=20_000).map(|n| named("s", n, (n > 1).then(|| n - 1), n as f64)).collect();
    let file = file(lines(&records));
    let out = crate::run::good(&["trace", path(&file)]);
    assert!(out.contains("[19999] chain s"));
}

#[test]
fn a_record_that_came_twice_is_drawn_once() {
    let record = named("once", 1, None, 0.0);
    let trace = trace_with(&[], &[record.clone(), record]);
    assert_eq!(
        (trace["spans"].as_array().map(Vec::len), &trace["duplicates"]),
        (Some(1), &1.into())
    );
}

#[test]
fn a_pipe_that_is_longer_than_what_is_held_still_shows_the_newest() {
    let mut records = vec![step(StepKind::Chain, "first", span(7, 1, None, 0.0, 1.0))];
    records.extend((0..20_100_u32).map(|n| {
        step(StepKind::Chain, "s", span(u128::from(n) + 100, 1, None, 10.0 + f64::from(n), 1.0))
    }));
    records.push(step(StepKind::Chain, "last", span(7, 2, Some(1), 90_000.0, 1.0)));
    let input = lines(&records);
    let ran = run_with(&["trace", "-"], input.as_bytes());
    assert!(ran.out.contains("chain last") && ran.out.contains("may be missing"), "{}", ran.out);
    let file = file(input);
    let out = crate::run::good(&["trace", path(&file)]);
    assert!(out.contains("chain first") && !out.contains("may be missing"), "{out}");
}

#[test]
fn escapes_in_names_do_not_reach_the_terminal() {
    let model = "m\u{1b}[2J\u{202e}x\n\ty";
    let records = [chat(model, span(1, 1, None, 0.0, 1.0))];
    for command in ["trace", "report"] {
        let ran = run_with(&[command, "-"], lines(&records).as_bytes());
        assert!(ran.out.contains("m\u{fffd}[2J\u{fffd}x\u{fffd}\u{fffd}y"), "{}", ran.out);
        assert!(!ran.out.contains(['\u{1b}', '\u{202e}', '\t']));
    }
}

#[test]
fn times_that_make_no_sense_are_drawn_all_the_same() {
    let mut records = Vec::new();
    for (n, took) in [(1, -5.0), (2, 0.0), (3, f64::MAX), (4, 1e-300)] {
        records.push(chat("m", span(1, n, Some(n.div_ceil(2)), 0.0, took)));
    }
    for record in &mut records {
        record.ttft_ms = Some(-1e308);
        record.input_tokens = Some(u64::MAX);
    }
    records[0].timestamp = None;
    let input = lines(&records);
    for command in ["trace", "report"] {
        for format in [&[][..], &["--format", "json"]] {
            let ran = run_with(&[&[command, "-"], format].concat(), input.as_bytes());
            assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        }
    }
}

#[test]
fn no_trace_is_said_and_no_error() {
    let records = lines(&[call("m", Outcome::Completed, 1.0)]);
    let ran = run_with(&["trace", "-"], records.as_bytes());
    assert_eq!((ran.out.as_str(), ran.code), ("no trace in 1 records\n", 0));
    let id = trace_id(9).to_string();
    let ran = run_with(&["trace", "-", "--trace-id", &id], records.as_bytes());
    assert_eq!((ran.out, ran.code), (format!("no trace {id} in 1 records\n"), 0));
}

#[test]
fn the_attempts_of_a_call_that_was_tried_again_are_told() {
    let mut retried = samples::retried();
    retried.parent_span_id = None;
    let trace = trace_with(&[], std::slice::from_ref(&retried));
    let span = &trace["spans"][0];
    assert_eq!((&span["attempts"], &span["retry_ms"]), (&3.into(), &22_000.0.into()));
    let expected = serde_json::json!([
        {"sent_ms": 0.5, "headers_ms": 240.0, "status": 429, "error_type": "rate_limit_exceeded",
         "provider_request_id": "req_1", "retry_after_ms": 20_000.0},
        {"sent_ms": 20_500.5},
        {"sent_ms": 22_000.5, "headers_ms": 240.0, "status": 200},
    ]);
    assert_eq!(span["attempt_details"], expected);
    let drawn = |records: &[Record]| {
        run_with(&["trace", "-", "--width", "160", "--ascii"], lines(records).as_bytes()).out
    };
    let out = drawn(std::slice::from_ref(&retried));
    assert!(out.contains("3 attempts: 429, no answer, 200  retries took 22.00 s"), "{out}");
    retried.attempts = Some(20);
    let out = drawn(std::slice::from_ref(&retried));
    assert!(out.contains("20 attempts: 429, no answer, 200, ..."), "{out}");
    retried.attempts = Some(1);
    retried.attempt_details.clear();
    let out = drawn(&[retried]);
    assert!(!out.contains("attempt") && !out.contains("retries"), "{out}");
}

#[test]
fn a_step_shows_what_it_found_and_which_call_it_answered() {
    let mut found = step(StepKind::Tool, "look_up", span(1, 1, None, 0.0, 10.0));
    let (name, call_id) = (Some("weather".into()), Some("call_1".into()));
    found.tool = Some(Box::new(Tool { name, call_id, ..Tool::default() }));
    let document = |id: &str, score| DocumentRef { id: Some(id.into()), score };
    let documents = vec![document("kb-1", Some(0.512)), document("kb-2", None)];
    found.retrieved = Some(Box::new(Retrieved { count: 3, documents }));
    found.items = Some(1);
    let trace = trace_with(&[], &[found.clone()]);
    let shown = &trace["spans"][0];
    assert_eq!((&shown["documents"], &shown["items"]), (&Value::from(3), &Value::from(1)));
    assert_eq!(shown["tool_call_id"], "call_1");
    let drawn = run_with(&["trace", "-"], lines(&[found]).as_bytes()).out;
    for note in ["tool weather", "3 documents: kb-1 0.51, kb-2, …", "1 item", "answers call_1"] {
        assert!(drawn.contains(note), "{drawn}");
    }
}

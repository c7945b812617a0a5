//! Logical calls, agents, and what they sum up.

use llmobs_core::{FallbackAttempt, Outcome, Record, StepKind, Totals};
use serde_json::{Value, json};

use crate::fixtures::{chat, cost, lines, span, span_id, step};
use crate::run::run_with;

fn json_of(command: &str, records: &[Record]) -> Value {
    let ran = run_with(&[command, "-", "--format", "json"], lines(records).as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    serde_json::from_str(&ran.out).expect("the output is JSON")
}

fn text_of(command: &str, records: &[Record], width: &str) -> String {
    run_with(&[command, "-", "--width", width], lines(records).as_bytes()).out
}

fn logical(name: &str, attempt: u32, outcome: Outcome, span: Record) -> Record {
    Record {
        fallback: Some(FallbackAttempt { attempt, span_id: None }),
        outcome: Some(outcome),
        ..step(StepKind::Fallback, name, span)
    }
}

/// An agent with one logical call that its second model answered.
fn agent() -> Vec<Record> {
    let totals = Some(Box::new(Totals {
        calls: 2,
        failed: 1,
        turns: 1,
        tools: 1,
        input_tokens: 1_200,
        output_tokens: 30,
        cost: "0.5".parse().ok(),
        currency: Some("USD".into()),
        unpriced: 1,
        uncounted: 1,
        ..Totals::default()
    }));
    let attempt = |n| Some(FallbackAttempt { attempt: n, span_id: Some(span_id(2)) });
    vec![
        Record {
            fallback: attempt(1),
            outcome: Some(Outcome::Failed),
            ..chat("large", span(1, 3, Some(2), 1.0, 10.0))
        },
        Record {
            fallback: attempt(2),
            cost: cost("0.5", "USD"),
            input_tokens: Some(1_200),
            output_tokens: Some(30),
            ..chat("small", span(1, 4, Some(2), 12.0, 20.0))
        },
        Record {
            totals: totals.clone(),
            model: Some("small".into()),
            ..logical("answer", 2, Outcome::Completed, span(1, 2, Some(1), 1.0, 40.0))
        },
        step(StepKind::Tool, "look_up", span(1, 5, Some(1), 42.0, 3.0)),
        Record { totals, ..step(StepKind::Agent, "helper", span(1, 1, None, 0.0, 50.0)) },
    ]
}

#[test]
fn what_is_summed_up_above_the_calls_is_not_added_to_them() {
    let trace = json_of("trace", &agent());
    assert_eq!(trace["costs"], json!([{ "currency": "USD", "sum": 0.5, "calls": 1 }]));
    assert_eq!((&trace["calls"], &trace["unpriced"]), (&json!(2), &json!(1)));
    for by in ["model,prompt_version", "kind", "user"] {
        let args = ["report", "-", "--format", "json", "--by", by];
        let ran = run_with(&args, lines(&agent()).as_bytes());
        let report: Value = serde_json::from_str(&ran.out).expect("the report is JSON");
        let total = &report["total"];
        assert_eq!(total["costs"], json!([{ "currency": "USD", "sum": 0.5, "calls": 1 }]));
        assert_eq!((&total["unpriced"], &total["input_tokens"]["sum"]), (&json!(1), &json!(1_200)));
        let of = |group: &Value| group["costs"][0]["sum"].as_f64().unwrap_or(0.0);
        let sum: f64 = report["groups"].as_array().expect("a list").iter().map(of).sum();
        assert_eq!(sum, 0.5, "{by}");
    }
}

#[test]
fn a_trace_says_which_attempt_answered_and_what_an_agent_came_to() {
    let text = text_of("trace", &agent(), "160");
    let line = |name: &str| text.lines().find(|line| line.contains(name)).unwrap_or("").to_owned();
    assert!(line("chat large").contains("attempt 1"), "{text}");
    assert!(line("chat small").contains("attempt 2"), "{text}");
    assert!(line("fallback answer").contains("answered by small, attempt 2"), "{text}");
    let totals = "1 turn, 2 calls (1 failed), 1 tool, 1,200 in / 30 out + 1 call without usage, \
                  $0.5000 + 1 call unpriced";
    assert_eq!(text.matches(totals).count(), 1, "{text}");
    let trace = json_of("trace", &agent());
    assert_eq!(trace["spans"][0]["totals"]["unpriced"], 1);
    assert_eq!(trace["spans"][1]["answered_by"], "small");
    assert_eq!(trace["spans"][2]["fallback"], json!({ "attempt": 1, "span_id": span_id(2) }));
}

#[test]
fn logical_calls_are_counted_by_the_attempt_that_answered() {
    let answers = [
        (1, Outcome::Completed),
        (1, Outcome::Completed),
        (2, Outcome::Completed),
        (3, Outcome::Completed),
        (7, Outcome::Completed),
        (2, Outcome::Failed),
        (1, Outcome::Dropped),
    ];
    let mut records: Vec<_> = answers
        .into_iter()
        .zip(1..)
        .map(|((attempt, outcome), id)| {
            logical("ask", attempt, outcome, span(id, 1, None, 0.0, 1.0))
        })
        .collect();
    let found = &json_of("report", &records)["fallbacks"];
    let expected = json!([{
        "name": "ask", "calls": 7, "answered_by_1": 2, "answered_by_2": 1,
        "answered_by_3_or_later": 2, "answered_without_attempt": 0, "failed": 1, "cut_off": 1,
    }]);
    assert_eq!(found, &expected);
    let text = text_of("report", &records, "80");
    assert!(text.contains("1st") && text.contains("3rd+") && text.contains("\nask "), "{text}");
    records.extend((0..60).map(|n| {
        logical(&format!("n{n}"), 1, Outcome::Completed, span(100 + n, 1, None, 0.0, 1.0))
    }));
    let found = &json_of("report", &records)["fallbacks"];
    assert_eq!(found.as_array().map(Vec::len), Some(51), "memory is bounded");
    assert_eq!(found[50]["other"], true);
    assert_eq!(json_of("report", &agent())["fallbacks"][0]["answered_by_2"], 1);
}

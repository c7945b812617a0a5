//! What the report counts, and what it leaves out.

use llmobs_core::{Kind, Outcome, Prompt, Record, Sampling, StepKind, Usage};
use serde_json::{Value, json};

use crate::fixtures::{call, header, lines, losses};
use crate::run::{Ran, file, good, path, run_with};

#[track_caller]
fn report(records: &[Record]) -> Value {
    let ran = run_with(&["report", "-", "--format", "json"], lines(records).as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    serde_json::from_str(&ran.out).expect("the report is JSON")
}

/// Counts instead of ranks: the smallest value with at least `percent` of all at or below it.
fn percentile(values: &[f64], percent: f64) -> f64 {
    let enough = |value: f64| {
        let covered = values.iter().filter(|other| **other <= value).count();
        covered as f64 * 100.0 >= percent * values.len() as f64
    };
    values.iter().copied().filter(|value| enough(*value)).fold(f64::INFINITY, f64::min)
}

/// Spread over four orders of magnitude, in no order.
fn values(count: u64) -> Vec<f64> {
    (0..count).map(|n| ((n * 7_919) % count) as f64 + 0.5).map(|n| n * n / 10.0).collect()
}

#[test]
fn percentiles_are_exact_for_few_values() {
    for count in [1, 2, 3, 19, 20, 21, 99, 100, 101, 500] {
        let values = values(count);
        let calls: Vec<_> = values.iter().map(|ms| call("m", Outcome::Completed, *ms)).collect();
        let found = &report(&calls)["total"]["total_latency_ms"];
        for (name, percent) in [("p50", 50.0), ("p95", 95.0), ("p99", 99.0)] {
            assert_eq!(found[name], json!(percentile(&values, percent)), "{name} of {count}");
        }
        assert_eq!((&found["count"], &found["exact"]), (&json!(count), &json!(true)));
    }
}

#[test]
fn percentiles_of_many_values_are_within_one_percent() {
    let values = values(5_003);
    let calls: Vec<_> = values.iter().map(|ms| call("m", Outcome::Completed, *ms)).collect();
    let found = &report(&calls)["groups"][0]["total_latency_ms"];
    assert_eq!((&found["count"], &found["exact"]), (&json!(5_003), &json!(false)));
    for (name, percent) in [("p50", 50.0), ("p95", 95.0), ("p99", 99.0)] {
        let (found, exact) =
            (found[name].as_f64().expect("a number"), percentile(&values, percent));
        // The sketch's own error, and one rank's.
        assert!((found / exact - 1.0).abs() < 0.011, "{name}: {found} is not {exact}");
    }
}

#[test]
fn a_sample_says_of_how_many_it_is() {
    let kept = |rate, rule: Option<&str>| {
        let sampling = Sampling { rate, rule: rule.map(str::to_owned) };
        Record { sampling: Some(Box::new(sampling)), ..call("m", Outcome::Completed, 100.0) }
    };
    let calls = [kept(1.0, Some("failed")), kept(0.02, None), kept(0.02, None)];
    let found = report(&calls);
    assert_eq!(found["total"]["calls"], 3);
    assert_eq!(found["lines"]["sampled"], json!({"calls": 3, "of": 101}));
    let ran = run_with(&["report", "-"], lines(&calls).as_bytes());
    assert!(ran.out.contains("sampled: 3 calls kept of about 101"), "{}", ran.out);
    assert_eq!(report(&[call("m", Outcome::Completed, 1.0)])["lines"].get("sampled"), None);

    // Also where nothing but steps was recorded.
    let steps = calls.map(|call| Record { kind: Kind::Step, step: Some(StepKind::Tool), ..call });
    let found = &report(&steps)["lines"];
    assert_eq!(found["sampled_steps"], json!({"steps": 3, "of": 101}));
    let ran = run_with(&["report", "-"], lines(&steps).as_bytes());
    assert!(ran.out.contains("sampled: 3 steps kept of about 101"), "{}", ran.out);
}

#[test]
fn only_completed_calls_count_in_the_latency() {
    let mut calls: Vec<_> = [100.0, 200.0, 300.0]
        .iter()
        .map(|ms| Record { tpot_ms: Some(*ms / 10.0), ..call("m", Outcome::Completed, *ms) })
        .collect();
    for outcome in [Outcome::Dropped, Outcome::Failed, Outcome::Interrupted, Outcome::Unfinished] {
        calls.push(Record { tpot_ms: Some(0.1), ..call("m", outcome, 1.0) });
    }
    let total = &report(&calls)["total"];
    assert_eq!(total["total_latency_ms"]["count"], 3);
    assert_eq!(total["total_latency_ms"]["p50"], 200.0);
    assert_eq!(total["tpot_ms"]["p50"], 20.0);
    let counts = ["calls", "completed", "failed", "dropped", "interrupted", "unfinished"];
    assert_eq!(counts.map(|name| total[name].as_u64()), [7, 3, 1, 1, 1, 1].map(Some));
}

#[test]
fn the_first_token_counts_unless_the_call_was_dropped() {
    let calls: Vec<_> = [
        (Outcome::Completed, 300.0),
        (Outcome::Failed, 200.0),
        (Outcome::Interrupted, 100.0),
        (Outcome::Dropped, 1.0),
    ]
    .into_iter()
    .map(|(outcome, ttft)| Record { ttft_ms: Some(ttft), ..call("m", outcome, 999.0) })
    .collect();
    let ttft = &report(&calls)["total"]["ttft_ms"];
    assert_eq!((&ttft["count"], &ttft["p50"]), (&json!(3), &json!(200.0)));
}

#[test]
fn calls_without_usage_are_not_counted_as_zero_tokens() {
    let tokens = |input, output| Record {
        input_tokens: input,
        output_tokens: output,
        ..call("m", Outcome::Completed, 1.0)
    };
    let contradictory = Record {
        usage: Some(Usage { inconsistent: true, ..Usage::default() }),
        ..tokens(Some(1_000), Some(1_000))
    };
    let calls =
        [tokens(Some(5), Some(7)), tokens(Some(11), None), tokens(None, None), contradictory];
    let total = &report(&calls)["total"];
    assert_eq!(total["input_tokens"], json!({ "sum": 16, "calls": 2 }));
    assert_eq!(total["output_tokens"], json!({ "sum": 7, "calls": 1 }));
    assert_eq!((&total["without_usage"], &total["inconsistent_usage"]), (&json!(1), &json!(1)));

    let unknown = report(&[tokens(None, None)]);
    assert_eq!(unknown["total"].get("input_tokens"), None, "unknown is absent");
    assert_eq!(unknown["total"].get("ttft_ms"), None);
}

#[test]
fn calls_group_by_the_model_that_answered_and_the_prompt() {
    let prompt = |version: Option<&str>| {
        Some(Prompt { name: "p".into(), version: version.map(str::to_owned), ..Prompt::default() })
    };
    let mut asked = call("asked", Outcome::Completed, 1.0);
    asked.prompt = prompt(None);
    let mut answered = call("asked", Outcome::Completed, 1.0);
    answered.model_version = Some("answered".into());
    answered.prompt = prompt(Some("2"));
    let mut nameless = call("asked", Outcome::Completed, 1.0);
    nameless.model = None;
    let report = report(&[asked, answered.clone(), answered, nameless]);
    let groups: Vec<_> = report["groups"]
        .as_array()
        .expect("groups are a list")
        .iter()
        .map(|group| (group["model"].as_str(), group["prompt"].as_str(), group["calls"].as_u64()))
        .collect();
    assert_eq!(
        groups,
        [
            (None, None, Some(1)),
            (Some("answered"), Some("p@2"), Some(2)),
            (Some("asked"), Some("p"), Some(1)),
        ]
    );
}

#[test]
fn groups_beyond_the_bound_are_counted_together() {
    let calls: Vec<_> =
        (0..510).map(|n| call(&format!("m{n:03}"), Outcome::Completed, 1.0)).collect();
    let found = report(&calls);
    assert_eq!(found["groups"].as_array().map(Vec::len), Some(500));
    assert_eq!(found["other"]["calls"], 10);
    assert_eq!(found["total"]["calls"], 510);
    let file = file(lines(&calls));
    let table = good(&["report", path(&file)]);
    assert!(table.contains("\n(other) ") && table.contains("all groups after the first 500"));
}

#[test]
fn steps_and_evaluations_are_no_calls() {
    let of = |kind| Record { kind, ..call("m", Outcome::Completed, 1.0) };
    let records = [of(Kind::Step), of(Kind::Evaluation), of(Kind::Interaction), header()];
    let found = report(&records);
    assert_eq!(found["total"]["calls"], 1);
    let lines = &found["lines"];
    let counts = ["records", "interactions", "steps", "evaluations", "meta", "unknown_kind"];
    assert_eq!(counts.map(|name| lines[name].as_u64()), [4, 1, 1, 1, 1, 0].map(Some));
}

#[test]
fn losses_since_the_start_are_not_added_up() {
    let reports = [
        losses(10, &[("queue_full", 1)]),
        losses(20, &[("queue_full", 3), ("panicked", 1)]),
        // Started anew: the counts begin again.
        header(),
        losses(5, &[("queue_full", 2)]),
    ];
    assert_eq!(report(&reports)["lost"], json!({ "queue_full": 5, "panicked": 1 }));
}

#[test]
fn nothing_to_report_is_said_and_no_error() {
    let Ran { out, err, code } = run_with(&["report", "-"], b"");
    assert_eq!(
        (out.as_str(), err.as_str(), code),
        ("no calls to report\n0 records · 0 calls · 0 steps\n", "", 0)
    );
    assert_eq!(report(&[])["total"]["calls"], 0);
}

#[test]
fn several_files_are_one_report() {
    let one = file(lines(&[call("m", Outcome::Completed, 1.0)]));
    let two = file(lines(&[call("m", Outcome::Failed, 1.0), call("n", Outcome::Completed, 1.0)]));
    let args = ["report", path(&one), path(&two), "--format", "json"];
    assert_eq!(crate::run::json(&args)["total"]["calls"], 3);
}

#[test]
fn the_library_prints_what_the_binary_prints() {
    let records = crate::fixtures::answer();
    let file = file(lines(&records));
    let style = llmobs_cli::Style::default();
    assert_eq!(llmobs_cli::report::table(&records, &style), good(&["report", path(&file)]));
    assert_eq!(llmobs_cli::trace::tree(&records, &style), good(&["trace", path(&file)]));
}

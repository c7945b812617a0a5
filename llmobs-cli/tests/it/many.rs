//! Large input in little memory.

use std::io::{BufWriter, Write};
use std::process::{Command, Stdio};

use llmobs_core::{Outcome, Record, StepKind};

use crate::fixtures::{at, call, span, step, trace_id};

/// The kernel refuses memory beyond this and what the binary itself takes, which differs by the features
/// that it is built with, and the binary would abort.
const LIMIT_KIB: u64 = 96 << 10;
const LINES: u32 = 100_000;

/// Runs it on generated lines through a pipe, under a limit of memory.
fn run_limited(args: &[&str], record: impl Fn(u32) -> Record) -> String {
    let binary = std::fs::metadata(env!("CARGO_BIN_EXE_llmobs")).expect("the binary is there");
    let limit = LIMIT_KIB + (binary.len() >> 10);
    let script = format!("ulimit -v {limit}; exec \"$0\" \"$@\"");
    let mut child = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_llmobs")])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell starts");
    let mut stdin = BufWriter::new(child.stdin.take().expect("a pipe"));
    for n in 0..LINES {
        serde_json::to_writer(&mut stdin, &record(n)).expect("the binary reads");
        stdin.write_all(b"\n").expect("the binary reads");
    }
    drop(stdin);
    let output = child.wait_with_output().expect("the binary ends");
    assert!(output.status.success(), "{:?}", output.status);
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

/// More models than there are groups, each trace on its own, and content nobody shows.
fn of_many_models(n: u32) -> Record {
    let outcome = if n.is_multiple_of(10) { Outcome::Dropped } else { Outcome::Completed };
    let mut record = call(&format!("model-{}", n % 700), outcome, f64::from(n % 1_000));
    record.trace_id = Some(trace_id(u128::from(n) + 1));
    record.span_id = span(1, 1, None, 0.0, 0.0).span_id;
    record.timestamp = Some(at(f64::from(n)));
    record.input_tokens = Some(3);
    record.tags.insert("filler".to_owned(), "x".repeat(400));
    record
}

#[test]
fn a_hundred_thousand_calls_are_reported_in_bounded_memory() {
    let out = run_limited(&["report", "-", "--format", "json"], of_many_models);
    let report: serde_json::Value = serde_json::from_str(&out).expect("the report is JSON");
    assert_eq!(report["total"]["calls"], LINES);
    assert_eq!(report["total"]["dropped"], LINES / 10);
    assert_eq!(report["total"]["input_tokens"]["sum"], LINES * 3);
    assert_eq!(report["groups"].as_array().map(Vec::len), Some(500));
}

#[test]
fn a_hundred_thousand_traces_are_searched_in_bounded_memory() {
    let out = run_limited(&["trace", "-"], of_many_models);
    assert!(out.contains(&trace_id(u128::from(LINES)).to_string()), "{out}");
}

#[test]
fn the_stages_of_many_traces_and_many_users_are_reported_in_bounded_memory() {
    let args = ["report", "-", "--format", "json", "--by", "user,kind,error_class"];
    let out = run_limited(&args, |n| Record {
        user_id: Some(format!("{n}-{}", "u".repeat(2_000))),
        ..step(StepKind::Tool, "t", span(u128::from(n) + 1, 1, None, f64::from(n), 1.0))
    });
    let report: serde_json::Value = serde_json::from_str(&out).expect("the report is JSON");
    assert_eq!(report["stages"]["trace_ms"]["count"], LINES);
    assert_eq!(report["groups"].as_array().map(Vec::len), Some(500));
    assert_eq!(report["other"]["calls"], LINES - 500);
}

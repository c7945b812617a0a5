//! Large input in little memory.

use std::io::{BufWriter, Write};
use std::process::{Command, Stdio};

use llmobs_core::Outcome;

use crate::fixtures::{call, span, trace_id};

/// The kernel refuses memory beyond this, and the binary would abort.
const LIMIT_KIB: &str = "131072";
const LINES: u32 = 100_000;

/// Runs it on generated lines through a pipe, under a limit of memory.
fn run_limited(args: &[&str]) -> String {
    let script = format!("ulimit -v {LIMIT_KIB}; exec \"$0\" \"$@\"");
    let mut child = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_llmobs")])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell starts");
    let mut stdin = BufWriter::new(child.stdin.take().expect("a pipe"));
    for n in 0..LINES {
        let outcome = if n % 10 == 0 { Outcome::Dropped } else { Outcome::Completed };
        // More models than there are groups, each trace on its own, and content nobody shows.
        let mut record = call(&format!("model-{}", n % 700), outcome, f64::from(n % 1_000));
        record.trace_id = Some(trace_id(u128::from(n) + 1));
        record.span_id = span(1, 1, None, 0.0, 0.0).span_id;
        record.timestamp = Some(crate::fixtures::at(f64::from(n)));
        record.input_tokens = Some(3);
        record.tags.insert("filler".to_owned(), "x".repeat(400));
        serde_json::to_writer(&mut stdin, &record).expect("the binary reads");
        stdin.write_all(b"\n").expect("the binary reads");
    }
    drop(stdin);
    let output = child.wait_with_output().expect("the binary ends");
    assert!(output.status.success(), "{:?}", output.status);
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

#[test]
fn a_hundred_thousand_calls_are_reported_in_bounded_memory() {
    let out = run_limited(&["report", "-", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&out).expect("the report is JSON");
    assert_eq!(report["total"]["calls"], LINES);
    assert_eq!(report["total"]["dropped"], LINES / 10);
    assert_eq!(report["total"]["input_tokens"]["sum"], LINES * 3);
    assert_eq!(report["groups"].as_array().map(Vec::len), Some(500));
}

#[test]
fn a_hundred_thousand_traces_are_searched_in_bounded_memory() {
    let out = run_limited(&["trace", "-"]);
    assert!(out.contains(&trace_id(u128::from(LINES)).to_string()), "{out}");
}

//! The command line itself.

use std::io::Read;
use std::process::Stdio;

use llmobs_core::Outcome;

use crate::fixtures::{answer, call, lines};
use crate::run::{command, file, path, run, run_with};

#[track_caller]
fn refused(args: &[&str], complaint: &str) {
    let ran = run(args);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    assert!(ran.err.contains(complaint), "{}", ran.err);
}

#[test]
fn a_missing_file_is_named() {
    refused(&["report", "no/such.jsonl"], "llmobs: no/such.jsonl cannot be opened: ");
    refused(&["trace", "no/such.jsonl"], "llmobs: no/such.jsonl cannot be opened: ");
}

#[test]
fn a_missing_file_is_found_before_the_others_are_read() {
    let good = file(lines(&[call("m", Outcome::Completed, 1.0)]));
    refused(&["report", path(&good), "no/such.jsonl"], "no/such.jsonl cannot be opened");
}

#[test]
fn a_directory_is_no_file() {
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    let name = dir.path().to_str().expect("temporary paths are UTF-8");
    refused(&["report", name], "cannot be read: it is a directory");
}

#[test]
fn wrong_arguments_are_refused() {
    refused(&["report"], "required arguments were not provided");
    refused(&["report", "-", "--format", "html"], "invalid value 'html'");
    refused(&["report", "-", "--quick"], "unexpected argument '--quick'");
    refused(&["trace", "-", "--trace-id", "12"], "invalid value '12' for '--trace-id <ID>'");
    refused(&["reprot", "-"], "unrecognized subcommand 'reprot'");
    refused(&["report", "-", "--width", "10"], "10 is not in 40..");
    refused(&["report", "-", "-"], "standard input can be read only once");
}

#[test]
fn help_says_how_percentiles_are_made() {
    let ran = run(&["report", "--help"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("exact (nearest rank) up to 4,096 values"), "{}", ran.out);
    let bound = llmobs_cli::report::EXACT_VALUES;
    assert_eq!((bound, llmobs_cli::report::MAX_GROUPS), (4_096, 500), "the help names both");
    assert!(
        ran.out.contains("innermost calls and steps under") && ran.out.contains("Up to 20,000")
    );
    assert_eq!(llmobs_cli::report::HELD_SPANS, 20_000, "the help names it");
}

#[test]
fn nothing_is_colored_off_a_terminal() {
    let ran = run_with(&["trace", "-"], lines(&answer()).as_bytes());
    assert!(!ran.out.contains('\u{1b}'));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let calls: Vec<_> = (0..500).map(|n| call(&format!("m{n}"), Outcome::Completed, 1.0)).collect();
    let file = file(lines(&calls));
    let mut child = command(&["report", path(&file), "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // More than a pipe holds is written, and nobody reads it.
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut err).expect("it is UTF-8");
    let status = child.wait().expect("the binary ends");
    assert_eq!((err.as_str(), status.code()), ("", Some(0)));
}

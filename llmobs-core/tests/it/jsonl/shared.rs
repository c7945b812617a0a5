//! Two writers, one name.

use std::process::Command;

use llmobs_core::JsonLines;

use crate::support::{files, names, numbered, offer};

const PATH: &str = "LLMOBS_TEST_PATH";

#[test]
fn two_sinks_of_one_process_write_two_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("llmobs.jsonl");
    let mut sinks: Vec<_> = (0..3).map(|_| JsonLines::open(&path).unwrap()).collect();
    for (n, sink) in sinks.iter_mut().enumerate() {
        offer(sink, &[numbered(n)]).unwrap();
    }
    let pid = std::process::id();
    let beside = |infix| directory.path().join(format!("llmobs.{infix}.jsonl"));
    let expected = [path.clone(), beside(pid.to_string()), beside(format!("{pid}-2"))];
    for (n, (sink, expected)) in sinks.iter().zip(expected).enumerate() {
        assert_eq!(sink.path(), expected);
        assert_eq!(names(sink.path()), ["meta", &format!("step {n}")]);
    }

    sinks.clear();
    assert_eq!(JsonLines::open(&path).unwrap().path(), path, "a lock goes with its sink");
}

#[test]
fn a_file_held_by_another_is_not_repaired() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("llmobs.jsonl");
    let _holder = JsonLines::open(&path).unwrap();
    std::fs::write(&path, "{\"half").unwrap();
    let _other = JsonLines::open(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"half");
}

#[test]
fn another_process_writes_beside() {
    // This test runs itself in a second process, where it has a path.
    if let Some(path) = std::env::var_os(PATH) {
        let mut sink = JsonLines::open(path).unwrap();
        offer(&mut sink, &[numbered(2)]).unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("llmobs.jsonl");
    let mut sink = JsonLines::open(&path).unwrap();
    offer(&mut sink, &[numbered(1)]).unwrap();
    let mut other = Command::new(std::env::current_exe().unwrap());
    other.args(["--exact", "jsonl::shared::another_process_writes_beside"]).env(PATH, &path);
    let output = other.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(names(&path), ["meta", "step 1"]);
    let found = files(directory.path());
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(names(&directory.path().join(&found[0])), ["meta", "step 2"]);
}

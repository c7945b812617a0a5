//! Files of JSON lines.

mod failure;
mod repair;
mod rotation;
mod shared;
mod writer;

use std::fs;

use llmobs_core::testing::{Recording, samples};
use llmobs_core::{JsonLines, Record, Sink, StepKind};

use crate::support::{names, numbered, offer};

#[test]
fn each_opening_of_a_file_begins_with_a_meta_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("llmobs.jsonl");
    let mut sink = JsonLines::open(&path).unwrap();
    offer(&mut sink, &[numbered(1), numbered(2)]).unwrap();
    offer(&mut sink, &[numbered(3)]).unwrap();
    drop(sink);
    assert_eq!(names(&path), ["meta", "step 1", "step 2", "step 3"]);

    let mut sink = JsonLines::open(&path).unwrap();
    offer(&mut sink, &[numbered(4)]).unwrap();
    assert_eq!(names(&path), ["meta", "step 1", "step 2", "step 3", "meta", "step 4"]);
}

#[test]
fn a_line_is_the_record_whole() {
    let directory = tempfile::tempdir().unwrap();
    let mut sink = JsonLines::open(directory.path().join("llmobs.jsonl")).unwrap();
    let records: Vec<_> = samples::all().into_iter().map(std::sync::Arc::new).collect();
    offer(&mut sink, &records).unwrap();
    sink.flush().unwrap();
    let text = fs::read_to_string(sink.path()).unwrap();
    let read: Vec<Record> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).skip(1).collect();
    assert_eq!(read, samples::all());
}

#[test]
fn what_a_recorder_observes_is_in_the_file_after_a_flush() {
    let directory = tempfile::tempdir().unwrap();
    let sink = JsonLines::open(directory.path().join("llmobs.jsonl")).unwrap();
    let path = sink.path().to_owned();
    let recording = Recording::with(|builder| builder.sink(sink).service("shop"));
    recording.recorder().step(StepKind::Tool, "weigh").end();
    assert_eq!(recording.records().len(), 1);
    assert_eq!(names(&path), ["meta", "weigh"]);
    let first = fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned();
    let first: Record = serde_json::from_str(&first).unwrap();
    assert_eq!(first.service.as_deref(), Some("shop"));
    assert_eq!(first.meta.unwrap().schema, "llmobs/1");
}

#[test]
fn a_relative_path_is_fixed_when_it_is_opened() {
    let sink = JsonLines::open("Cargo.toml.jsonl").unwrap();
    let path = sink.path().to_owned();
    drop(sink);
    fs::remove_file(&path).unwrap();
    assert!(path.is_absolute());
}

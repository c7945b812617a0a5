//! Version 1 of the schema, pinned: these files are never edited, only added to.

use std::path::PathBuf;

use llmobs_core::Record;
use llmobs_core::testing::samples;

fn check(name: &str, record: &Record) {
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"));
    let path = directory.join(name).with_extension("jsonl");
    let line = serde_json::to_string(record).expect("a record is JSON") + "\n";
    // Only for a file that is new: what has been published stays.
    if std::env::var_os("LLMOBS_BLESS").is_some() && !path.exists() {
        std::fs::write(&path, &line).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(&path).expect("there is a golden file");
    assert_eq!(line, golden, "{name}: the text has changed");
    let read: Record = serde_json::from_str(&golden).expect("a golden line is a record");
    assert_eq!(read, *record, "{name}: the round trip has lost something");
    let value = serde_json::from_str(&golden).expect("a golden line is JSON");
    crate::schema::assert_valid(&value);
}

#[test]
fn every_shape_of_version_1_reads_and_writes_as_it_was_published() {
    check("file_start", &samples::file_start());
    check("loss_report", &samples::loss_report());
    check("streamed_chat", &samples::streamed_chat());
    check("read", &samples::read());
    check("cut", &samples::cut());
    check("prompts", &samples::prompts());
    check("redacted", &samples::redacted());
    check("failed", &samples::failed());
    check("unreachable", &samples::unreachable());
    check("dropped", &samples::dropped());
    check("retried", &samples::retried());
    check("priced", &samples::priced());
    check("step", &samples::step());
    check("media", &samples::media());
    check("told_step", &samples::told_step());
    check("looked_up", &samples::looked_up());
}

#[test]
fn a_line_of_a_later_version_is_read_for_what_is_known_of_it() {
    let line = r#"{"kind":"step","name":"x","later":{"a":[1]},"meta":{"schema":"llmobs/1","b":2},
        "error":{"type":"t","class":"later"}}"#;
    let record: Record = serde_json::from_str(line).expect("unknown fields are passed over");
    assert_eq!(record.name.as_deref(), Some("x"));
    assert_eq!(record.error.map(|error| (error.kind, error.class)), Some(("t".into(), None)));
}

//! What a crash leaves behind.

use std::fs;

use llmobs_core::JsonLines;

use crate::support::{names, numbered, offer};

/// What the last line of a file becomes when the file is opened.
fn check(before: &str, after: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("llmobs.jsonl");
    fs::write(&path, before).expect("a file");
    let sink = JsonLines::open(&path).expect("a sink");
    assert_eq!(sink.path(), path);
    drop(sink);
    assert_eq!(fs::read_to_string(&path).expect("a file"), after, "opening {before:?}");
}

#[test]
fn half_a_last_line_is_removed_and_nothing_else() {
    check("{\"kind\":\"meta\"}\n{\"kind\":\"st", "{\"kind\":\"meta\"}\n");
    check("not ours\n{\"a\":1}\n{\"a\":", "not ours\n{\"a\":1}\n");
    check("{", "");
    check("\n\n{\"a\":1}{\"b\"", "\n\n");
    check("{\"a\":1}\n{\"a\":\"\0\0\0", "{\"a\":1}\n");
    check("{\"a\":1}\n\0\0\0\0", "{\"a\":1}\n");
    let long = format!("{{\"a\":1}}\n{{\"a\":\"{}", "x".repeat(300_000));
    check(&long, "{\"a\":1}\n");
}

#[test]
fn a_whole_last_line_gets_its_line_feed() {
    check("{\"kind\":\"meta\"}", "{\"kind\":\"meta\"}\n");
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(300_000));
    check(&long, &format!("{long}\n"));
}

#[test]
fn what_does_not_look_like_ours_is_kept() {
    check("a note", "a note\n");
    check("{\"a\":1}\ntrailing words", "{\"a\":1}\ntrailing words\n");
}

#[test]
fn a_whole_file_is_left_as_it_is() {
    check("", "");
    check("{\"a\":1}\n", "{\"a\":1}\n");
    check("{\"a\":\n", "{\"a\":\n");
}

#[test]
fn a_file_cut_anywhere_is_whole_again_when_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole.jsonl");
    let mut sink = JsonLines::open(&whole).unwrap();
    offer(&mut sink, &[numbered(1), numbered(2)]).unwrap();
    drop(sink);
    let bytes = fs::read(&whole).unwrap();
    let path = directory.path().join("cut.jsonl");
    for cut in 0..bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let mut sink = JsonLines::open(&path).unwrap();
        offer(&mut sink, &[numbered(3)]).unwrap();
        drop(sink);
        let expected = ["meta", "step 1", "step 2"];
        // A line that lacks only its line feed is whole.
        let lines = bytes[..=cut].iter().filter(|byte| **byte == b'\n').count();
        let read = names(&path);
        assert_eq!(read[..lines], expected[..lines], "cut at {cut}");
        assert_eq!(read[lines..], ["meta", "step 3"], "cut at {cut}");
    }
}

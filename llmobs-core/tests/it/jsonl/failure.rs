//! Files that cannot be written.

use std::fs;
use std::time::Duration;

use llmobs_core::{Builder, JsonLines, Sink, StepKind};

use crate::support::{names, numbered, offer};

#[test]
fn an_error_names_the_file_and_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing").join("llmobs.jsonl");
    let err = JsonLines::open(&path).unwrap_err();
    assert_eq!(err.path(), path);
    let expected = format!(
        "cannot open {}; check that its directory exists and that both may be written",
        path.display()
    );
    assert_eq!(err.to_string(), expected);
    assert!(std::error::Error::source(&err).is_some());

    JsonLines::open(directory.path()).unwrap_err();
}

#[cfg(unix)]
#[test]
fn a_device_is_not_taken_for_a_file() {
    let err = JsonLines::open("/dev/null").unwrap_err();
    assert_eq!(
        err.to_string(),
        "cannot keep records in /dev/null; it is no regular file, which `JsonLines::writer` can \
         write to"
    );
}

#[test]
fn a_directory_that_vanishes_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let below = directory.path().join("logs");
    fs::create_dir(&below).unwrap();
    let path = below.join("llmobs.jsonl");
    let mut sink = JsonLines::open(&path).unwrap();
    offer(&mut sink, &[numbered(1)]).unwrap();
    fs::remove_dir_all(&below).unwrap();
    let err = offer(&mut sink, &[numbered(2)]).unwrap_err();
    assert!(err.is_retryable(), "{err}");
    fs::create_dir(&below).unwrap();
    offer(&mut sink, &[numbered(2)]).unwrap();
    assert_eq!(names(&path), ["meta", "step 2"]);
}

/// A file that takes lines and refuses to be made durable: the name of this process.
#[cfg(target_os = "linux")]
const NEVER_DURABLE: &str = "/proc/self/comm";

#[cfg(target_os = "linux")]
#[test]
fn a_flush_fails_where_what_was_written_cannot_be_made_durable() {
    let mut sink = JsonLines::open(NEVER_DURABLE).unwrap();
    offer(&mut sink, &[numbered(1)]).unwrap();
    let err = sink.flush().unwrap_err();
    assert_eq!(err.to_string(), "cannot make /proc/self/comm durable");

    let llmobs = Builder::new().process_wide(false).sink(sink).start().unwrap();
    llmobs.step(StepKind::Tool, "weigh").end();
    let err = llmobs.flush(Duration::MAX).unwrap_err();
    assert_eq!((err.waiting(), err.failed_sinks()), (0, &["json_lines".to_owned()][..]));
    let losses = llmobs.losses();
    assert_eq!((losses.sinks[0].delivered, losses.total()), (1, 0));
    llmobs.shutdown(Duration::MAX).unwrap_err();
}

#[cfg(target_os = "linux")]
#[test]
fn the_flush_after_a_file_was_moved_tells_that_it_could_not_be_made_durable() {
    let directory = tempfile::tempdir().unwrap();
    let logs = directory.path().join("logs");
    std::os::unix::fs::symlink("/proc/self", &logs).unwrap();
    let mut sink = JsonLines::open(logs.join("comm")).unwrap();
    offer(&mut sink, &[numbered(1)]).unwrap();

    // Somebody puts another directory in its place.
    fs::remove_file(&logs).unwrap();
    fs::create_dir(&logs).unwrap();
    offer(&mut sink, &[numbered(2)]).unwrap();
    assert_eq!(names(&logs.join("comm")), ["meta", "step 2"]);
    sink.flush().expect_err("the first line may be lost");
    sink.flush().expect("nobody can tell more of it");
}

/// A write that stops half-way, by the limit a process has on the size of its files.
#[cfg(unix)]
#[test]
fn a_full_disk_tears_and_doubles_nothing() {
    const PATH: &str = "LLMOBS_TEST_FULL_PATH";
    const NAME: &str = "jsonl::failure::a_full_disk_tears_and_doubles_nothing";
    let Some(path) = std::env::var_os(PATH) else {
        let directory = tempfile::tempdir().unwrap();
        let run = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
        let output = std::process::Command::new("sh")
            .args(["-c", run])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", NAME])
            .env(PATH, directory.path().join("llmobs.jsonl"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(names(&directory.path().join("llmobs.jsonl")), ["meta", "again"]);
        return;
    };
    let path = std::path::PathBuf::from(path);
    let mut sink = JsonLines::open(&path).unwrap();
    let mut n = 0;
    let err = loop {
        match offer(&mut sink, &[numbered(n), numbered(n + 1)]) {
            Ok(()) => n += 2,
            Err(err) => break err,
        }
        assert!(n < 10_000, "the limit was not in force");
    };
    assert!(err.is_retryable());
    let before = names(&path);
    assert_eq!(before.len(), n + 1);
    offer(&mut sink, &[numbered(n), numbered(n + 1)]).unwrap_err();
    assert_eq!(names(&path), before, "a second try leaves nothing either");

    // Somebody makes room.
    fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    let again = llmobs_core::Record { name: Some("again".into()), ..Default::default() };
    offer(&mut sink, &[std::sync::Arc::new(again)]).unwrap();
}

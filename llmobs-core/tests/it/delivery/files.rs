//! Files and directories that are taken away, replaced, or cannot be written: through a recorder, with
//! the account of every record.

use std::fs;
use std::path::Path;
use std::time::Duration;

use llmobs_core::testing::FakePauses;
use llmobs_core::{Backoff, Builder, JsonLines, Llmobs, LossCause, Rotation};

use super::{Backend, LONG, exact, numbers, only_sink, step, until};
use crate::support::{files, names};

fn start(path: &Path) -> (Llmobs, FakePauses) {
    let pauses = FakePauses::default();
    let builder = Builder::new().process_wide(false).pauses(&pauses);
    let builder = builder.backoff(Backoff::new().offers(1));
    let sink = JsonLines::open(path).expect("a file");
    (builder.sink(sink.rotation(Rotation::new())).start().expect("threads"), pauses)
}

/// Lets pauses pass until nothing waits; everything has been delivered then.
#[track_caller]
fn delivered(llmobs: &Llmobs, pauses: &FakePauses) {
    until(|| {
        pauses.advance(Duration::from_secs(31));
        let losses = exact(llmobs);
        losses.open == 0 && only_sink(&losses).1 == 0
    });
    let losses = exact(llmobs);
    assert_eq!(only_sink(&losses).0, losses.recorded, "{losses:?}");
    assert_eq!(losses.total(), 0, "{losses:?}");
}

/// What is in files of JSON lines, but for `meta` lines.
fn lines(paths: &[&Path]) -> Vec<String> {
    let all = paths.iter().flat_map(|path| names(path));
    all.filter(|name| name != "meta").collect()
}

/// Steps before and after something that makes the file unusable, until it is undone.
#[track_caller]
fn away_and_back(break_it: fn(&Path), mend: fn(&Path)) -> (tempfile::TempDir, Vec<String>) {
    let directory = tempfile::tempdir().expect("a directory");
    let below = directory.path().join("logs");
    fs::create_dir(&below).expect("it can be made");
    let path = below.join("llmobs.jsonl");
    let (llmobs, pauses) = start(&path);
    step(&llmobs, "before");
    llmobs.flush(LONG).expect("it is written");
    break_it(&path);
    for name in numbers(0..10) {
        step(&llmobs, name);
    }
    until(|| llmobs.losses().recorded == 11);
    let err = llmobs.flush(LONG).expect_err("it cannot be written");
    assert_eq!((err.waiting(), err.failed_sinks().len()), (10, 1));
    let (taken, waiting, lost) = only_sink(&exact(&llmobs));
    assert_eq!((taken, waiting, lost.len()), (1, 10, 0));
    mend(&path);
    delivered(&llmobs, &pauses);
    llmobs.shutdown(LONG).expect("all is written");
    let lines = lines(&[&path]);
    (directory, lines)
}

#[test]
fn a_file_replaced_by_a_directory_is_waited_for() {
    let replace = |path: &Path| {
        fs::remove_file(path).expect("it is there");
        fs::create_dir(path).expect("it can be made");
    };
    let (_, lines) = away_and_back(replace, |path| fs::remove_dir(path).expect("it is there"));
    assert_eq!(lines, numbers(0..10));
}

#[test]
fn a_directory_replaced_by_a_file_is_waited_for() {
    let replace = |path: &Path| {
        let below = path.parent().expect("a directory");
        fs::remove_dir_all(below).expect("it is there");
        fs::write(below, "in the way").expect("it can be written");
    };
    let mend = |path: &Path| {
        let below = path.parent().expect("a directory");
        fs::remove_file(below).expect("it is there");
        fs::create_dir(below).expect("it can be made");
    };
    assert_eq!(away_and_back(replace, mend).1, numbers(0..10));
}

#[test]
fn a_file_rotated_copied_and_deleted_by_others_loses_nothing_that_was_moved() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("llmobs.jsonl");
    let moved = directory.path().join("llmobs.jsonl.1");
    let copy = directory.path().join("llmobs.jsonl.2");
    let (llmobs, _) = start(&path);
    let write = |range| {
        for name in numbers(range) {
            step(&llmobs, name);
        }
        llmobs.flush(LONG).expect("it is written");
    };
    write(0..10);
    fs::rename(&path, &moved).expect("as logrotate does");
    write(10..20);
    fs::copy(&path, &copy).expect("as logrotate does with `copytruncate`");
    fs::File::options().write(true).open(&path).and_then(|file| file.set_len(0)).expect("emptied");
    write(20..30);
    assert_eq!(lines(&[&moved, &copy, &path]), numbers(0..30));
    // What is deleted is gone, and was delivered.
    fs::remove_file(&path).expect("it is there");
    write(30..40);
    assert_eq!(lines(&[&path]), numbers(30..40));
    assert_eq!(only_sink(&exact(&llmobs)).0, 40);
}

#[cfg(target_os = "linux")]
#[test]
fn a_directory_nobody_can_write_to_is_an_error_at_the_start_that_says_what_to_do() {
    // Whoever may write anywhere, as root may, cannot write here either.
    let err = JsonLines::open("/proc/llmobs.jsonl").expect_err("nobody can make a file there");
    assert!(
        err.to_string().contains("check that its directory exists and that both may be written")
    );
    // Where modes count, one that may only be read is the same.
    let directory = tempfile::tempdir().expect("a directory");
    let mode = |mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(directory.path(), mode).expect("it is ours");
    };
    mode(0o555);
    let opened = JsonLines::open(directory.path().join("llmobs.jsonl"));
    let written = fs::write(directory.path().join("other"), "");
    mode(0o755);
    assert_eq!(opened.is_ok(), written.is_ok(), "whoever may write all the same, as root may");
}

#[cfg(unix)]
#[test]
fn a_spool_replaced_by_a_file_costs_what_was_in_it_and_memory_takes_over() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("spool");
    let (backend, pauses) = (Backend::away(), FakePauses::default());
    let builder = Builder::new().process_wide(false).pauses(&pauses).spool(&root);
    let builder = builder.backoff(Backoff::new().offers(1)).sink(backend.clone());
    let llmobs = builder.start().expect("threads");
    step(&llmobs, "in hand");
    pauses.pause();
    for name in numbers(0..10) {
        step(&llmobs, name);
    }
    until(|| llmobs.losses().recorded == 11);
    assert_eq!(llmobs.flush(LONG).expect_err("it is away").spooled(), 11);
    fs::remove_dir_all(&root).expect("it is there");
    fs::write(&root, "in the way").expect("it can be written");
    for name in numbers(10..20) {
        step(&llmobs, name);
    }
    until(|| llmobs.losses().recorded == 21);
    let err = llmobs.flush(LONG).expect_err("it is away");
    assert_eq!(err.failed_sinks(), ["backend"], "what is in memory is not durable");
    exact(&llmobs);
    // Out of the way: what comes from now on is on disk again.
    fs::remove_file(&root).expect("it is there");
    for name in numbers(20..30) {
        step(&llmobs, name);
    }
    until(|| llmobs.losses().recorded == 31);
    let _ = llmobs.flush(LONG);
    assert!(exact(&llmobs).sinks[0].spooled >= 20, "{:?}", llmobs.losses());
    backend.get().away = false;
    until(|| {
        pauses.advance(Duration::from_secs(31));
        exact(&llmobs).sinks[0].waiting == 0
    });
    let losses = exact(&llmobs);
    let damaged = losses.sinks[0].lost.get(&LossCause::SpoolDamaged).copied().unwrap_or_default();
    assert_eq!(losses.total(), damaged, "{losses:?}");
    assert_eq!(losses.sinks[0].delivered + damaged, losses.recorded);
    let names = backend.names();
    assert_eq!(names[names.len() - 20..], numbers(10..30), "what was in memory, and came after");
    assert!((10..=11).contains(&damaged), "what was in the files: {damaged}");
    llmobs.shutdown(LONG).expect("nothing waits");
    assert!(files(&root.join("backend")).is_empty());
}

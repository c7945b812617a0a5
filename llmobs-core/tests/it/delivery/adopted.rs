//! What processes leave in a spool that end while this one runs.

use std::collections::BTreeMap;
use std::time::Duration;

use llmobs_core::testing::FakePauses;
use llmobs_core::{Backoff, Builder, Llmobs, LossCause};

use super::{Backend, LONG, exact, numbers, step, until};

const MINUTE: Duration = Duration::from_secs(60);

fn start(backend: &Backend, directory: &std::path::Path) -> (Llmobs, FakePauses) {
    let pauses = FakePauses::default();
    let builder = Builder::new().process_wide(false).pauses(&pauses).spool(directory);
    let builder = builder.backoff(Backoff::new().offers(1)).sink(backend.clone());
    (builder.start().expect("threads"), pauses)
}

/// Leaves some records on disk as a process that has ended does.
fn left(directory: &std::path::Path, range: std::ops::Range<u64>) {
    let (llmobs, _) = start(&Backend::away(), directory);
    let n = range.end - range.start;
    for name in numbers(range) {
        step(&llmobs, name);
    }
    assert_eq!(llmobs.shutdown(LONG).expect_err("the backend is away").spooled(), n);
}

#[test]
fn what_another_process_leaves_is_taken_over_within_a_minute() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::default();
    let (llmobs, pauses) = start(&backend, directory.path());
    step(&llmobs, "ours");
    llmobs.flush(LONG).expect("it is taken");
    for round in 0..3 {
        left(directory.path(), round * 10..(round + 1) * 10);
        llmobs.flush(LONG).expect("nothing waits");
        assert_eq!(exact(&llmobs).sinks[0].recovered, round * 10, "not before its time");
        pauses.advance(MINUTE);
        until(|| {
            llmobs.flush(LONG).expect("what is taken over is delivered");
            exact(&llmobs).sinks[0].recovered == (round + 1) * 10
        });
    }
    llmobs.flush(LONG).expect("nothing waits");
    let losses = exact(&llmobs);
    assert_eq!((losses.sinks[0].waiting, &losses.sinks[0].lost), (0, &BTreeMap::new()));
    assert_eq!(backend.names()[1..], numbers(0..30));
    llmobs.shutdown(LONG).expect("nothing waits");
    assert!(crate::support::files(&directory.path().join("backend")).is_empty());
}

#[test]
fn what_is_taken_over_goes_before_what_waits_and_is_counted_with_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::away();
    let (llmobs, pauses) = start(&backend, directory.path());
    left(directory.path(), 0..10);
    // Its own are on disk as well, and the sink is down: that is no time to take on more.
    for name in numbers(10..20) {
        step(&llmobs, name);
    }
    until(|| llmobs.losses().recorded >= 10 && backend.get().offers > 0);
    let _ = llmobs.flush(LONG);
    pauses.advance(MINUTE);
    let _ = llmobs.flush(LONG);
    backend.get().away = false;
    until(|| {
        pauses.advance(MINUTE);
        let _ = llmobs.flush(LONG);
        backend.names().len() == 20
    });
    let mut names = backend.names();
    names.sort_by_key(|name| name.parse::<u64>().expect("a number"));
    assert_eq!(names, numbers(0..20), "each once");
    let losses = exact(&llmobs);
    assert_eq!((losses.sinks[0].recovered, losses.total()), (10, 0));
}

#[test]
fn what_is_taken_over_goes_before_what_was_not_offered_yet() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::away();
    let (llmobs, pauses) = start(&backend, directory.path());
    // More than is offered at once.
    for name in numbers(0..5_000) {
        step(&llmobs, name);
    }
    until(|| llmobs.losses().recorded >= 5_000 && backend.get().offers > 0);
    assert_eq!(llmobs.flush(LONG).expect_err("it is away").spooled(), 5_000);
    left(directory.path(), 10_000..10_010);
    pauses.advance(MINUTE);
    let _ = llmobs.flush(LONG);
    backend.get().away = false;
    until(|| {
        pauses.advance(MINUTE);
        let _ = llmobs.flush(LONG);
        backend.names().len() == 5_010
    });
    let names = backend.names();
    let first = names.iter().position(|name| name == "10000").expect("it is there");
    assert_eq!(names[first..first + 10], numbers(10_000..10_010), "in order");
    assert!(first < 5_000, "it is older than what this process has not offered yet");
    let ours: Vec<_> = names.into_iter().filter(|name| name.len() < 5).collect();
    assert_eq!(ours, numbers(0..5_000), "in order");
    assert_eq!(exact(&llmobs).total(), 0);
}

#[test]
fn what_several_processes_have_left_goes_out_by_the_age_of_their_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let away = Backend::away();
    // At the same time, so that none of them takes over from another.
    let processes: Vec<_> = (0..5)
        .map(|n| {
            let (llmobs, _) = start(&away, directory.path());
            for name in numbers(n * 10..(n + 1) * 10) {
                step(&llmobs, name);
            }
            until(|| exact(&llmobs).sinks[0].spooled > 0);
            llmobs
        })
        .collect();
    for llmobs in &processes {
        assert_eq!(llmobs.shutdown(LONG).expect_err("the backend is away").spooled(), 10);
    }
    let backend = Backend::default();
    let (llmobs, _) = start(&backend, directory.path());
    llmobs.shutdown(LONG).expect("the backend is there");
    assert_eq!(backend.names(), numbers(0..50));
    assert_eq!((exact(&llmobs).sinks[0].recovered, exact(&llmobs).total()), (50, 0));
}

#[test]
fn what_is_damaged_there_is_counted_and_a_process_that_lives_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::default();
    let (llmobs, pauses) = start(&backend, directory.path());
    step(&llmobs, "ours");
    llmobs.flush(LONG).expect("it is taken");
    let (living, _) = start(&Backend::away(), directory.path());
    step(&living, "theirs");
    until(|| living.losses().recorded == 1);
    assert_eq!(living.flush(LONG).expect_err("it is down").spooled(), 1);
    left(directory.path(), 0..5);
    let root = directory.path().join("backend");
    let folders = crate::support::files(&root);
    let last = root.join(folders.last().expect("three folders"));
    let segment = last.join("0000000000000001.spool");
    let mut bytes = std::fs::read(&segment).expect("it can be read");
    bytes[40] ^= 1;
    std::fs::write(&segment, bytes).expect("it can be written");
    pauses.advance(MINUTE);
    until(|| {
        let _ = llmobs.flush(LONG);
        exact(&llmobs).sinks[0].recovered == 5
    });
    let _ = llmobs.flush(LONG);
    let sink = &exact(&llmobs).sinks[0];
    assert_eq!(sink.lost, BTreeMap::from([(LossCause::SpoolDamaged, 1)]));
    assert_eq!(backend.names(), ["ours", "1", "2", "3", "4"]);
    assert_eq!(exact(&living).sinks[0].spooled, 1);
}

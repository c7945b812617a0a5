//! What waits on disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_lite::future::block_on;
use llmobs_core::testing::{CountingIds, FakePauses, Memory};
use llmobs_core::{Backoff, Builder, FlushError, Limits, Llmobs, LossCause};

use super::{Answer, Backend, LONG, exact, numbers, only_sink, scripted, step, until};

/// A recorder whose sink is down after the first offer, and whose pauses the test makes.
fn start(backend: &Backend, directory: &Path) -> (Llmobs, FakePauses) {
    start_with(backend, directory, |b| b)
}

fn start_with(
    backend: &Backend,
    directory: &Path,
    configure: impl FnOnce(Builder) -> Builder,
) -> (Llmobs, FakePauses) {
    let pauses = FakePauses::default();
    let builder = Builder::new().ids(CountingIds::default()).process_wide(false);
    let builder = builder.pauses(&pauses).backoff(Backoff::new().offers(1));
    let builder = configure(builder.spool(directory).sink(backend.clone()));
    (builder.start().expect("threads"), pauses)
}

/// Records steps, and waits until they are on disk.
#[track_caller]
fn spooled(llmobs: &Llmobs, range: std::ops::Range<u64>) {
    let before = llmobs.losses().recorded;
    let more = range.end - range.start;
    for name in numbers(range) {
        step(llmobs, name);
    }
    until(|| llmobs.losses().recorded == before + more);
    let err = llmobs.flush(LONG).expect_err("the sink is away");
    assert_eq!(err.waiting(), err.spooled(), "{err}");
}

/// A directory as a crash at this moment leaves it.
fn crashed(directory: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a directory");
    copy_all(directory, copy.path());
    copy
}

pub(super) fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("it can be read").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&to).expect("it can be made");
            copy_all(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("it can be copied");
        }
    }
}

/// The files of records, oldest first.
fn segments(directory: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "spool") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Delivers what is in a directory, to a sink that is there; gives what it took.
#[track_caller]
fn delivered_from(directory: &Path) -> (Vec<String>, u64, BTreeMap<LossCause, u64>) {
    let backend = Backend::default();
    let (llmobs, _) = start(&backend, directory);
    let _ = llmobs.shutdown(LONG);
    let losses = exact(&llmobs);
    let (delivered, waiting, lost) = only_sink(&losses);
    let names = backend.names();
    assert_eq!((waiting, delivered >= names.len() as u64), (0, true));
    (names, losses.sinks.iter().map(|sink| sink.recovered).sum(), lost)
}

#[test]
fn a_crash_leaves_what_was_on_disk_to_the_next_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let (llmobs, _) = start(&Backend::away(), directory.path());
    spooled(&llmobs, 0..3_000);
    let crashed = crashed(directory.path());
    assert_eq!(delivered_from(crashed.path()), (numbers(0..3_000), 3_000, BTreeMap::new()));
    // And nobody else finds it again.
    assert_eq!(delivered_from(crashed.path()), (Vec::new(), 0, BTreeMap::new()));
    assert!(segments(crashed.path()).is_empty());
}

#[test]
fn what_was_recovered_is_in_the_report() {
    let directory = tempfile::tempdir().expect("a directory");
    let (first, _) = start(&Backend::away(), directory.path());
    spooled(&first, 0..10);
    first.shutdown(LONG).expect_err("the sink is away");
    let (backend, memory) = (Backend::default(), Memory::default());
    let (next, _) = start_with(&backend, directory.path(), |b| b.sink(memory.clone()));
    until(|| exact(&next).sinks[0].recovered == 10);
    step(&next, "next");
    next.shutdown(LONG).expect("all is taken");
    let mut reports = memory.records().into_iter().filter_map(|record| record.meta?.losses);
    let report = reports.next_back().expect("something is to be told");
    assert_eq!(report.recovered, BTreeMap::from([("backend".to_owned(), 10)]));
    assert_eq!((report.accepted, report.lost.len()), (1, 0));
}

#[test]
fn what_was_delivered_before_a_crash_is_not_sent_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let (sink, script) = scripted();
    let pauses = FakePauses::default();
    let builder = Builder::new().process_wide(false).pauses(&pauses).spool(directory.path());
    let builder = builder.backoff(Backoff::new().offers(1)).sink(sink);
    let llmobs = builder.start().expect("threads");
    step(&llmobs, "first");
    script.offered();
    for name in numbers(0..5_000) {
        step(&llmobs, name);
    }
    until(|| llmobs.losses().recorded == 5_001);
    script.answer(Answer::Retry);
    pauses.pause();
    let err = llmobs.flush(LONG).unwrap_err();
    assert_eq!((err.waiting(), err.spooled()), (5_001, 5_001));

    pauses.advance(Duration::from_secs(30));
    assert_eq!(script.offered(), ["first"]);
    script.answer(Answer::Take);
    let second = script.offered();
    script.answer(Answer::Take);
    let third = script.offered();
    // Delivered, and not noted yet: the one batch that a crash may double.
    let copy = crashed(directory.path());
    // For a sink of another name.
    fs::rename(copy.path().join("scripted"), copy.path().join("backend")).expect("another name");
    super::owners::disown(&copy.path().join("backend"));
    let (names, ..) = delivered_from(copy.path());
    let done = 5_000 - names.len();
    assert_eq!(names, numbers(done as u64..5_000));
    assert!(done >= second.len() && !names.contains(&"first".to_owned()));
    assert_eq!(names[done - second.len()..][..1], third[..1], "{done}");
    drop(script);
    llmobs.shutdown(LONG).expect("the rest is taken");
}

#[test]
fn damaged_lines_are_left_out_and_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let (llmobs, _) = start(&Backend::away(), directory.path());
    spooled(&llmobs, 0..100);
    let lost = |n| BTreeMap::from([(LossCause::SpoolDamaged, n)]);

    // A line in the middle.
    let flipped = crashed(directory.path());
    let path = &segments(flipped.path())[0];
    let text = fs::read(path).expect("it can be read");
    let starts = |n: usize| {
        let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        ends.map(|(at, _)| at + 1).nth(n - 1).expect("there are as many lines")
    };
    let mut bad = text.clone();
    bad[starts(50) + 30] ^= 0x10;
    fs::write(path, bad).expect("it can be written");
    let mut names = numbers(0..100);
    names.remove(50);
    assert_eq!(delivered_from(flipped.path()), (names, 100, lost(1)));

    // Half a line at the end.
    let torn = crashed(directory.path());
    fs::write(&segments(torn.path())[0], &text[..starts(99) + 20]).expect("it can be written");
    assert_eq!(delivered_from(torn.path()), (numbers(0..99), 100, lost(1)));

    // Nothing of ours.
    let foreign = crashed(directory.path());
    fs::write(&segments(foreign.path())[0], "no\nrecord\nat all").expect("it can be written");
    assert_eq!(delivered_from(foreign.path()), (Vec::new(), 3, lost(3)));

    // A note that is no note.
    let unnoted = crashed(directory.path());
    let folder = segments(unnoted.path())[0].parent().expect("a folder").to_owned();
    fs::write(folder.join("progress"), "é, or what a disk makes of it".repeat(9)).expect("written");
    assert_eq!(delivered_from(unnoted.path()), (numbers(0..100), 100, BTreeMap::new()));
}

#[test]
fn the_oldest_go_first_when_the_spool_is_full() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::away();
    let (llmobs, pauses) = start_with(&backend, directory.path(), |b| b.spool_bytes(1 << 20));
    for n in 0..20 {
        for name in numbers(n * 1_000..(n + 1) * 1_000) {
            step(&llmobs, name);
        }
        until(|| llmobs.losses().recorded == (n + 1) * 1_000);
        exact(&llmobs);
    }
    let _ = llmobs.flush(LONG);
    let bytes: u64 = segments(directory.path())
        .iter()
        .map(|path| fs::metadata(path).expect("it is there").len())
        .sum();
    assert!(bytes <= 1 << 20, "{bytes}");
    backend.get().away = false;
    pauses.advance(Duration::from_secs(31));
    let _ = llmobs.shutdown(LONG);
    let (delivered, waiting, lost) = only_sink(&exact(&llmobs));
    let full = lost.get(&LossCause::SpoolFull).copied().unwrap_or(0);
    assert_eq!((waiting, lost.len()), (0, 1), "{lost:?}");
    assert!(full > 10_000 && delivered > 1_000, "{full} lost, {delivered} delivered");
    assert_eq!(backend.names(), numbers(full..20_000), "the newest, in order");
}

#[test]
fn recorders_with_the_same_directory_keep_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    let (a, b) = (Backend::away(), Backend::away());
    let (first, first_pauses) = start(&a, directory.path());
    spooled(&first, 0..10);
    let (second, second_pauses) = start(&b, directory.path());
    spooled(&second, 10..20);
    assert_eq!(exact(&second).sinks[0].recovered, 0);
    for (backend, llmobs, pauses) in [(&a, &first, &first_pauses), (&b, &second, &second_pauses)] {
        backend.get().away = false;
        pauses.advance(Duration::from_secs(31));
        llmobs.flush(LONG).expect("it is there");
        exact(llmobs);
    }
    assert_eq!((a.names(), b.names()), (numbers(0..10), numbers(10..20)));
}

#[test]
fn two_sinks_of_one_name_have_a_spool_each() {
    let directory = tempfile::tempdir().expect("a directory");
    let (a, b) = (Backend::away(), Backend::away());
    let (llmobs, _) = start_with(&a, directory.path(), |builder| builder.sink(b.clone()));
    spooled(&llmobs, 0..10);
    assert_eq!(crate::support::files(directory.path()), ["backend", "backend-2"]);
    let err = llmobs.shutdown(LONG).unwrap_err();
    assert_eq!((err.waiting(), err.spooled()), (10, 10));
}

#[cfg(unix)]
#[test]
fn files_and_directories_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("made/by us");
    let (llmobs, _) = start(&Backend::away(), &root);
    spooled(&llmobs, 0..1);
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it can be read").flatten() {
            let mode = entry.metadata().expect("it is there").permissions().mode() & 0o777;
            match entry.path().is_dir() {
                true => assert_eq!(mode, 0o700, "{entry:?}"),
                false => assert_eq!(mode, 0o600, "{entry:?}"),
            }
            folders.extend(entry.path().is_dir().then(|| entry.path()));
        }
    }
}

#[test]
fn a_directory_that_cannot_be_used_fails_the_start() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("a file");
    fs::write(&file, "").expect("it can be written");
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).expect("it can be made");
    fs::write(taken.join("backend"), "").expect("it can be written");
    for (directory, place) in [(&file, file.join("backend")), (&taken, taken.join("backend"))] {
        let builder = Builder::new().process_wide(false).spool(directory);
        let failed = builder.sink(Backend::default()).start().expect_err("it cannot be used");
        let expected = "expected a directory that this user may write to, or that can be made";
        assert_eq!(failed.to_string(), format!("the spool cannot use {place:?}: {expected}"));
        assert!(std::error::Error::source(&failed).is_some_and(|err| err.is::<std::io::Error>()));
    }
    // One that is not there yet is made.
    drop(start(&Backend::default(), &folder.path().join("new/and/deep")));
    assert!(folder.path().join("new/and/deep/backend").is_dir());
}

#[cfg(unix)]
#[test]
fn a_directory_that_cannot_be_used_any_more_leaves_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::away();
    let mut limits = Limits::default();
    limits.sink_records = 100;
    let (llmobs, pauses) = start_with(&backend, directory.path(), |b| b.limits(limits));
    let place = directory.path().join("backend");
    // Its thread sees whether files can be written as it begins.
    llmobs.flush(LONG).expect("nothing waits");
    fs::remove_dir_all(&place).expect("it can be deleted");
    fs::write(&place, "").expect("it can be written");
    step(&llmobs, "first");
    pauses.pause();
    for name in numbers(0..200) {
        step(&llmobs, name);
    }
    until(|| llmobs.losses().recorded == 201);
    let err = llmobs.flush(LONG).unwrap_err();
    assert_eq!((err.waiting(), err.spooled(), err.failed_sinks().len()), (101, 0, 1));
    let (delivered, waiting, lost) = only_sink(&exact(&llmobs));
    assert_eq!(
        (delivered, waiting, lost),
        (0, 101, BTreeMap::from([(LossCause::SinkQueueFull, 100)]))
    );
    backend.get().away = false;
    pauses.advance(Duration::from_secs(31));
    until(|| exact(&llmobs).sinks[0].waiting == 0);
    assert_eq!(backend.names()[1..], numbers(0..100));
}

#[cfg(unix)]
#[test]
fn a_directory_deleted_under_us_costs_what_was_in_it_and_is_made_anew() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::away();
    let (llmobs, pauses) = start(&backend, directory.path());
    // The first batch stays in hand besides.
    step(&llmobs, "first");
    pauses.pause();
    spooled(&llmobs, 0..10);
    fs::remove_dir_all(directory.path().join("backend")).expect("it can be deleted");
    spooled(&llmobs, 10..20);
    assert_eq!(segments(directory.path()).len(), 1);
    backend.get().away = false;
    pauses.advance(Duration::from_secs(31));
    until(|| exact(&llmobs).sinks[0].waiting == 0);
    let (delivered, _, lost) = only_sink(&exact(&llmobs));
    assert_eq!((delivered, lost), (11, BTreeMap::from([(LossCause::SpoolDamaged, 10)])));
    assert_eq!(backend.names()[1..], numbers(10..20));
}

#[test]
fn a_sink_that_never_answers_leaves_all_to_the_next_process() {
    never_answers(|llmobs, timeout| llmobs.shutdown(timeout));
    never_answers(|llmobs, timeout| block_on(llmobs.shutdown_async(timeout)));
}

fn never_answers(shutdown: fn(&Llmobs, Duration) -> Result<(), FlushError>) {
    let directory = tempfile::tempdir().expect("a directory");
    let (sink, script) = scripted();
    let builder = || Builder::new().process_wide(false).spool(directory.path());
    let llmobs = builder().sink(sink).start().expect("threads");
    step(&llmobs, "0");
    script.offered();
    for name in numbers(1..1_000) {
        step(&llmobs, name);
    }
    let err = shutdown(&llmobs, Duration::from_millis(2_000));
    let err = err.expect_err("it never answers");
    assert_eq!(err.waiting(), 1_000);
    let (delivered, waiting, lost) = only_sink(&exact(&llmobs));
    assert_eq!((delivered, waiting, lost.len()), (0, 1_000, 0));
    let spooled = exact(&llmobs).sinks.first().map(|sink| sink.spooled);
    assert_eq!(spooled, Some(1_000), "the batch in the sink's hand included");
    let crashed = crashed(directory.path());
    let (next, later) = scripted();
    drop(later.answers);
    let next = Builder::new().process_wide(false).spool(crashed.path()).sink(next).start();
    let next = next.expect("threads");
    next.shutdown(LONG).expect("this one answers");
    let all = later.offered.into_iter().flatten();
    assert_eq!(all.filter(|name| name != "report").collect::<Vec<_>>(), numbers(0..1_000));
    script.answer(Answer::Take);
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_opened_for_a_while_is_waited_for() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::away();
    let (llmobs, pauses) = start(&backend, directory.path());
    step(&llmobs, "in hand");
    pauses.pause();
    spooled(&llmobs, 0..10);
    let file = segments(directory.path()).pop().expect("there is one");
    let aside = file.with_extension("aside");
    fs::rename(&file, &aside).expect("it is there");
    // As with too many open files, nobody can open it, and it is not gone.
    std::os::unix::fs::symlink(&file, &file).expect("it can be made");
    backend.get().away = false;
    pauses.advance(Duration::from_secs(31));
    until(|| exact(&llmobs).sinks[0].delivered == 1);
    assert!(!pauses.pause().is_zero(), "it is not tried without a pause");
    let err = llmobs.flush(LONG).expect_err("they wait");
    assert_eq!((err.waiting(), err.spooled()), (10, 10));
    fs::remove_file(&file).and_then(|()| fs::rename(&aside, &file)).expect("both are there");
    until(|| {
        pauses.advance(Duration::from_secs(31));
        exact(&llmobs).sinks[0].waiting == 0
    });
    assert_eq!(exact(&llmobs).total(), 0);
    assert_eq!(backend.names()[1..], numbers(0..10));
    llmobs.shutdown(LONG).expect("nothing waits");
}

#[cfg(target_os = "linux")]
#[test]
fn a_batch_that_finds_room_on_disk_at_the_second_try_is_delivered_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::away();
    let (llmobs, pauses) = start(&backend, directory.path());
    let own = || {
        let below = fs::read_dir(directory.path().join("backend")).into_iter().flatten().flatten();
        below.map(|entry| entry.path()).next()
    };
    until(|| own().is_some());
    let file = own().expect("a directory").join("0000000000000001.spool");
    std::os::unix::fs::symlink("/dev/full", &file).expect("it can be made");
    step(&llmobs, "a");
    pauses.pause();
    assert_eq!(exact(&llmobs).sinks[0].spooled, 0, "the disk is full");
    assert_eq!(llmobs.flush(LONG).expect_err("it is away").spooled(), 1, "and then it is not");
    backend.get().away = false;
    until(|| {
        pauses.advance(Duration::from_secs(31));
        exact(&llmobs).sinks[0].waiting == 0
    });
    step(&llmobs, "b");
    llmobs.flush(LONG).expect("it is taken");
    assert_eq!(backend.names(), ["a", "b"]);
    assert_eq!(exact(&llmobs).sinks[0].delivered, 2);
}

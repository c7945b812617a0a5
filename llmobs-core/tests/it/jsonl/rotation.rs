//! Files put aside, by us and by others.

use std::fs;
use std::time::Duration;

use llmobs_core::testing::{FakeClock, samples};
use llmobs_core::{Clock, JsonLines, Record, Rotation};

use crate::support::{files, names, numbered, offer, offer_at};

fn meta_at(clock: &FakeClock) -> Record {
    Record { timestamp: Some(clock.now()), ..samples::file_start() }
}

#[test]
fn a_file_that_would_grow_too_large_is_put_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("llmobs.jsonl");
    let mut sink = JsonLines::open(&path).unwrap().rotation(Rotation::new().bytes(1_200));
    let clock = FakeClock::default();
    for n in 0..6 {
        offer_at(&mut sink, &[numbered(n)], &meta_at(&clock)).unwrap();
    }
    let aside = |n: &str| directory.path().join(format!("llmobs.20260101T000000Z{n}.jsonl"));
    assert_eq!(names(&aside("")), ["meta", "step 0", "step 1"]);
    assert_eq!(names(&aside("-2")), ["meta", "step 2", "step 3"]);
    assert_eq!(names(&path), ["meta", "step 4", "step 5"]);
    assert_eq!(sink.path(), path);
    for file in files(directory.path()) {
        assert!(fs::metadata(directory.path().join(&file)).unwrap().len() <= 1_200, "{file}");
    }
}

#[test]
fn a_batch_larger_than_the_limit_stays_in_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let mut sink = JsonLines::open(directory.path().join("llmobs.jsonl")).unwrap();
    sink = sink.rotation(Rotation::new().bytes(1));
    offer(&mut sink, &[numbered(1), numbered(2)]).unwrap();
    assert_eq!(files(directory.path()), ["llmobs.jsonl"]);
    assert_eq!(names(sink.path()), ["meta", "step 1", "step 2"]);
}

#[test]
fn a_file_is_put_aside_at_its_age_counted_over_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("llmobs.jsonl");
    let hour = Duration::from_secs(3_600);
    let clock = FakeClock::default();
    let open = || JsonLines::open(&path).unwrap().rotation(Rotation::new().age(hour));
    let mut sink = open();
    offer_at(&mut sink, &[numbered(1)], &meta_at(&clock)).unwrap();
    clock.advance(hour / 2);
    drop(sink);
    let mut sink = open();
    offer_at(&mut sink, &[numbered(2)], &meta_at(&clock)).unwrap();
    assert_eq!(files(directory.path()).len(), 1);
    clock.advance(hour / 2);
    offer_at(&mut sink, &[numbered(3)], &meta_at(&clock)).unwrap();
    assert_eq!(files(directory.path()), ["llmobs.20260101T010000Z.jsonl", "llmobs.jsonl"]);
    assert_eq!(names(&path), ["meta", "step 3"]);
}

#[test]
fn only_the_newest_files_of_this_name_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("llmobs.jsonl");
    let others = [
        "llmobs.1.20200101T000000Z.jsonl",
        "llmobs.20200101.jsonl",
        "llmobs.20200101T000000Z-x.jsonl",
        "llmobs.20200101T000000Z.jsonl.gz",
        "llmobs.backup.jsonl",
        "other.20200101T000000Z.jsonl",
    ];
    for other in others {
        fs::write(directory.path().join(other), "kept").unwrap();
    }
    fs::write(directory.path().join("llmobs.20200101T000000Z.jsonl"), "old").unwrap();
    let mut sink = JsonLines::open(&path).unwrap();
    sink = sink.rotation(Rotation::new().bytes(1).keep(2));
    let clock = FakeClock::default();
    for n in 0..12 {
        offer_at(&mut sink, &[numbered(n)], &meta_at(&clock)).unwrap();
    }
    clock.advance(Duration::from_secs(1));
    offer_at(&mut sink, &[numbered(12)], &meta_at(&clock)).unwrap();
    let mut left = files(directory.path());
    left.retain(|file| !others.contains(&file.as_str()));
    // The eleventh of a second is younger than the second.
    let expected =
        ["llmobs.20260101T000000Z-11.jsonl", "llmobs.20260101T000001Z.jsonl", "llmobs.jsonl"];
    assert_eq!(left, expected);
    assert_eq!(files(directory.path()).len(), others.len() + 3);
}

#[test]
fn a_file_moved_away_is_followed_by_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("llmobs.jsonl");
    let moved = directory.path().join("llmobs.jsonl.1");
    let mut sink = JsonLines::open(&path).unwrap();
    offer(&mut sink, &[numbered(1)]).unwrap();
    fs::rename(&path, &moved).unwrap();
    offer(&mut sink, &[numbered(2)]).unwrap();
    assert_eq!(names(&moved), ["meta", "step 1"]);
    assert_eq!(names(&path), ["meta", "step 2"]);

    fs::rename(&path, &moved).unwrap();
    fs::write(&path, "").unwrap();
    offer(&mut sink, &[numbered(3)]).unwrap();
    assert_eq!(names(&path), ["meta", "step 3"]);

    fs::remove_file(&path).unwrap();
    offer(&mut sink, &[numbered(4)]).unwrap();
    assert_eq!(names(&path), ["meta", "step 4"]);
}

#[test]
fn a_file_emptied_in_place_begins_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("llmobs.jsonl");
    let mut sink = JsonLines::open(&path).unwrap();
    offer(&mut sink, &[numbered(1)]).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    offer(&mut sink, &[numbered(2)]).unwrap();
    assert_eq!(names(&path), ["meta", "step 2"]);
}

#[cfg(unix)]
#[test]
fn rotation_behind_a_link_moves_the_file_and_not_the_link() {
    let directory = tempfile::tempdir().unwrap();
    let real = directory.path().join("real.jsonl");
    fs::write(&real, "").unwrap();
    let link = directory.path().join("link.jsonl");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let mut sink = JsonLines::open(&link).unwrap().rotation(Rotation::new().bytes(1));
    offer(&mut sink, &[numbered(1)]).unwrap();
    offer(&mut sink, &[numbered(2)]).unwrap();
    assert!(link.is_symlink());
    assert_eq!(names(&link), ["meta", "step 2"]);
    let found = files(directory.path());
    assert_eq!(found, ["link.jsonl", "real.20260101T000000Z.jsonl", "real.jsonl"]);
}

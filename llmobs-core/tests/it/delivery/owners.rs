//! Whose a spool is.

use std::fs;
use std::path::Path;

use llmobs_core::testing::FakePauses;
use llmobs_core::{Backoff, Batch, Builder, Outlet, Record, Sink, SinkError};

use super::{Backend, LONG, exact, numbers, step};
use crate::support::files;

/// A backend of any name.
#[derive(Clone, Debug)]
struct Named(Backend, String);

impl Sink for Named {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        self.0.deliver(batch)
    }

    fn name(&self) -> &str {
        &self.1
    }
}

fn builder(directory: &Path) -> Builder {
    let builder = Builder::new().process_wide(false).pauses(&FakePauses::default());
    builder.backoff(Backoff::new().offers(1)).spool(directory)
}

/// Leaves records for sinks of these names, each in a process of its own.
fn leave(directory: &Path, names: &[&str], range: std::ops::Range<u64>) {
    let sinks = names.iter().map(|name| Named(Backend::away(), (*name).to_owned()));
    let llmobs = sinks.fold(builder(directory), Builder::sink).start().expect("it starts");
    for name in numbers(range.clone()) {
        step(&llmobs, name);
    }
    let left = llmobs.shutdown(LONG).expect_err("the backends are away");
    assert_eq!(left.spooled(), range.end - range.start);
}

/// What a sink of this name finds there.
fn found(directory: &Path, name: &str) -> Vec<String> {
    let backend = Backend::default();
    let sink = Named(backend.clone(), name.to_owned());
    let llmobs = builder(directory).sink(sink).start().expect("it starts");
    llmobs.shutdown(LONG).expect("all is taken");
    let recovered: u64 = exact(&llmobs).sinks.iter().map(|sink| sink.recovered).sum();
    assert_eq!(recovered, backend.names().len() as u64);
    backend.names()
}

/// Takes the owner from the names of all directories of a sink.
pub(super) fn disown(place: &Path) {
    for name in files(place) {
        let (before, _owner) = name.rsplit_once('-').expect("it has parts");
        assert_eq!(before.split('-').count(), 3, "time, process, number");
        fs::rename(place.join(&name), place.join(before)).expect("another name");
    }
}

#[test]
fn what_one_sink_leaves_is_never_taken_over_by_another_whose_name_looks_alike() {
    let long = |end: &str| "x".repeat(64) + end;
    let alike = [["a.b", "a_b"], ["otlp@a:1", "otlp_a:1"], [&long("1"), &long("2")]];
    for [one, other] in alike {
        let directory = tempfile::tempdir().expect("a directory");
        leave(directory.path(), &[one], 0..10);
        leave(directory.path(), &[other], 10..20);
        assert_eq!(files(directory.path()).len(), 1, "they share a place");
        assert_eq!(found(directory.path(), other), numbers(10..20), "{other}");
        assert_eq!(found(directory.path(), other), numbers(0..0), "{other}");
        assert_eq!(found(directory.path(), one), numbers(0..10), "{one}");
    }
}

#[test]
fn nor_by_one_that_is_called_as_the_second_of_its_name_is_on_disk() {
    let directory = tempfile::tempdir().expect("a directory");
    leave(directory.path(), &["backend", "backend"], 0..10);
    leave(directory.path(), &["backend-2"], 10..20);
    assert_eq!(files(directory.path()), ["backend", "backend-2"]);
    assert_eq!(found(directory.path(), "backend-2"), numbers(10..20));
    assert_eq!(found(directory.path(), "backend"), numbers(0..10));
    let (first, second) = (Backend::default(), Backend::default());
    let sinks = [&first, &second].map(|backend| Named(backend.clone(), "backend".to_owned()));
    let llmobs = sinks.into_iter().fold(builder(directory.path()), Builder::sink);
    llmobs.start().expect("it starts").shutdown(LONG).expect("all is taken");
    assert_eq!((first.names(), second.names()), (numbers(0..0), numbers(0..10)));
}

#[test]
fn nor_by_one_that_is_called_as_a_way_out_of_an_exporter() {
    let directory = tempfile::tempdir().expect("a directory");
    let outlets = |backend: &Backend, pushed: usize| {
        let llmobs = builder(directory.path()).start().expect("it starts");
        let sink = Named(backend.clone(), "same".to_owned());
        let outlet = llmobs.outlet(sink).expect("a thread");
        (0..pushed)
            .for_each(|n| outlet.push(Record { name: Some(n.to_string()), ..Record::default() }));
        Outlet::end(&[outlet]);
        let _ = llmobs.shutdown(LONG);
    };
    outlets(&Backend::away(), 10);
    leave(directory.path(), &["same"], 10..20);
    assert_eq!(found(directory.path(), "same"), numbers(10..20));
    let backend = Backend::default();
    outlets(&backend, 0);
    assert_eq!(backend.names(), numbers(0..10));
}

#[test]
fn what_was_left_before_it_said_whose_it_is_is_found_where_it_was() {
    let directory = tempfile::tempdir().expect("a directory");
    leave(directory.path(), &["a.b"], 0..10);
    let place = directory.path().join("a_b");
    disown(&place);
    assert_eq!(found(directory.path(), "a.b"), numbers(0..10));
    assert!(files(&place).is_empty());
}

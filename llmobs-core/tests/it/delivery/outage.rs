//! A sink that is away for a while, and what waits for it meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use llmobs_core::testing::{CountingIds, FakePauses};
use llmobs_core::{Backoff, Builder, Limits, Llmobs, LossCause, Recorder};

use super::{Answer, Backend, LONG, builder, exact, numbers, only_sink, scripted, step, until};

const SECOND: Duration = Duration::from_secs(1);

/// A recorder whose pauses the test makes.
fn start(backend: &Backend, configure: impl FnOnce(Builder) -> Builder) -> (Llmobs, FakePauses) {
    let pauses = FakePauses::default();
    let builder = Builder::new().ids(CountingIds::default()).process_wide(false);
    let builder = builder.pauses(&pauses).sink(backend.clone());
    (configure(builder).start().expect("threads"), pauses)
}

/// Each of the steps has been recorded and handed to the sinks.
fn handed_over(recorder: &Recorder) {
    until(|| recorder.losses().open == 0);
}

/// One thousand steps a second, for as many seconds.
fn traffic(llmobs: &Llmobs, pauses: &FakePauses, seconds: u64) {
    for n in 0..seconds {
        for name in numbers(n * 1_000..(n + 1) * 1_000) {
            step(llmobs, name);
        }
        handed_over(llmobs);
        pauses.advance(SECOND);
        exact(llmobs);
    }
}

/// The same records, in order, and each once.
#[track_caller]
fn same(taken: &[String], given: &[String]) {
    let differ = taken.iter().zip(given).find(|(taken, given)| taken != given);
    assert_eq!((differ, taken.len()), (None, given.len()));
}

fn come_back(backend: &Backend, pauses: &FakePauses, llmobs: &Llmobs) {
    // A flush does not wait for a sink that is down, and leaves nothing on the way to it.
    until(|| {
        pauses.advance(SECOND);
        backend.get().offers >= 5
    });
    llmobs.flush(LONG).expect_err("it is still away");
    backend.get().away = false;
    pauses.advance(31 * SECOND);
    until(|| llmobs.losses().sinks.iter().all(|sink| sink.waiting == 0));
}

#[test]
fn an_outage_of_a_minute_loses_nothing_with_a_spool() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::away();
    let mut limits = Limits::default();
    // What finds no room in memory finds it on disk, also before the sink is taken to be down.
    limits.sink_records = 5_000;
    let (llmobs, pauses) = start(&backend, |b| b.spool(directory.path()).limits(limits));
    traffic(&llmobs, &pauses, 60);
    let (delivered, waiting, lost) = only_sink(&exact(&llmobs));
    assert_eq!((delivered, waiting, lost.len()), (0, 60_000, 0));
    assert!(backend.get().offers < 15, "it is not hammered: {}", backend.get().offers);

    come_back(&backend, &pauses, &llmobs);
    same(&backend.names(), &numbers(0..60_000));
    // After a minute a report tells of what is on disk.
    assert_eq!(only_sink(&exact(&llmobs)), (60_001, 0, BTreeMap::new()));
    llmobs.shutdown(LONG).expect("all is delivered");
    assert_eq!(exact(&llmobs).sinks[0].spooled, 0);
    let left = crate::support::files(&directory.path().join("backend"));
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_outage_of_a_minute_loses_what_finds_no_room_and_nothing_else_without_a_spool() {
    let backend = Backend::away();
    let mut limits = Limits::default();
    limits.sink_records = 10_000;
    let (llmobs, pauses) = start(&backend, |b| b.limits(limits));
    traffic(&llmobs, &pauses, 60);
    come_back(&backend, &pauses, &llmobs);
    let (delivered, waiting, lost) = only_sink(&exact(&llmobs));
    let full = lost.get(&LossCause::SinkQueueFull).copied().unwrap_or(0);
    assert_eq!((waiting, lost.len()), (0, 1));
    // The batch in the sink's hand is not in the queue.
    let names = backend.names();
    assert!((10_000..=12_048).contains(&names.len()), "{}", names.len());
    // A report of the losses may be among what is delivered or lost.
    assert!(matches!(delivered + full, 60_000 | 60_001), "{delivered} and {full}");
    assert!(matches!(delivered - names.len() as u64, 0 | 1), "{delivered}");
    same(&names, &numbers(0..names.len() as u64));
}

#[test]
fn a_short_outage_costs_nothing_but_time() {
    let backend = Backend::away();
    let (llmobs, pauses) = start(&backend, |b| b);
    traffic(&llmobs, &pauses, 10);
    come_back(&backend, &pauses, &llmobs);
    assert_eq!(only_sink(&exact(&llmobs)), (10_000, 0, BTreeMap::new()));
    assert_eq!(backend.names(), numbers(0..10_000));
}

#[test]
fn a_sink_that_is_down_is_probed_at_growing_intervals() {
    let backend = Backend::away();
    let (llmobs, pauses) = start(&backend, |b| b);
    step(&llmobs, "a");
    let mut made = Vec::new();
    for offers in 1..=12 {
        until(|| backend.get().offers == offers);
        let pause = pauses.pause();
        made.push(pause.as_millis());
        pauses.advance(pause);
    }
    let longest =
        [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000, 30_000];
    for (made, longest) in made.iter().zip(longest) {
        assert!(*made <= longest && *made >= longest / 2, "{made} of {longest}");
    }
    let (delivered, waiting, lost) = only_sink(&exact(&llmobs));
    assert_eq!((delivered, waiting, lost.len()), (0, 1, 0));
}

#[test]
fn the_pause_that_a_destination_asks_for_is_made() {
    let backend = Backend::away();
    backend.get().retry_after = Some(90 * SECOND);
    let (llmobs, pauses) = start(&backend, |b| b);
    step(&llmobs, "a");
    assert_eq!(pauses.pause(), 90 * SECOND);
    backend.get().away = false;
    pauses.advance(89 * SECOND);
    assert_eq!(pauses.pause(), SECOND);
    assert_eq!(backend.get().offers, 1);
    pauses.advance(SECOND);
    llmobs.flush(LONG).expect("it has been taken");
}

/// Lets pauses pass, until all has been delivered or lost; gives the names that were delivered.
fn settled(llmobs: &Llmobs, pauses: &FakePauses, backend: &Backend) -> Vec<String> {
    until(|| {
        pauses.advance(SECOND);
        let losses = exact(llmobs);
        losses.open == 0 && losses.sinks.iter().all(|sink| sink.waiting == 0)
    });
    backend.names()
}

#[test]
fn a_record_that_is_never_taken_does_not_stop_the_others() {
    let directory = tempfile::tempdir().expect("a directory");
    for spool in [false, true] {
        for poison in [0, 500, 999] {
            let backend = Backend::default();
            backend.get().poison = Some(poison.to_string());
            let (llmobs, pauses) = start(&backend, |b| match spool {
                true => b.spool(directory.path()),
                false => b,
            });
            for name in numbers(0..1_000) {
                step(&llmobs, name);
            }
            handed_over(&llmobs);
            until(|| {
                pauses.advance(SECOND);
                backend.names().len() >= poison
            });
            // Nobody can tell a record that is refused from a sink that is down until there is another.
            step(&llmobs, "last");
            let mut expected = numbers(0..1_000);
            expected.remove(poison);
            expected.push("last".into());
            let names = settled(&llmobs, &pauses, &backend);
            same(&names, &expected);
            let lost = exact(&llmobs).sinks[0].lost.clone();
            assert_eq!(lost, BTreeMap::from([(LossCause::SinkFailed, 1)]));
        }
    }
}

#[test]
fn a_record_alone_in_its_file_that_is_never_taken_stops_nobody_either() {
    let directory = tempfile::tempdir().expect("a directory");
    let away = Backend::away();
    let configure = |b: Builder| b.spool(directory.path()).backoff(Backoff::new().offers(1));
    let (first, pauses) = start(&away, configure);
    step(&first, "poison");
    pauses.pause();
    first.shutdown(LONG).expect_err("the sink is away");

    let backend = Backend::default();
    backend.get().poison = Some("poison".into());
    let (llmobs, pauses) = start(&backend, configure);
    for name in numbers(0..10) {
        step(&llmobs, name);
    }
    until(|| llmobs.losses().recorded >= 10 && exact(&llmobs).sinks[0].recovered == 1);
    assert_eq!(settled(&llmobs, &pauses, &backend).len(), 10);
    let losses = exact(&llmobs);
    assert_eq!(losses.sinks[0].lost, BTreeMap::from([(LossCause::SinkFailed, 1)]));
}

#[test]
fn an_outage_of_hours_keeps_the_order() {
    let directory = tempfile::tempdir().expect("a directory");
    for spool in [false, true] {
        let backend = Backend::away();
        let (llmobs, pauses) = start(&backend, |b| match spool {
            true => b.spool(directory.path()),
            false => b,
        });
        for name in numbers(0..3_000) {
            step(&llmobs, name);
        }
        handed_over(&llmobs);
        // Long enough that no more than one record is offered at once.
        until(|| {
            pauses.advance(60 * SECOND);
            backend.get().offers > 40
        });
        // Not between two offers: to find out which record is refused, one goes before another then.
        pauses.pause();
        backend.get().away = false;
        same(&settled(&llmobs, &pauses, &backend), &numbers(0..3_000));
        assert_eq!(exact(&llmobs).total(), 0);
        let largest = backend.get().batches.iter().max().copied();
        assert!(largest > Some(500), "batches grow again: {largest:?}");
    }
}

#[test]
fn a_flush_does_not_wait_for_a_sink_that_is_down() {
    let backend = Backend::away();
    let down_at_once = Backoff::new().offers(1);
    let (llmobs, pauses) = start(&backend, |b| b.backoff(down_at_once));
    step(&llmobs, "a");
    pauses.pause();
    step(&llmobs, "b");
    let err = llmobs.flush(Duration::MAX).unwrap_err();
    assert_eq!((err.waiting(), err.spooled()), (2, 0));
    assert_eq!(err.failed_sinks(), ["backend"], "what is in memory alone is not durable");

    // Once a second it is worth another try.
    backend.get().away = false;
    pauses.advance(SECOND);
    llmobs.flush(LONG).expect("the sink was tried again");
    assert_eq!(backend.names(), ["a", "b"]);
}

#[test]
fn a_flush_brings_what_waits_to_disk_and_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::away();
    let down_at_once = Backoff::new().offers(1);
    let configure = |b: Builder| b.backoff(down_at_once).spool(directory.path());
    let (llmobs, pauses) = start(&backend, configure);
    step(&llmobs, "a");
    pauses.pause();
    let err = llmobs.flush(Duration::MAX).unwrap_err();
    assert_eq!((err.waiting(), err.spooled()), (1, 1));
    assert!(err.failed_sinks().is_empty());
    assert_eq!(err.to_string(), "not everything was delivered: 1 record is left (1 on disk)");
    assert_eq!(exact(&llmobs).sinks[0].spooled, 1);
    backend.get().away = false;
    pauses.advance(SECOND);
    llmobs.flush(LONG).expect("nothing waits");
}

#[test]
fn a_flush_that_runs_out_of_time_leaves_on_disk_what_a_sink_does_not_answer_to() {
    let directory = tempfile::tempdir().expect("a directory");
    let (sink, script) = scripted();
    let llmobs = builder().sink(sink).spool(directory.path()).start().expect("threads");
    let spooled = |records| until(|| llmobs.losses().sinks[0].spooled == records);
    step(&llmobs, "a");
    assert_eq!(script.offered(), ["a"], "it is in the sink's hands, which does not let go");
    assert!(llmobs.flush(Duration::ZERO).unwrap_err().is_late());
    spooled(1);
    step(&llmobs, "b");
    handed_over(&llmobs);
    let late = futures_lite::future::block_on(llmobs.flush_async(Duration::ZERO));
    assert!(late.unwrap_err().is_late());
    spooled(2);
    exact(&llmobs);

    // It is no loss, and goes out once.
    script.answer(Answer::Take);
    assert_eq!(script.offered(), ["b"]);
    script.answer(Answer::Take);
    llmobs.flush(LONG).expect("all is delivered");
    assert_eq!(only_sink(&exact(&llmobs)), (2, 0, BTreeMap::new()));
}

#[test]
fn a_shutdown_makes_one_last_offer_and_leaves_the_rest_on_disk() {
    let directory = tempfile::tempdir().expect("a directory");
    let backend = Backend::away();
    let configure = |b: Builder| b.spool(directory.path()).backoff(Backoff::new().offers(2));
    let (llmobs, pauses) = start(&backend, configure);
    step(&llmobs, "a");
    pauses.advance(pauses.pause());
    until(|| backend.get().offers == 2);
    step(&llmobs, "b");
    let err = llmobs.shutdown(Duration::MAX).unwrap_err();
    assert_eq!((err.waiting(), err.spooled()), (2, 2));
    assert_eq!(backend.get().offers, 3);
    let (delivered, waiting, lost) = only_sink(&exact(&llmobs));
    assert_eq!((delivered, waiting, lost.len()), (0, 2, 0));

    backend.get().away = false;
    let (next, _) = start(&backend, |b| b.spool(directory.path()));
    step(&next, "c");
    next.shutdown(LONG).expect("the backend is back");
    assert_eq!(backend.names(), ["a", "b", "c"], "older ones first");
    let losses = exact(&next);
    assert_eq!((only_sink(&losses).2.len(), losses.sinks[0].waiting), (0, 0));
    assert_eq!(losses.sinks[0].recovered, 2);
}

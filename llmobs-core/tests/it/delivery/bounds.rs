//! What may wait in memory.

use std::time::Duration;

use llmobs_core::testing::CountingIds;
use llmobs_core::{Builder, Limits, LossCause, Record};

use super::{Answer, Backend, LONG, builder, exact, only_sink, scripted, step, until};

/// A record of about a megabyte.
fn large(n: usize) -> Record {
    let mut record = Record { name: Some(n.to_string()), ..Record::default() };
    record.attributes.insert("text".into(), "x".repeat(1 << 20).into());
    record
}

#[test]
fn records_wait_up_to_a_number_of_bytes() {
    let (sink, script) = scripted();
    let mut limits = Limits::default();
    limits.sink_bytes = 3 << 20;
    let llmobs = builder().limits(limits).sink(sink).start().expect("threads");
    step(&llmobs, "in hand");
    script.offered();
    for n in 0..5 {
        llmobs.record(large(n));
    }
    until(|| llmobs.losses().open == 0 && llmobs.losses().total() > 0);
    let (delivered, waiting, lost) = only_sink(&exact(&llmobs));
    assert_eq!((delivered, waiting), (0, 3));
    assert_eq!(lost.get(&LossCause::SinkQueueFull), Some(&3));
    script.answer(Answer::Take);
    assert_eq!(script.offered(), ["0", "1"]);
    drop(script.answers);
    llmobs.flush(LONG).expect_err("three were lost");
    assert_eq!(exact(&llmobs).sinks[0].delivered, 3);
}

#[test]
fn a_single_record_finds_room_however_large_it_is() {
    let (sink, script) = scripted();
    drop(script.answers);
    let mut limits = Limits::default();
    limits.sink_bytes = 1_000;
    let llmobs = builder().limits(limits).sink(sink).start().expect("threads");
    llmobs.record(large(0));
    llmobs.flush(LONG).expect("it was taken");
}

#[test]
fn a_batch_is_bounded_in_bytes_too() {
    let (sink, script) = scripted();
    let last = Backend::default();
    let llmobs = builder().sink(sink).sink(last.clone()).start().expect("threads");
    step(&llmobs, "in hand");
    script.offered();
    for n in 0..10 {
        llmobs.record(large(n));
    }
    // The last sink has all, so the first was given them before.
    until(|| last.names().len() == 11);
    drop(script.answers);
    llmobs.flush(LONG).expect("all are taken");
    let batches: Vec<_> = script.offered.try_iter().map(|batch| batch.len()).collect();
    assert_eq!(batches, [7, 3]);
}

#[test]
fn a_burst_of_a_million_is_delivered_or_counted() {
    let (sink, script) = scripted();
    drop(script.answers);
    let llmobs = Builder::new()
        .ids(CountingIds::default())
        .process_wide(false)
        .sink(sink)
        .start()
        .expect("threads");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250_000 {
                    llmobs.record(Record::default());
                }
            });
        }
    });
    let _ = llmobs.shutdown(Duration::from_secs(60));
    let losses = exact(&llmobs);
    assert_eq!(losses.open, 0);
    // The report at the end is a record as well.
    let begun = losses.recorded + losses.lost.values().sum::<u64>();
    assert!(matches!(begun, 1_000_000 | 1_000_001), "{losses:?}");
    let sink = &losses.sinks[0];
    let causes = [LossCause::QueueFull, LossCause::SinkQueueFull];
    assert!(losses.by_cause().keys().all(|cause| causes.contains(cause)), "{losses:?}");
    assert_eq!(sink.waiting, 0);
    let arrived: u64 = script.offered.try_iter().map(|batch| batch.len() as u64).sum();
    assert_eq!(arrived, sink.delivered);
}

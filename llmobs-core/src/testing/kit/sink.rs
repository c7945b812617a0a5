//! The kit for destinations.

use std::sync::Arc;
use std::time::Duration;

use super::odd_records;
use crate::lifecycle::Builder;
use crate::record::{Record, StepKind};
use crate::sink::{Batch, Sink};
use crate::testing::samples;

/// Checks a sink that is able to take records, made twice by `make`.
///
/// It must take every record the types allow, one by one and many at once, flush at any time, keep
/// its name, and account for what a recorder hands it. Gives the records the first one was handed,
/// in order, for comparison with what has arrived.
///
/// # Panics
///
/// When the sink does not.
#[track_caller]
pub fn check_sink<S: Sink>(make: impl Fn() -> S) -> Vec<Record> {
    let meta = samples::file_start();
    let mut sink = make();
    let name = sink.name().to_owned();
    assert!(!name.trim().is_empty(), "a sink has a name, for counts and messages");
    let flushed = sink.flush();
    assert!(flushed.is_ok(), "{name}: a flush before any record failed: {flushed:?}");

    let mut given: Vec<_> = samples::all().into_iter().map(Arc::new).collect();
    given.extend(odd_records().into_iter().map(Arc::new));
    for record in given.chunks(1) {
        let taken = sink.deliver(&Batch { records: record, meta: &meta });
        assert!(taken.is_ok(), "{name}: a record was not taken: {taken:?}: {record:?}");
    }
    let many: Vec<_> = given.iter().cycle().take(512).cloned().collect();
    let taken = sink.deliver(&Batch { records: &many, meta: &meta });
    assert!(taken.is_ok(), "{name}: a batch of {} was not taken: {taken:?}", many.len());
    given.extend(many);
    for _ in 0..2 {
        let flushed = sink.flush();
        assert!(flushed.is_ok(), "{name}: a flush failed: {flushed:?}");
    }
    assert_eq!(sink.name(), name, "a sink keeps its name");
    drop(sink);

    driven(make(), &name);
    given.into_iter().map(|record| (*record).clone()).collect()
}

/// Lets a recorder hand over records.
#[track_caller]
fn driven(sink: impl Sink, name: &str) {
    const LONG: Duration = Duration::from_secs(30);
    const N: u64 = 1_000;
    let started = Builder::new().process_wide(false).sink(sink).start();
    let Ok(llmobs) = started else { return assert!(started.is_ok(), "threads can be started") };
    for n in 0..N {
        llmobs.step(StepKind::Tool, format!("step {n}")).end();
    }
    let flushed = llmobs.flush(LONG);
    assert!(flushed.is_ok(), "{name}: a flush of the recorder failed: {flushed:?}");
    let ended = llmobs.shutdown(LONG);
    assert!(ended.is_ok(), "{name}: the recorder could not end well: {ended:?}");
    let losses = llmobs.losses();
    let delivered = losses.sinks.first().map(|sink| sink.delivered);
    assert_eq!(delivered, Some(N), "{name}: records were lost: {losses:?}");
}

//! The kit for rules.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::odd_records;
use crate::processor::{Processor, Verdict};
use crate::record::Record;
use crate::testing::samples;

/// Checks a rule, made twice by `make`.
///
/// It must not panic over any record the types allow, flush at any time, and leave a record it
/// keeps what it was: its kind, its ids and its time. Through a recorder, every record is either
/// kept or counted as refused. Gives the records it kept, as it left them.
///
/// # Panics
///
/// When the rule does not.
#[track_caller]
pub fn check_processor<P: Processor>(make: impl Fn() -> P) -> Vec<Record> {
    let mut rule = make();
    let name = rule.name().to_owned();
    assert!(!name.trim().is_empty(), "a rule has a name, for messages");
    rule.flush();
    let records: Vec<_> = samples::all().into_iter().chain(odd_records()).collect();
    let mut kept = Vec::new();
    for before in &records {
        let mut after = before.clone();
        let verdict = catch_unwind(AssertUnwindSafe(|| rule.process(&mut after)));
        assert!(verdict.is_ok(), "{name}: it panicked over {before:?}");
        if verdict.is_ok_and(|verdict| verdict == Verdict::Keep) {
            assert_same(before, &after, &name);
            kept.push(after);
        }
    }
    rule.flush();
    assert_eq!(rule.name(), name, "a rule keeps its name");
    drop(rule);

    let rule = make();
    let recording = crate::testing::Recording::with(|builder| builder.processor(rule));
    for record in &records {
        recording.recorder().record(record.clone());
    }
    let arrived = recording.take().len() as u64;
    let losses = recording.recorder().losses();
    assert_eq!(losses.total(), 0, "{name}: records were lost: {losses:?}");
    assert_eq!(losses.recorded, arrived);
    assert_eq!(losses.recorded + losses.refused_by_rule, records.len() as u64, "{losses:?}");
    kept
}

/// What a rule must leave alone.
#[track_caller]
fn assert_same(before: &Record, after: &Record, rule: &str) {
    let identity = |record: &Record| {
        let Record { kind, request_id, trace_id, span_id, parent_span_id, timestamp, .. } = record;
        (*kind, *request_id, *trace_id, *span_id, *parent_span_id, *timestamp)
    };
    let same = identity(before) == identity(after);
    assert!(same, "{rule}: the kind, an id or the time of a record was changed: {after:?}");
    let json = serde_json::to_string(after);
    assert!(json.is_ok(), "{rule}: the record cannot be written any more: {json:?}");
}

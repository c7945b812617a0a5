//! Records as text a person can read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use llmobs_core::testing::Recording;
use llmobs_core::{Outcome, Record, SpanId};
use tokio::runtime::Builder;

/// What `run` recorded, one step a line in the order they began: children below their parents and
/// further in, outcome and error where the step did not complete.
pub(crate) fn steps<R>(run: impl FnOnce() -> R) -> String {
    let recording = Recording::new();
    let _result = recording.scope().run_sync(run);
    tree(&recording)
}

/// The same for a future, on a runtime of one thread.
pub(crate) fn async_steps(run: impl Future) -> String {
    let recording = Recording::new();
    let runtime = Builder::new_current_thread().build().expect("a runtime starts");
    let _result = runtime.block_on(recording.scope().run(run));
    tree(&recording)
}

pub(crate) fn tree(recording: &Recording) -> String {
    let records = recording.records();
    let mut below: BTreeMap<Option<SpanId>, Vec<&Record>> = BTreeMap::new();
    for record in &records {
        below.entry(record.parent_span_id).or_default().push(record);
    }
    let mut text = String::new();
    write(&mut text, &mut below, None, 0);
    assert!(below.is_empty(), "steps without their parents: {below:?}");
    text
}

fn write(
    text: &mut String,
    below: &mut BTreeMap<Option<SpanId>, Vec<&Record>>,
    parent: Option<SpanId>,
    depth: usize,
) {
    let mut records = below.remove(&parent).unwrap_or_default();
    records.sort_by_key(|record| record.span_id);
    for record in records {
        let name = record.name.as_deref().expect("a step has a name");
        let kind = record.step.expect("a step has a kind").as_str();
        let _ = write!(text, "{:depth$}{name}: {kind}", "", depth = depth * 2);
        match record.outcome.expect("a step has ended") {
            Outcome::Completed => {}
            outcome => {
                let _ = write!(text, ", {}", outcome.as_str());
            }
        }
        if let Some(failure) = &record.error {
            let error = &failure.kind;
            let _ = write!(text, " by {error}");
        }
        text.push('\n');
        write(text, below, record.span_id, depth + 1);
    }
}

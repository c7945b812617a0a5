//! What several tests need.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use llmobs_core::testing::samples;
use llmobs_core::{Batch, Closing, Event, EventFacts, Fold, Record, Sink, SinkError};

/// A record that can be told from others.
pub(crate) fn numbered(n: usize) -> Arc<Record> {
    Arc::new(Record { name: Some(format!("step {n}")), ..samples::step() })
}

/// Offers records to a sink, under the usual first line.
pub(crate) fn offer(sink: &mut impl Sink, records: &[Arc<Record>]) -> Result<(), SinkError> {
    offer_at(sink, records, &samples::file_start())
}

pub(crate) fn offer_at(
    sink: &mut impl Sink,
    records: &[Arc<Record>],
    meta: &Record,
) -> Result<(), SinkError> {
    sink.deliver(&Batch { records, meta })
}

/// The lines of a file, each a record; `meta` for those that are facts about the file.
pub(crate) fn names(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("the file can be read");
    assert!(text.is_empty() || text.ends_with('\n'), "half a line in {text:?}");
    let name = |line: &str| {
        let record: Record = serde_json::from_str(line).expect("each line is a record");
        record.name.unwrap_or_else(|| "meta".to_owned())
    };
    text.lines().map(name).collect()
}

/// What a directory holds.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("the directory can be read");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("the directory can be read").file_name().into_string().expect("UTF-8")
    };
    let mut files: Vec<_> = entries.map(name).collect();
    files.sort();
    files
}

/// Finds nothing in an answer.
#[derive(Debug)]
pub(crate) struct NoAnswer;

impl Fold for NoAnswer {
    fn event(&mut self, _: &Event<'_>) -> EventFacts {
        EventFacts::default()
    }

    fn body(&mut self, _: &[u8]) -> bool {
        true
    }

    fn finish(self: Box<Self>, _: &mut Record) -> Closing {
        Closing::default()
    }
}

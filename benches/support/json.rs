//! JSON lines against `serde_json` into a buffer that is used again, and one write for each batch.
//!
//! Both are given the same records, by the same references, on the same thread: what is compared is
//! [`Sink::deliver`] with a loop around `serde_json::to_writer`. In the rows through a recorder there is,
//! beside the sink, all that a record passes before: queue, worker, and the thread of the sink.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use llmobs_core::{Batch, Builder, JsonLines, LocalBackend, Record, Sink};

use crate::{PATIENCE, RECORDS, callgrind, cpu, ready};

/// Times that sides are measured, one after the other and then the other way round.
const TURNS: usize = 40;

/// Where the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    File,
    Nowhere,
}

pub(crate) fn report() {
    let records = arcs();
    let lines: usize = records.iter().map(|record| line(record).len() + 1).sum();
    println!(
        "| lines of {} bytes | records a batch | `serde_json`, ns a record | again (noise), ratio | ours, ratio | quartiles | instructions, ratio |",
        lines / records.len()
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for batch in [2_048, 64, 1] {
        for (name, to) in [("to a file", To::File), ("thrown away", To::Nowhere)] {
            let row = Row::of(|turn| turned(turn, |side| sink(&records, batch, to, side)));
            let instructions = (to == To::File).then(|| instructions(batch)).flatten();
            row.print(name, &batch.to_string(), instructions);
        }
    }
    let row = Row::of(|turn| turned(turn, |side| whole(&records, side)));
    row.print("to a file, through a recorder", "as they come", None);
}

/// What each side took a record, in nanoseconds, turn by turn: `serde_json`, the same again, ours.
struct Row(Vec<[f64; 3]>);

impl Row {
    fn of(turn: impl Fn(usize) -> [f64; 3]) -> Self {
        Self((0..TURNS).map(turn).collect())
    }

    /// The quartiles of a figure.
    fn quartiles(&self, figure: impl Fn(&[f64; 3]) -> f64) -> [f64; 3] {
        let mut all: Vec<f64> = self.0.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        [1, 2, 3].map(|quarter| all[quarter * (all.len() - 1) / 4])
    }

    fn print(&self, name: &str, batch: &str, instructions: Option<f64>) {
        let [_, bare, _] = self.quartiles(|[bare, ..]| *bare);
        let [_, again, _] = self.quartiles(|[bare, again, _]| again / bare);
        let [low, ours, high] = self.quartiles(|[bare, _, ours]| ours / bare);
        let instructions = instructions.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        println!(
            "| {name} | {batch} | {bare:.0} | {again:.2} | {ours:.2} | {low:.2} … {high:.2} | {instructions} |"
        );
    }
}

/// Measures the sides, the last one first in every other turn.
fn turned(turn: usize, measure: impl Fn(usize) -> f64) -> [f64; 3] {
    let (mut took, mut order) = ([0.0; 3], [0, 1, 2]);
    if turn % 2 == 1 {
        order.reverse();
    }
    for side in order {
        took[side] = measure(side) / RECORDS as f64;
    }
    took
}

/// The sink alone (the last side), or `serde_json`: what all records take, once a batch has been written.
fn sink(records: &[Arc<Record>], batch: usize, to: To, side: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lines.jsonl");
    let first = &records[..batch];
    if side < 2 {
        let (mut out, mut buffer) = (plain_to(&path, to), Vec::new());
        plain(first, batch, &mut buffer, &mut out);
        timed(|| plain(records, batch, &mut buffer, &mut out))
    } else {
        let mut sink: Box<dyn Sink> = match to {
            To::File => Box::new(JsonLines::open(&path).expect("it can be opened")),
            To::Nowhere => Box::new(JsonLines::writer(std::io::sink())),
        };
        ours(first, batch, &mut *sink);
        timed(|| ours(records, batch, &mut *sink))
    }
}

/// A recorder with the sink (the last side), or `serde_json`.
fn whole(records: &[Arc<Record>], side: usize) -> f64 {
    if side < 2 {
        return sink(records, 512, To::File, side);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let sink = JsonLines::open(folder.path().join("lines.jsonl")).expect("it can be opened");
    let builder = Builder::new().backend(LocalBackend).sink(sink).process_wide(false);
    let llmobs = builder.start().expect("it starts");
    let ready = |records: &[Arc<Record>]| -> Vec<_> {
        records.iter().map(|record| Record::clone(record)).collect()
    };
    let (first, records) = (ready(&records[..512]), ready(records));
    let give = |records: Vec<Record>| {
        records.into_iter().for_each(|record| llmobs.recorder().record(record));
        llmobs.flush(PATIENCE).expect("everything is written");
    };
    give(first);
    timed(|| give(records))
}

fn arcs() -> Vec<Arc<Record>> {
    ready::small(RECORDS).into_iter().map(Arc::new).collect()
}

fn line(record: &Record) -> Vec<u8> {
    serde_json::to_vec(record).expect("it can be written as JSON")
}

fn timed(run: impl FnOnce()) -> f64 {
    let before = cpu::nanos().unwrap_or_default();
    run();
    cpu::nanos().unwrap_or_default() - before
}

/// Ours over `serde_json`, both to files.
fn instructions(batch: usize) -> Option<f64> {
    let threads =
        callgrind::available().then(|| callgrind::run(&["json".to_owned(), batch.to_string()]))?;
    let count = |name| threads.iter().map(|thread| thread.function(name)).sum::<f64>();
    Some(count("json::ours") / count("json::plain"))
}

/// What callgrind counts.
pub(crate) fn counted(batch: usize) {
    let records = arcs();
    let folder = tempfile::tempdir().expect("a folder");
    let mut out = plain_to(&folder.path().join("plain.jsonl"), To::File);
    let mut sink = JsonLines::open(folder.path().join("ours.jsonl")).expect("it can be opened");
    plain(&records, batch, &mut Vec::new(), &mut out);
    ours(&records, batch, &mut sink);
}

fn plain_to(path: &Path, to: To) -> Box<dyn Write> {
    match to {
        To::File => Box::new(File::create(path).expect("it can be written")),
        To::Nowhere => Box::new(std::io::sink()),
    }
}

#[inline(never)]
fn plain(records: &[Arc<Record>], batch: usize, buffer: &mut Vec<u8>, out: &mut dyn Write) {
    for batch in records.chunks(batch) {
        buffer.clear();
        for record in batch {
            serde_json::to_writer(&mut *buffer, &**record).expect("it can be written as JSON");
            buffer.push(b'\n');
        }
        out.write_all(black_box(buffer)).expect("it is taken");
    }
}

#[inline(never)]
fn ours(records: &[Arc<Record>], batch: usize, sink: &mut dyn Sink) {
    let meta = llmobs_core::testing::samples::file_start();
    for batch in records.chunks(batch) {
        sink.deliver(&Batch { records: batch, meta: &meta }).expect("it is taken");
    }
}

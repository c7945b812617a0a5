//! JSON lines against `serde_json` into a buffer that is used again, and one write for each batch.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;

use llmobs_core::{Batch, JsonLines, Record, Sink};
use serde::Serialize;

use crate::{RECORDS, TURNS, callgrind, cpu, ready};

/// Where the bytes go.
type Out = Box<dyn Write + Send>;

pub(crate) fn report() {
    let records = arcs();
    let lines: usize = records.iter().map(|record| line(record).len() + 1).sum();
    println!(
        "| lines of {} bytes | records a batch | `serde_json`, ns a record | ours | ratio | `serde_json`, instructions a record | ours | ratio |",
        lines / records.len()
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for batch in [2_048, 64, 1] {
        let threads =
            callgrind::available().then(|| callgrind::run(&["json".to_owned(), batch.to_string()]));
        for (name, to_file) in [("to a file", true), ("thrown away", false)] {
            let mut best = [f64::MAX; 2];
            for _ in 0..TURNS {
                let folder = tempfile::tempdir().expect("a folder");
                let file = to_file.then(|| folder.path().join("bare.jsonl"));
                let mut out: Out = match &file {
                    Some(path) => Box::new(File::create(path).expect("it can be written")),
                    None => Box::new(std::io::sink()),
                };
                let path = folder.path().join("ours.jsonl");
                let mut sink: Box<dyn Sink> = match to_file {
                    true => Box::new(JsonLines::open(path).expect("it can be opened")),
                    false => Box::new(JsonLines::writer(std::io::sink())),
                };
                let took = [
                    timed(|| plain(&records, batch, &mut out)),
                    timed(|| ours(&records, batch, &mut *sink)),
                ];
                for (best, took) in best.iter_mut().zip(took) {
                    *best = best.min(took / records.len() as f64);
                }
            }
            let [bare, ours] = best;
            print!("| {name} | {batch} | {bare:.0} | {ours:.0} | {:.2} |", ours / bare);
            match &threads {
                Some(threads) if to_file => {
                    let count = |name| {
                        threads.iter().map(|thread| thread.function(name)).sum::<f64>()
                            / RECORDS as f64
                    };
                    let (bare, ours) = (count("json::plain"), count("json::ours"));
                    println!(" {bare:.0} | {ours:.0} | {:.2} |", ours / bare);
                }
                _ => println!(" | | |"),
            }
        }
    }
}

fn arcs() -> Vec<Arc<Record>> {
    ready::records(RECORDS).into_iter().map(Arc::new).collect()
}

fn line(record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("it can be written as JSON")
}

fn timed(run: impl FnOnce()) -> f64 {
    let before = cpu::nanos().unwrap_or_default();
    run();
    cpu::nanos().unwrap_or_default() - before
}

/// What callgrind counts: both sides, to files.
pub(crate) fn counted(batch: usize) {
    let records = arcs();
    let folder = tempfile::tempdir().expect("a folder");
    let file = File::create(folder.path().join("bare.jsonl")).expect("it can be written");
    let path = folder.path().join("ours.jsonl");
    let mut sink = JsonLines::open(path).expect("it can be opened");
    plain(&records, batch, &mut (Box::new(file) as Out));
    ours(&records, batch, &mut sink);
}

#[inline(never)]
fn plain(records: &[Arc<Record>], batch: usize, out: &mut Out) {
    let mut buffer = Vec::new();
    for batch in records.chunks(batch) {
        buffer.clear();
        for record in batch {
            serde_json::to_writer(&mut buffer, &**record).expect("it can be written as JSON");
            buffer.push(b'\n');
        }
        out.write_all(black_box(&buffer)).expect("it is taken");
    }
}

#[inline(never)]
fn ours(records: &[Arc<Record>], batch: usize, sink: &mut dyn Sink) {
    let meta = llmobs_core::testing::samples::file_start();
    for batch in records.chunks(batch) {
        sink.deliver(&Batch { records: batch, meta: &meta }).expect("it is taken");
    }
}

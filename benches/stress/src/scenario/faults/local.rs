//! What goes wrong inside of this process and this machine.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use llmobs_core::{
    Batch, Clock, JsonLines, Processor, Record, Sink, SinkError, Timestamp, Verdict,
};

use super::{IMPATIENT, PATIENT, builder, case, nothing};
use crate::account::Arrival;
use crate::file;
use crate::report::{Broken, Report};
use crate::sinks::{Anything, counted};

pub(super) fn run(report: &mut Report) -> Result<(), Broken> {
    sinks(report)?;
    rules(report)?;
    disks(report)?;
    clocks(report)
}

/// What a sink does.
type Does = fn() -> Result<(), SinkError>;
/// What a rule decides, by the number of the record.
type Decides = fn(u64) -> Verdict;

/// Does something else at each third batch.
#[derive(Debug)]
struct Third {
    batches: u64,
    does: Does,
}

impl Sink for Third {
    fn deliver(&mut self, _: &Batch<'_>) -> Result<(), SinkError> {
        self.batches += 1;
        if self.batches.is_multiple_of(3) { (self.does)() } else { Ok(()) }
    }

    fn name(&self) -> &str {
        "third"
    }
}

/// A panic that is not printed.
fn panics() -> Result<(), SinkError> {
    std::panic::resume_unwind(Box::new("as the scenario says"))
}

fn sinks(report: &mut Report) -> Result<(), Broken> {
    let cases: [(&str, Does); 4] = [
        ("a sink that panics at each third batch", panics),
        ("a sink that refuses each third batch", || Err(SinkError::permanent("no"))),
        ("a sink that wants each third batch again", || Err(SinkError::retryable("later"))),
        ("a sink that refuses more than it was given", || {
            Err(SinkError::partial(u64::MAX, "all, and more"))
        }),
    ];
    for (name, does) in cases {
        let (sink, count) = counted(Third { batches: 0, does });
        // Whoever is told of losses may panic as well.
        let builder = builder().sink(sink).on_loss(|_| {
            let _ = panics();
        });
        let arrived = || Ok(count.arrival());
        case(name, builder, "third", (PATIENT, &mut nothing), &arrived, report)?;
    }
    Ok(())
}

/// Decides by the number of the record.
#[derive(Debug)]
struct Rule {
    records: u64,
    decides: Decides,
}

impl Processor for Rule {
    fn process(&mut self, _: &mut Record) -> Verdict {
        self.records += 1;
        (self.decides)(self.records)
    }
}

fn rules(report: &mut Report) -> Result<(), Broken> {
    let cases: [(&str, Decides); 2] = [
        ("a rule that panics over each seventh record", |n| {
            if n.is_multiple_of(7) {
                let _ = panics();
            }
            Verdict::Keep
        }),
        ("a rule that refuses each third, as it is meant to", |n| {
            if n.is_multiple_of(3) { Verdict::Refuse } else { Verdict::Keep }
        }),
    ];
    for (name, decides) in cases {
        let (sink, count) = counted(Anything);
        let builder = builder().processor(Rule { records: 0, decides }).sink(sink);
        let arrived = || Ok(count.arrival());
        case(name, builder, "counting", (PATIENT, &mut nothing), &arrived, report)?;
    }
    Ok(())
}

fn disks(report: &mut Report) -> Result<(), Broken> {
    // Where the system has no such file there is no such case.
    if let Ok(full) = fs::File::options().write(true).open("/dev/full") {
        let builder = builder().sink(JsonLines::writer(full));
        let arrived = || Ok(Arrival::default());
        let during: (_, super::Between<'_>) = (IMPATIENT, &mut nothing);
        case("a full disk", builder, "json_lines", during, &arrived, report)?;
    }
    let directory = tempfile::tempdir().map_err(Broken::by("no directory"))?;
    let path = directory.path().join("llmobs.jsonl");
    let lines = JsonLines::open(&path).map_err(Broken::by("no file"))?;
    let moved = |round: u64| directory.path().join(format!("moved-{round}"));
    let mut away =
        |round| fs::rename(&path, moved(round)).map_err(Broken::by("the file is not there"));
    let arrived = || {
        let entries = fs::read_dir(directory.path()).map_err(Broken::by("no directory"))?;
        let mut all = Arrival::default();
        for entry in entries.flatten() {
            add(&mut all, &entry.path())?;
        }
        Ok(all)
    };
    let name = "a file that is moved away after each round";
    case(name, builder().sink(lines), "json_lines", (PATIENT, &mut away), &arrived, report)
}

fn add(all: &mut Arrival, path: &Path) -> Result<(), Broken> {
    let one = file::count(path)?;
    all.records += one.records;
    all.reports += one.reports;
    Ok(())
}

/// A clock that is somewhere else each time it is looked at.
#[derive(Debug, Default)]
struct Jumping(AtomicU64);

impl Jumping {
    fn jump(&self) -> u64 {
        let year = Duration::from_secs(365 * 24 * 60 * 60).as_nanos() as u64;
        match self.0.fetch_add(1, Ordering::Relaxed) % 5 {
            0 => 0,
            1 => 50 * year,
            2 => u64::MAX,
            3 => 5,
            _ => year,
        }
    }
}

impl Clock for Jumping {
    fn elapsed(&self) -> u64 {
        self.jump()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.jump())
    }
}

fn clocks(report: &mut Report) -> Result<(), Broken> {
    let directory = tempfile::tempdir().map_err(Broken::by("no directory"))?;
    let path = directory.path().join("llmobs.jsonl");
    let lines = JsonLines::open(&path).map_err(Broken::by("no file"))?;
    let builder = builder().clock(Jumping::default()).sink(lines);
    let during: (_, super::Between<'_>) = (PATIENT, &mut nothing);
    case("a clock that jumps", builder, "json_lines", during, &|| file::count(&path), report)
}

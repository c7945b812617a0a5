//! Processes that are killed while they write.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use llmobs_core::{
    Backoff, Batch, Builder, JsonLines, Kind, LossCause, Record, Sink, SinkError, StepKind,
};

use crate::account::holds;
use crate::file;
use crate::report::{Broken, Report, number, per_second, promise};
use crate::size::Size;
use crate::traffic::{LONG, shut_down};

/// Records between two acknowledgements.
const ROUND: u64 = 20;
const LINES: &str = "llmobs.jsonl";

/// Nobody is there.
#[derive(Debug)]
struct Away;

impl Sink for Away {
    fn deliver(&mut self, _: &Batch<'_>) -> Result<(), SinkError> {
        Err(SinkError::retryable("nobody is there"))
    }

    fn name(&self) -> &str {
        "counting"
    }
}

/// Takes records as long as they come in order, and each once.
#[derive(Debug)]
struct InOrder(Arc<AtomicU64>);

impl InOrder {
    fn new() -> (Self, Arc<AtomicU64>) {
        let next = Arc::<AtomicU64>::default();
        (Self(Arc::clone(&next)), next)
    }
}

impl Sink for InOrder {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        for record in batch.records.iter().filter(|record| record.kind != Kind::Meta) {
            let next = self.0.load(Ordering::Relaxed).to_string();
            if record.name.as_ref() != Some(&next) {
                return Err(SinkError::permanent("not in order"));
            }
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn name(&self) -> &str {
        "counting"
    }
}

/// What the program does that is killed: it writes lines, and records for a receiver that is away to the
/// spool, and says how many of them a flush has acknowledged.
///
/// # Errors
///
/// When it cannot go on writing.
pub fn child(directory: &Path) -> Result<(), Broken> {
    let lines = JsonLines::open(directory.join(LINES)).map_err(Broken::by("no file"))?;
    let builder = Builder::new().process_wide(false).spool(directory).spool_bytes(64 << 20);
    let builder = builder.backoff(Backoff::new().offers(1)).sink(lines).sink(Away);
    let llmobs = builder.start().map_err(Broken::by("no threads"))?;
    let mut out = std::io::stdout();
    for round in 1_u64.. {
        for n in (round - 1) * ROUND..round * ROUND {
            llmobs.step(StepKind::Tool, n.to_string()).end();
        }
        // The receiver is away, so that it never comes out whole; what is on disk is safe.
        let left = llmobs.flush(LONG).err();
        let safe =
            left.is_none_or(|err| err.waiting() == err.spooled() && err.failed_sinks().is_empty());
        promise(safe, || format!("not durable: {:?}", llmobs.losses()))?;
        let told = writeln!(out, "acknowledged {}", round * ROUND).and_then(|()| out.flush());
        told.map_err(Broken::by("nobody reads"))?;
    }
    Ok(())
}

/// What was found after one kill.
#[derive(Debug, Default)]
struct Found {
    acknowledged: u64,
    written: u64,
    half: u64,
    spooled: u64,
    damaged: u64,
}

pub(super) fn run(size: &Size) -> Result<Report, Broken> {
    let did = format!(
        "A process writes JSON lines, and to the spool for a receiver that is away, and is told by a \
         flush after every {ROUND} records that they are durable; `kill -9` at a random moment, {} times.",
        number(size.kills),
    );
    let mut report = Report::new("kill", did);
    let mut random = fastrand::Rng::with_seed(size.seed);
    let (began, mut all) = (Instant::now(), Found::default());
    for n in 0..size.kills {
        let rounds = random.usize(1..8);
        let moment = Duration::from_micros(random.u64(0..10_000));
        let found = killed(&size.program, rounds, moment);
        let found = found.map_err(|broken| broken.within(&format!("process {n}")))?;
        all.acknowledged += found.acknowledged;
        all.written += found.written;
        all.half += found.half;
        all.spooled += found.spooled;
        all.damaged += found.damaged;
    }
    report.figure("records acknowledged before the kill", number(all.acknowledged));
    report.figure("… of them missing in the file or the spool, damaged, or twice", "0");
    report.figure("lines found whole, the acknowledged ones included", number(all.written));
    report.figure("half lines at the very end, which the next start removed", number(all.half));
    report.figure("records sent from the spool by the next start, in order", number(all.spooled));
    report.figure("… half written at the very end of it, counted as lost", number(all.damaged));
    report.figure("kills", per_second(size.kills, began.elapsed()));
    Ok(report)
}

/// Kills a process after a few acknowledgements and a little.
fn killed(program: &Path, rounds: usize, moment: Duration) -> Result<Found, Broken> {
    let directory = tempfile::tempdir().map_err(Broken::by("no directory"))?;
    let mut command = Command::new(program);
    command.arg("child").arg(directory.path()).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = command.spawn().map_err(Broken::by("the program does not run"))?;
    let out = process.stdout.take().ok_or_else(|| Broken::new("it has no output"))?;
    let lines = BufReader::new(out).lines().map_while(Result::ok);
    let mut told = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
    let first = told.by_ref().take(rounds).last();
    let until = Instant::now() + moment;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    process.kill().map_err(Broken::by("it cannot be killed"))?;
    process.wait().map_err(Broken::by("it cannot be waited for"))?;
    let first = first.ok_or_else(|| Broken::new("it has ended before it wrote anything"))?;
    let acknowledged = told.last().unwrap_or(first);

    let mut found = Found { acknowledged, ..Found::default() };
    found.half = as_left(directory.path(), acknowledged)?;
    found.written = repaired(directory.path(), acknowledged)?;
    (found.spooled, found.damaged) = sent(directory.path(), acknowledged)?;
    Ok(found)
}

/// The file as the kill left it: only the very end may be half a line. Gives how many such there are.
fn as_left(directory: &Path, acknowledged: u64) -> Result<u64, Broken> {
    let bytes = std::fs::read(directory.join(LINES)).map_err(Broken::by("no file is left"))?;
    let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    let (end, whole) = lines.split_last().ok_or_else(|| Broken::new("no lines"))?;
    let sound = whole.iter().all(|line| serde_json::from_slice::<Record>(line).is_ok());
    promise(sound, || "a line in the middle is damaged".to_owned())?;
    // The first tells of the file.
    let enough = whole.len() as u64 > acknowledged;
    promise(enough, || format!("{} lines, of {acknowledged} acknowledged", whole.len()))?;
    Ok(u64::from(!end.is_empty()))
}

/// The file after the next start: whole lines, in order, and each once. Gives how many there are.
fn repaired(directory: &Path, acknowledged: u64) -> Result<u64, Broken> {
    let path = directory.join(LINES);
    drop(JsonLines::open(&path).map_err(Broken::by("the file cannot be opened again"))?);
    let mut next = 0_u64;
    let mut in_order = true;
    file::records(&path, |record| {
        if record.kind != Kind::Meta {
            in_order &= record.name == Some(next.to_string());
            next += 1;
        }
    })?;
    promise(in_order, || "the lines are not in order".to_owned())?;
    promise(next >= acknowledged, || format!("{next} lines, of {acknowledged} acknowledged"))?;
    Ok(next)
}

/// What the next start sends from the spool. Gives how much that is, and how much was damaged.
fn sent(directory: &Path, acknowledged: u64) -> Result<(u64, u64), Broken> {
    let (sink, next) = InOrder::new();
    let builder = Builder::new().process_wide(false).spool(directory).sink(sink);
    let llmobs = builder.start().map_err(Broken::by("no threads"))?;
    shut_down(&llmobs);
    let losses = llmobs.losses();
    holds(&losses)?;
    let arrived = next.load(Ordering::Relaxed);
    promise(arrived >= acknowledged, || format!("{arrived} sent, of {acknowledged} acknowledged"))?;
    let lost = losses.by_cause();
    let damaged = lost.get(&LossCause::SpoolDamaged).copied().unwrap_or(0);
    let only = losses.total() == damaged && damaged <= 1;
    promise(only, || format!("more than the last is damaged: {losses:?}"))?;
    let recovered: u64 = losses.sinks.iter().map(|sink| sink.recovered).sum();
    let exact = recovered == arrived + damaged;
    promise(exact, || format!("{arrived} arrived of what was recovered: {losses:?}"))?;
    Ok((arrived, damaged))
}

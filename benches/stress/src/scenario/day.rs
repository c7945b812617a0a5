//! A day of traffic in which everything changes, and the memory it takes.

mod traffic;

use std::path::Path;
use std::time::{Duration, Instant};

use llmobs::otlp::Otlp;
use llmobs_core::testing::{FakeClock, FakePauses};
use llmobs_core::{Builder, JsonLines, Llmobs, Rotation, Rule, TailSampling};

use self::traffic::Traffic;
use crate::account::{holds, settle};
use crate::file;
use crate::memory::{live, resident};
use crate::receiver::Receiver;
use crate::report::{Broken, Report, mib, number, per_second, promise};
use crate::sinks::tallied;
use crate::size::Size;
use crate::traffic::{LONG, keep_pace, shut_down};

const HOURS: u64 = 24;
/// Hours until everything that is bounded is full.
const WARM_UP: usize = 6;
/// Hours that are taken together.
const TOGETHER: usize = 4;
/// Calls below which what is bounded does not get full in the first hours.
const ENOUGH: u64 = 500_000;
/// What the last hours may take over the first ones after the warm-up. Of what is allocated, exactly that
/// is known; what is resident is as much as the allocator keeps of what the receiver, which is in the same
/// process, and an export have needed for a moment.
const MORE_LIVE: f64 = 0.02;
const MORE_RESIDENT: f64 = 0.05;
/// Files that are kept beside the one in use.
const FILES: usize = 3;

/// Memory at the end of an hour.
#[derive(Clone, Copy, Debug)]
struct Hour {
    resident: u64,
    live: u64,
}

pub(super) fn run(size: &Size) -> Result<Report, Broken> {
    let did = format!(
        "{} calls over 24 hours of a fake clock, some thirty at the same time: sessions, users, models, \
         hosts, fingerprints, prompts and their versions, tools, agents, tags, errors, retries and \
         dropped streams change all the time. JSON lines in files that rotate, {FILES} of them kept; \
         spans and metrics to a receiver on this machine; of the traces one in twenty, and all that \
         failed or were among the slowest of their model.",
        number(size.day),
    );
    let mut report = Report::new("day", did);
    let (clock, pauses) = (FakeClock::default(), FakePauses::default());
    let receiver = Receiver::tallying()?;
    let directory = tempfile::tempdir().map_err(Broken::by("no directory"))?;
    let lines = JsonLines::open(directory.path().join("llmobs.jsonl"));
    let rotation = Rotation::new().bytes(8 << 20).age(Duration::from_secs(3_600)).keep(FILES);
    let (sink, count) = tallied(lines.map_err(Broken::by("no file"))?.rotation(rotation));
    let otlp = Otlp::new().endpoint(&receiver.url()).map_err(Broken::by("no endpoint"))?;
    let sampling = TailSampling::new(0.05).keep(Rule::failed()).keep(Rule::slowest());
    let sampling = sampling.keep(Rule::slowest_first_token());
    let builder = Builder::new().process_wide(false).clock(clock.clone()).pauses(&pauses);
    let builder = builder.decoder(llmobs::openai::OpenAi::new()).sink(sink);
    let otlp = otlp.metric_interval(Duration::from_secs(2)).cardinality_limit(size.attribute_sets);
    let builder = otlp.install(builder);
    let llmobs = builder.tail_sampling(sampling).start().map_err(Broken::by("no threads"))?;

    let mut traffic = Traffic::new(size.seed);
    let (began, mut hours) = (Instant::now(), Vec::new());
    for hour in 0..HOURS {
        let day = (&llmobs, &clock, &pauses);
        hours.push(an_hour(day, &mut traffic, hour, size.day / HOURS)?);
    }
    traffic.finish();
    shut_down(&llmobs);
    let took = began.elapsed();

    let (losses, made) = (llmobs.losses(), traffic.made());
    report.row(settle("a day", &losses, "json_lines", made.all(), count.arrival())?);
    report.row(settle("a day", &losses, "otlp", made.all(), receiver.arrival())?);
    promise(losses.total() == 0, || format!("something is lost: {losses:?}"))?;
    metrics(&receiver, size, made.calls, &mut report)?;
    files(directory.path(), &mut report)?;
    report.figure("records", per_second(made.all(), took));
    flat(size, &hours, &mut report)?;
    Ok(report)
}

fn an_hour(
    (llmobs, clock, pauses): (&Llmobs, &FakeClock, &FakePauses),
    traffic: &mut Traffic,
    hour: u64,
    calls: u64,
) -> Result<Hour, Broken> {
    let step = Duration::from_secs(3_600) / u32::try_from(calls.max(1)).unwrap_or(u32::MAX);
    traffic.turn_to(hour)?;
    for n in 0..calls {
        traffic.call(llmobs)?;
        clock.advance(step);
        if n % 500 == 0 {
            keep_pace(llmobs, 5_000)?;
            pauses.advance(500 * step);
        }
    }
    llmobs.flush(LONG).map_err(Broken::by("the hour does not come out"))?;
    holds(&llmobs.losses())?;
    Ok(Hour { resident: resident().unwrap_or(0), live: live() })
}

/// The metrics have counted every call, and are bounded.
fn metrics(
    receiver: &Receiver,
    size: &Size,
    calls: u64,
    report: &mut Report,
) -> Result<(), Broken> {
    let arrived = receiver.arrived();
    promise(arrived.malformed == 0, || "a request could not be read".to_owned())?;
    let duration = llmobs_core::semconv::metric::INFERENCE_DURATION;
    let (_, counted) = arrived.metrics.get(duration).copied().unwrap_or_default();
    promise(counted == calls, || format!("the metrics tell of {counted} calls, of {calls}"))?;
    let most = arrived.metrics.values().map(|(points, _)| *points).max().unwrap_or(0);
    // The limit, and what stands for all sets beyond it.
    promise(most <= size.attribute_sets as u64 + 1, || {
        format!("a metric has {most} sets of attributes")
    })?;
    report.figure("sets of attributes of a metric, at most", number(most));
    Ok(())
}

/// The files that are left.
fn files(directory: &Path, report: &mut Report) -> Result<(), Broken> {
    let entries = std::fs::read_dir(directory).map_err(Broken::by("no directory"))?;
    let files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    promise(files.len() <= FILES + 1, || format!("{} files", files.len()))?;
    for file in &files {
        file::count(file)?;
    }
    report.figure("files at the end, each line a record", number(files.len() as u64));
    Ok(())
}

/// The memory of the last hours against the first ones after the warm-up.
fn flat(size: &Size, hours: &[Hour], report: &mut Report) -> Result<(), Broken> {
    report.line(["hour".to_owned(), "resident".to_owned(), "allocated".to_owned()]);
    for (n, hour) in hours.iter().enumerate().filter(|(n, _)| *n == 0 || (n + 1) % 3 == 0) {
        report.line([(n + 1).to_string(), mib(hour.resident), mib(hour.live)]);
    }
    if size.day < ENOUGH {
        return Ok(());
    }
    let live = (|hour: &Hour| hour.live) as fn(&Hour) -> u64;
    let resident = |hour: &Hour| hour.resident;
    for (what, of, bound) in [("allocated", live, MORE_LIVE), ("resident", resident, MORE_RESIDENT)]
    {
        let mean =
            |hours: &[Hour]| hours.iter().map(of).sum::<u64>() as f64 / hours.len().max(1) as f64;
        let after = hours.get(WARM_UP..WARM_UP + TOGETHER).unwrap_or_default();
        let last = hours.get(hours.len().saturating_sub(TOGETHER)..).unwrap_or_default();
        let more = mean(last) / mean(after).max(1.0) - 1.0;
        report.figure(
            format!("{what}: the last {TOGETHER} hours over the first {TOGETHER} after {WARM_UP}"),
            format!("{:+.1} %, of {:.0} % at most", more * 100.0, bound * 100.0),
        );
        promise(more <= bound, || format!("the memory is not flat\n\n{report}"))?;
    }
    Ok(())
}

//! More than there is room for.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use llmobs_core::testing::FakePauses;
use llmobs_core::{Batch, Builder, Sink, SinkError, StepKind};

use crate::account::{holds, settle};
use crate::memory::{Watch, resident};
use crate::report::{Broken, Report, mib, number, per_second, promise};
use crate::sinks::{Anything, counted};
use crate::size::Size;
use crate::traffic::{Exchange, keep_pace, shut_down};

const THREADS: u64 = 4;
/// How long the slow sink takes for a batch.
const BATCH: Duration = Duration::from_millis(20);
const SECONDS: u64 = 10;

pub(super) fn run(size: &Size) -> Result<Report, Broken> {
    let did = format!(
        "{} calls with short answers, from {THREADS} threads as fast as they can, at a recorder with the \
         default bounds; and {} records a second for {SECONDS} seconds of a fake clock, to a sink that \
         takes {BATCH:?} for a batch.",
        number(size.burst),
        number(size.rate),
    );
    let mut report = Report::new("burst", did);
    at_once(size, &mut report)?;
    steadily(size, &mut report)?;
    Ok(report)
}

fn at_once(size: &Size, report: &mut Report) -> Result<(), Broken> {
    let (sink, count) = counted(Anything);
    let builder = Builder::new().process_wide(false).decoder(llmobs::openai::OpenAi::new());
    let llmobs = builder.sink(sink).start().map_err(Broken::by("no threads"))?;
    let (watch, before) = (Watch::start(), resident().unwrap_or(0));
    let (each, exchange) = (size.burst / THREADS, Exchange::short());
    let began = Instant::now();
    let found_room: u64 = std::thread::scope(|scope| {
        let makes = || (0..each).filter(|_| exchange.call(&llmobs)).count() as u64;
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(makes)).collect();
        holds(&llmobs.losses())?;
        Ok(threads.into_iter().filter_map(|thread| thread.join().ok()).sum())
    })?;
    let made_in = began.elapsed();
    holds(&llmobs.losses())?;
    shut_down(&llmobs);
    let all_in = began.elapsed();
    let losses = llmobs.losses();
    report.row(settle("at once", &losses, "counting", each * THREADS, count.arrival())?);
    let taken = losses.recorded + losses.refused_by_rule;
    let reports = losses.accepted - each * THREADS;
    let same = taken == found_room + reports;
    promise(same, || format!("{found_room} calls found room, but {taken} were recorded"))?;
    report.figure("at once: calls made", per_second(each * THREADS, made_in));
    report.figure("… of them recorded", per_second(found_room, all_in));
    report.figure("… recorded without their answer, for want of room", number(count.taken().cut));
    report.figure("… resident memory, at most", mib(watch.most().saturating_sub(before)));
    Ok(())
}

/// Takes a batch whenever another 20 milliseconds are over.
#[derive(Debug)]
struct Slow(Receiver<()>);

impl Sink for Slow {
    fn deliver(&mut self, _: &Batch<'_>) -> Result<(), SinkError> {
        // Once nobody tells the time any more, there is all the time in the world.
        let _ = self.0.recv();
        Ok(())
    }

    fn name(&self) -> &str {
        "slow"
    }
}

fn steadily(size: &Size, report: &mut Report) -> Result<(), Broken> {
    let (pauses, (over, slow)) = (FakePauses::default(), channel());
    let (sink, count) = counted(Slow(slow));
    let builder = Builder::new().process_wide(false).pauses(&pauses);
    let llmobs = builder.sink(sink).start().map_err(Broken::by("no threads"))?;
    let batches = SECONDS * 1_000 / BATCH.as_millis() as u64;
    let each = size.rate * SECONDS / batches;
    let mut waiting = 0;
    for _ in 0..batches {
        for _ in 0..each {
            llmobs.step(StepKind::Tool, "look_up").end();
        }
        keep_pace(&llmobs, 0)?;
        let losses = llmobs.losses();
        holds(&losses)?;
        waiting = losses.sinks.iter().map(|sink| sink.waiting).fold(waiting, u64::max);
        pauses.advance(BATCH);
        over.send(()).map_err(|_| Broken::new("the sink has ended"))?;
    }
    drop(over);
    shut_down(&llmobs);
    let losses = llmobs.losses();
    report.row(settle("steadily", &losses, "slow", batches * each, count.arrival())?);
    promise(losses.total() == 0, || format!("something is lost: {losses:?}"))?;
    report.figure("steadily: records that waited, at most", number(waiting));
    report.figure(
        "… in batches of, on average",
        number(losses.recorded / count.taken().batches.max(1)),
    );
    Ok(())
}

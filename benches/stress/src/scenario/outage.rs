//! A receiver that goes away and comes back.

use std::time::{Duration, Instant};

use llmobs::otlp::Otlp;
use llmobs_core::{Backoff, Builder, Limits, Llmobs};

use crate::account::{holds, settle};
use crate::memory::{Watch, resident};
use crate::receiver::Receiver;
use crate::report::{Broken, Report, mib, number, promise};
use crate::size::Size;
use crate::traffic::{Exchange, LONG, shut_down, until};

/// Calls a second.
const RATE: u64 = 1_000;
/// How often a few calls are made.
const TICKS: u64 = 100;
/// Records that find room in memory.
const ROOM: usize = 2_000;
const SINK: &str = "otlp";

pub(super) fn run(size: &Size) -> Result<Report, Broken> {
    let away = Duration::from_secs_f64(size.seconds);
    let did = format!(
        "{} calls a second to OTLP on this machine, in real time. The receiver takes everything for a \
         while, closes its port for {away:?}, and comes back. Memory has room for {} records, and what \
         finds none goes to the spool, where there is one.",
        number(RATE),
        number(ROOM as u64),
    );
    let mut report = Report::new("outage", did);
    let directory = tempfile::tempdir().map_err(Broken::by("no directory"))?;
    with(away, "with a spool", |builder| builder.spool(directory.path()), true, &mut report)?;
    with(away, "without one", |builder| builder, false, &mut report)?;
    Ok(report)
}

fn with(
    away: Duration,
    case: &str,
    configure: impl FnOnce(Builder) -> Builder,
    spools: bool,
    report: &mut Report,
) -> Result<(), Broken> {
    let mut receiver = Receiver::start()?;
    let mut limits = Limits::default();
    limits.sink_records = ROOM;
    // As in a long outage, of which there is no time for here.
    let backoff = Backoff::new().offers(3).first_pause(Duration::from_millis(20));
    let backoff = backoff.longest_probe(Duration::from_millis(250));
    let otlp = Otlp::new().traces_endpoint(&format!("{}/v1/traces", receiver.url()));
    let otlp = otlp.map_err(Broken::by("no endpoint"))?;
    let builder = Builder::new().process_wide(false).decoder(llmobs::openai::OpenAi::new());
    let builder = otlp.install(builder.limits(limits).backoff(backoff));
    let llmobs = configure(builder).start().map_err(Broken::by("no threads"))?;
    let (watch, before) = (Watch::start(), resident().unwrap_or(0));

    let mut made = traffic(&llmobs, away / 5)?;
    // Nothing is on its way at the moment it goes, so that its count and ours are of the same.
    llmobs.flush(LONG).map_err(Broken::by("it is there, and takes nothing"))?;
    receiver.away();
    made += traffic(&llmobs, away)?;
    until("calls are recorded", || llmobs.losses().open == 0)?;
    let losses = llmobs.losses();
    holds(&losses)?;
    let sink = losses.sinks.first().ok_or_else(|| Broken::new("no sink"))?;
    report.figure(format!("{case}: waiting at the end of the outage"), number(sink.waiting));
    report.figure("… of them on disk", number(sink.spooled));

    receiver.back()?;
    let back = Instant::now();
    until("it takes what waits", || llmobs.losses().sinks.iter().all(|sink| sink.waiting == 0))?;
    report.figure("… all delivered after its return within", format!("{:.1?}", back.elapsed()));
    made += traffic(&llmobs, away / 5)?;
    shut_down(&llmobs);
    let losses = llmobs.losses();
    report.row(settle(case, &losses, SINK, made, receiver.arrival())?);
    let arrived = receiver.arrived();
    promise(arrived.malformed == 0, || "a request could not be read".to_owned())?;
    if spools {
        promise(losses.total() == 0, || format!("something is lost: {losses:?}"))?;
    }
    report.figure("… spans that came twice", number(arrived.again));
    report.figure("… resident memory, at most", mib(watch.most().saturating_sub(before)));
    Ok(())
}

/// Calls at the rate, for a while; gives how many.
fn traffic(llmobs: &Llmobs, time: Duration) -> Result<u64, Broken> {
    let (exchange, began) = (Exchange::short(), Instant::now());
    let ticks = (time.as_secs_f64() * TICKS as f64) as u64;
    for tick in 0..ticks {
        for _ in 0..RATE / TICKS {
            exchange.call(llmobs);
        }
        holds(&llmobs.losses())?;
        let next = Duration::from_secs(1).mul_f64((tick + 1) as f64 / TICKS as f64);
        std::thread::sleep(next.saturating_sub(began.elapsed()));
    }
    Ok(ticks * (RATE / TICKS))
}

//! Sinks, rules, receivers, disks and clocks that misbehave: each with its account.

mod local;
mod remote;

use std::time::Duration;

use llmobs_core::{Backoff, Builder, Llmobs};

use crate::account::{Arrival, holds, settle};
use crate::report::{Broken, Report};
use crate::size::Size;
use crate::traffic::{Exchange, LONG, until};

/// Rounds of a case, and calls of a round.
const ROUNDS: u64 = 20;
const CALLS: u64 = 25;

pub(super) fn run(_: &Size) -> Result<Report, Broken> {
    let did = format!(
        "{ROUNDS} times {CALLS} calls each, with a flush in between; what arrived is counted where it \
         arrived. A record more than was made is the recorder's own report of what was lost, which is \
         not among what arrived."
    );
    let mut report = Report::new("faults", did);
    local::run(&mut report)?;
    remote::run(&mut report)?;
    Ok(report)
}

/// A recorder that does not wait long.
fn builder() -> Builder {
    let quick = Backoff::new().offers(3).first_pause(Duration::from_millis(1));
    let quick = quick.longest_probe(Duration::from_millis(100));
    Builder::new().process_wide(false).decoder(llmobs::openai::OpenAi::new()).backoff(quick)
}

/// What is done between two rounds.
type Between<'a> = &'a mut dyn FnMut(u64) -> Result<(), Broken>;

/// Makes the calls, ends the recorder within `patience`, and settles the account of the sink.
fn case(
    name: &str,
    builder: Builder,
    sink: &str,
    (patience, between): (Duration, Between<'_>),
    arrived: &dyn Fn() -> Result<Arrival, Broken>,
    report: &mut Report,
) -> Result<(), Broken> {
    let llmobs = builder.start().map_err(Broken::by("no threads"))?;
    calls(&llmobs, patience, between)?;
    let _ = llmobs.shutdown(patience);
    // What a sink is still busy with is told of when it lets go.
    until("the sink has let go", || llmobs.losses().sinks.iter().all(|sink| sink.waiting == 0))?;
    report.row(settle(name, &llmobs.losses(), sink, ROUNDS * CALLS, arrived()?)?);
    Ok(())
}

fn calls(llmobs: &Llmobs, patience: Duration, between: Between<'_>) -> Result<(), Broken> {
    let exchange = Exchange::short();
    for round in 0..ROUNDS {
        for _ in 0..CALLS {
            exchange.call(llmobs);
        }
        let _ = llmobs.flush(patience);
        holds(&llmobs.losses())?;
        between(round)?;
    }
    Ok(())
}

/// Nothing happens in between.
fn nothing(_: u64) -> Result<(), Broken> {
    Ok(())
}

/// All the time it needs.
const PATIENT: Duration = LONG;
/// Less than what never ends.
const IMPATIENT: Duration = Duration::from_millis(50);

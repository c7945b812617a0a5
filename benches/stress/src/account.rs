//! Accounts, and what has to hold of them.

use std::collections::BTreeMap;

use llmobs_core::{LossCause, Losses, SinkLosses};

use crate::report::{Broken, number, promise};

/// The account of one sink at the end of a scenario.
#[derive(Debug)]
pub(crate) struct Row {
    case: String,
    sink: String,
    made: u64,
    recorded: u64,
    refused: u64,
    lost: BTreeMap<LossCause, u64>,
    arrived: u64,
}

/// What came out of one sink, as its receiver has counted it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrival {
    /// Records; reports of losses aside.
    pub(crate) records: u64,
    /// Those of them that were the same as one before.
    pub(crate) again: u64,
    /// Reports of losses.
    pub(crate) reports: u64,
    /// Whether the sink takes such reports without giving them on, as spans have no place for them.
    pub(crate) swallows_reports: bool,
}

impl Row {
    pub(crate) const HEAD: [&'static str; 7] =
        ["", "sink", "made", "refused by rule", "recorded", "arrived", "lost, by cause"];

    pub(crate) fn cells(&self) -> [String; 7] {
        let lost = self.lost.iter().map(|(cause, n)| format!("{} {cause}", number(*n)));
        let lost: Vec<_> = lost.collect();
        let lost = if lost.is_empty() { "0".to_owned() } else { lost.join(", ") };
        [
            self.case.clone(),
            self.sink.clone(),
            number(self.made),
            number(self.refused),
            number(self.recorded),
            number(self.arrived),
            lost,
        ]
    }
}

/// `accepted = open + refused_by_rule + lost + recorded`, and for each sink
/// `recorded + recovered = delivered + lost + waiting`.
pub(crate) fn holds(losses: &Losses) -> Result<(), Broken> {
    let Losses { accepted, open, refused_by_rule, recorded, ref lost, ref sinks, .. } = *losses;
    let sum = open + refused_by_rule + lost.values().sum::<u64>() + recorded;
    promise(accepted == sum, || format!("{accepted} accepted, but {sum} told of: {losses:?}"))?;
    for SinkLosses { sink, delivered, waiting, recovered, lost, .. } in sinks {
        let (given, sum) = (recorded + recovered, delivered + lost.values().sum::<u64>() + waiting);
        promise(given == sum, || {
            format!("{given} given to {sink}, but {sum} told of: {losses:?}")
        })?;
    }
    Ok(())
}

/// Settles the account of one sink after the end: nothing is open or waits, the sums hold, and what the
/// receiver has counted is what the sink says to have delivered.
pub(crate) fn settle(
    case: impl Into<String>,
    losses: &Losses,
    sink: &str,
    made: u64,
    arrival: Arrival,
) -> Result<Row, Broken> {
    let case = case.into();
    let row = settled(&case, losses, sink, made, arrival);
    row.map_err(|broken| broken.within(&format!("{case} ({sink})")))
}

fn settled(
    case: &str,
    losses: &Losses,
    sink: &str,
    made: u64,
    arrival: Arrival,
) -> Result<Row, Broken> {
    holds(losses)?;
    let known = losses.sinks.iter().find(|of| of.sink == sink);
    let of = known.ok_or_else(|| Broken::new(format!("no such sink: {losses:?}")))?;
    promise((losses.open, of.waiting) == (0, 0), || format!("something waits: {losses:?}"))?;
    let reports = losses.accepted.checked_sub(made);
    let reports = reports.ok_or_else(|| Broken::new(format!("made {made}: {losses:?}")))?;
    // One at the end, and one a minute, of a day at the most.
    promise(reports <= 24 * 60 + 1, || format!("made {made}, but accepted more: {losses:?}"))?;
    let Arrival { records, again, reports: arrived_reports, swallows_reports } = arrival;
    promise(again == 0, || format!("{again} arrived twice: {losses:?}"))?;
    let untold = if swallows_reports { reports } else { 0 };
    let arrived = records + arrived_reports;
    let all = of.delivered == arrived || of.delivered == arrived + untold;
    promise(all, || format!("{arrived} arrived of what was delivered: {losses:?}"))?;

    let mut lost = losses.lost.clone();
    for (cause, n) in &of.lost {
        *lost.entry(*cause).or_default() += n;
    }
    let told = records + losses.refused_by_rule + lost.values().sum::<u64>();
    let exact = told >= made && told <= made + reports;
    promise(exact, || format!("made {made}, but {told} arrived or told of: {losses:?}"))?;
    Ok(Row {
        case: case.to_owned(),
        sink: sink.to_owned(),
        made,
        recorded: losses.recorded,
        refused: losses.refused_by_rule,
        lost,
        arrived: records,
    })
}

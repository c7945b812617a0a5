//! The scenarios.

mod burst;
mod calls;
mod day;
mod faults;
pub(crate) mod kill;
mod outage;

use crate::report::{Broken, Report};
use crate::size::Size;

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Calls through async-openai, as many as this machine makes.
    Calls,
    /// More at once than there is room for, and 50,000 a second.
    Burst,
    /// A receiver that goes away and comes back.
    Outage,
    /// Processes that are killed while they write.
    Kill,
    /// A day of traffic in which everything changes.
    Day,
    /// Sinks, rules, receivers, disks and clocks that misbehave.
    Faults,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Calls, Self::Burst, Self::Outage, Self::Kill, Self::Day, Self::Faults];
}

/// Runs a scenario.
///
/// # Errors
///
/// When a promise does not hold, or the scenario cannot be run here.
pub fn run(scenario: Scenario, size: &Size) -> Result<Report, Broken> {
    let (result, name) = match scenario {
        Scenario::Calls => (calls::run(size), "calls"),
        Scenario::Burst => (burst::run(size), "burst"),
        Scenario::Outage => (outage::run(size), "outage"),
        Scenario::Kill => (kill::run(size), "kill"),
        Scenario::Day => (day::run(size), "day"),
        Scenario::Faults => (faults::run(size), "faults"),
    };
    result.map_err(|broken| broken.within(name))
}

//! How large the scenarios are.

use std::path::PathBuf;

/// How large the scenarios are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Size {
    /// How long calls are made, for each of the transports, and how long a receiver is away, in seconds.
    /// Defaults to 5.
    pub seconds: f64,
    /// Calls of a burst. Defaults to 1,000,000.
    pub burst: u64,
    /// Calls of a day. Defaults to 1,000,000.
    pub day: u64,
    /// Sets of attributes that each metric of the day may have. Defaults to 2,000.
    pub attribute_sets: usize,
    /// Records a second over ten seconds of a fake clock. Defaults to 50,000.
    pub rate: u64,
    /// Processes that are killed. Defaults to 200.
    pub kills: u64,
    /// What the random moments and the traffic of the day are drawn from. Defaults to 6.
    pub seed: u64,
    /// The program that is killed: it runs [`child`](crate::child) when it is called with the argument
    /// `child` and a directory.
    pub program: PathBuf,
}

impl Size {
    /// The defaults, with the program that is killed.
    pub fn new(program: PathBuf) -> Self {
        let (burst, day, rate) = (1_000_000, 1_000_000, 50_000);
        Self { seconds: 5.0, burst, day, attribute_sets: 2_000, rate, kills: 200, seed: 6, program }
    }
}

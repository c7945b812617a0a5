//! Drives llmobs through bursts, outages, crashes and a day of traffic, and settles the accounts.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it reports")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use stress::{Broken, Counting, Scenario, Size, child, run};

// The day of traffic tells how many bytes are allocated.
#[global_allocator]
static COUNTING: Counting = Counting;

/// Drives llmobs through bursts, outages, crashes and a day of traffic, and settles the accounts: what
/// was made, what a receiver has counted, and what was lost, by cause.
///
/// Ends with 1, and says why, where a promise does not hold.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All of the scenarios, in about three minutes.
    All(Sizes),
    /// Calls through async-openai, as many as this machine makes.
    Calls(Sizes),
    /// More at once than there is room for, and 50,000 records a second.
    Burst(Sizes),
    /// A receiver that goes away and comes back.
    Outage(Sizes),
    /// Processes that are killed while they write.
    Kill(Sizes),
    /// A day of traffic in which everything changes, and the memory it takes.
    Day(Sizes),
    /// Sinks, rules, receivers, disks and clocks that misbehave.
    Faults(Sizes),
    /// The process that is killed.
    #[command(hide = true)]
    Child { directory: PathBuf },
}

#[derive(Debug, Args)]
struct Sizes {
    /// Seconds that calls are made for, and that a receiver is away [default: 5]
    #[arg(long)]
    seconds: Option<f64>,
    /// Calls of the burst, and of the day [default: 1000000]
    #[arg(long)]
    calls: Option<u64>,
    /// Processes that are killed [default: 200]
    #[arg(long)]
    kills: Option<u64>,
    /// What random moments and traffic are drawn from [default: 6]
    #[arg(long)]
    seed: Option<u64>,
}

impl Sizes {
    fn size(self) -> Result<Size, std::io::Error> {
        let mut size = Size::new(std::env::current_exe()?);
        size.seconds = self.seconds.unwrap_or(size.seconds);
        size.burst = self.calls.unwrap_or(size.burst);
        size.day = self.calls.unwrap_or(size.day);
        size.kills = self.kills.unwrap_or(size.kills);
        size.seed = self.seed.unwrap_or(size.seed);
        Ok(size)
    }
}

fn main() -> ExitCode {
    let (scenarios, sizes) = match Cli::parse().command {
        Command::All(sizes) => (Scenario::ALL.to_vec(), sizes),
        Command::Calls(sizes) => (vec![Scenario::Calls], sizes),
        Command::Burst(sizes) => (vec![Scenario::Burst], sizes),
        Command::Outage(sizes) => (vec![Scenario::Outage], sizes),
        Command::Kill(sizes) => (vec![Scenario::Kill], sizes),
        Command::Day(sizes) => (vec![Scenario::Day], sizes),
        Command::Faults(sizes) => (vec![Scenario::Faults], sizes),
        Command::Child { directory } => return code(child(&directory)),
    };
    let size = match sizes.size() {
        Ok(size) => size,
        Err(err) => {
            eprintln!("this program does not know its own file: {err}");
            return ExitCode::FAILURE;
        }
    };
    let mut result = ExitCode::SUCCESS;
    for scenario in scenarios {
        // One that is broken does not hide the others.
        match run(scenario, &size) {
            Ok(report) => println!("{report}"),
            Err(broken) => result = code(Err(broken)),
        }
    }
    result
}

fn code(result: Result<(), Broken>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(broken) => {
            eprintln!("the promise does not hold: {broken}");
            ExitCode::FAILURE
        }
    }
}

//! Tail sampling: which traces are worth keeping is known when they are over.

mod percentile;
mod rule;
mod traces;

use std::time::Duration;

pub use self::rule::Rule;
pub(crate) use self::traces::{Decided, Traces};

/// Keeps the traces that tell something, and a share of the rest.
///
/// A trace is decided on as a whole, by all its records together: the first of the rules that one of
/// them matches says which share of such traces is kept. The share is taken by the trace's id, so that
/// services which sample by the same id with the same share keep the same traces. Every record that is
/// kept says at which rate ([`Record::sampling`](crate::Record::sampling)): one that was kept at 0.02
/// stands for fifty.
///
/// Records wait in memory until their trace is over: its root has been recorded and no call of it is
/// open, or nothing has come of it for a while, since the root of many traces is in another service.
/// What comes later follows the decision. Metrics are taken before, of every record; what head
/// sampling left out stays out.
///
/// Spans in an OpenTelemetry provider of the application's are that provider's: they are not sampled
/// here.
///
/// ```
/// use std::time::Duration;
/// use llmobs_core::{Builder, Rule, TailSampling};
///
/// let sampling = TailSampling::new(0.02)
///     .keep(Rule::failed())
///     .keep(Rule::slower_than(Duration::from_secs(20)))
///     .keep(Rule::slowest())
///     .share(Rule::prompt("refund", Some("7")), 0.5);
/// let llmobs = Builder::new().process_wide(false).tail_sampling(sampling).start()?;
/// # drop(llmobs);
/// # Ok::<(), llmobs_core::StartError>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is sampled until a builder has it"]
pub struct TailSampling {
    pub(crate) rules: Vec<(Rule, f64)>,
    pub(crate) rest: f64,
    pub(crate) records: usize,
    pub(crate) quiet: Duration,
    pub(crate) longest: Duration,
}

impl TailSampling {
    /// Keeps this share, from 0 to 1, of the traces that no rule matches. What is no share keeps all.
    pub fn new(rest: f64) -> Self {
        Self {
            rules: Vec::new(),
            rest: share(rest),
            records: 50_000,
            quiet: Duration::from_secs(5),
            longest: Duration::from_secs(120),
        }
    }

    /// Keeps all traces in which a record matches, unless an earlier rule decided.
    pub fn keep(self, rule: Rule) -> Self {
        self.share(rule, 1.0)
    }

    /// Keeps this share of the traces in which a record matches, unless an earlier rule decided.
    pub fn share(mut self, rule: Rule, rate: f64) -> Self {
        self.rules.push((rule, share(rate)));
        self
    }

    /// Sets how many records may wait for the end of their traces; over that, the oldest traces are
    /// decided on as far as they have come. Defaults to 50,000.
    pub fn records(mut self, records: usize) -> Self {
        self.records = records;
        self
    }

    /// Sets how long nothing must come of a trace until it is over, where its root is not recorded
    /// here. Defaults to 5 seconds.
    pub fn quiet(mut self, quiet: Duration) -> Self {
        self.quiet = quiet;
        self
    }

    /// Sets how long a trace may wait in all; then it is decided on as far as it has come. Defaults
    /// to 2 minutes.
    pub fn longest(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }
}

/// A share from 0 to 1; what is none loses nothing.
fn share(rate: f64) -> f64 {
    if rate.is_nan() { 1.0 } else { rate.clamp(0.0, 1.0) }
}

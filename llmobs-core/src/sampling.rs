//! Tail sampling: which traces are worth keeping is known when they are over.

mod decisions;
mod percentile;
mod rule;
mod traces;

use std::time::Duration;

#[doc(hidden)]
pub use self::decisions::Decisions;
pub use self::rule::Rule;
pub(crate) use self::traces::{Bound, Decided, Traces};
use crate::record::Sampling;

/// Keeps the traces that tell something, and a share of the rest.
///
/// A trace is decided on as a whole, by all its records together: the first of the rules that one of
/// them matches says which share of such traces is kept. The share is taken by a hash of the trace's
/// id: services of one trace that have the same share agree, and what head samplers take by the id
/// itself does not touch it. Every record that is kept says at which rate
/// ([`Record::sampling`](crate::Record::sampling)): one that was kept at 0.02 stands for fifty.
///
/// Records wait in memory until their trace is over: its root has been recorded and no call of it is
/// open, or nothing has come of it for a while, since the root of many traces is in another service.
/// What comes later follows the decision, for as long as it is remembered: 65,536 traces. A judgement
/// that comes later, of a user or an evaluator, and matches a rule is kept for itself if the trace is
/// not. Metrics are taken before, of every record.
///
/// What is left out is counted, in [`Losses::sampled_out`](crate::Losses::sampled_out), and is no
/// loss. Over its bounds nothing is lost either: the oldest traces are decided on before they are
/// over, which [`Losses::decided_early`](crate::Losses::decided_early) counts. A flush, an idle wait and a
/// shutdown decide on all traces that wait, as far as they have come: what has been recorded could not go
/// out otherwise. A service that flushes often decides on many traces before their failures.
///
/// What head sampling left out has no span, whatever is decided here, and its records are sampled
/// like all others; the rate is this sampler's alone. Spans in an OpenTelemetry provider of the
/// application's are that provider's: they are sampled where a processor of llmobs's is around its
/// own (`llmobs::otlp::TailSampled`).
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
    pub(crate) bytes: usize,
    pub(crate) quiet: Duration,
    pub(crate) linger: Option<Duration>,
    pub(crate) longest: Duration,
    pub(crate) by_trace_id: bool,
}

impl TailSampling {
    /// Keeps this share, from 0 to 1, of the traces that no rule matches. What is no share keeps all.
    pub fn new(rest: f64) -> Self {
        Self {
            rules: Vec::new(),
            rest: share(rest),
            records: 50_000,
            bytes: 64 << 20,
            quiet: Duration::from_secs(5),
            linger: None,
            longest: Duration::from_secs(120),
            by_trace_id: false,
        }
    }

    /// The same with the rules that nearly everybody wants: all that failed, and the slowest
    /// hundredth of each model's calls, by their whole time and by their first token.
    pub fn usual(rest: f64) -> Self {
        let rules = [Rule::failed(), Rule::slowest(), Rule::slowest_first_token()];
        rules.into_iter().fold(Self::new(rest), Self::keep)
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

    /// Sets how much memory the records that wait may take, in bytes, as far as it can be told from
    /// outside; over that, the oldest traces are decided on as far as they have come. Defaults to
    /// 64 MiB.
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets how long nothing must come of a trace until it is over, where its root is not recorded
    /// here. Defaults to 5 seconds.
    pub fn quiet(mut self, quiet: Duration) -> Self {
        self.quiet = quiet;
        self
    }

    /// Sets how long nothing must come of a trace whose root is recorded until it is over: time for
    /// judgements of it. Defaults to no time, and to 5 seconds where a rule is about judgements
    /// ([`Rule::score_below`], [`Rule::judged`]).
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = Some(linger);
        self
    }

    /// Sets how long a trace may wait in all; then it is decided on as far as it has come. Defaults
    /// to 2 minutes.
    pub fn longest(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// Takes shares by the last 56 bits of the id itself, the highest first, as OpenTelemetry's
    /// consistent sampling has it: to agree with others that do so. Ids must be random then, as W3C
    /// Trace Context asks for. Where a head sampler goes by the id as well, what is kept of its traces
    /// is no longer the share that the records say. Defaults to a hash of the id.
    pub fn by_trace_id(mut self) -> Self {
        self.by_trace_id = true;
        self
    }

    /// How long a trace waits whose root is recorded.
    pub(crate) fn lingers(&self) -> Duration {
        let judged = self.rules.iter().any(|(rule, _)| rule.is_about_judgements());
        self.linger.unwrap_or(if judged { Duration::from_secs(5) } else { Duration::ZERO })
    }
}

/// What tail sampling made of a trace.
#[derive(Clone, Debug, PartialEq)]
pub enum TraceVerdict {
    /// Its records are kept, at this rate and by this rule.
    Kept(Sampling),
    /// Its records are left out.
    LeftOut,
    /// There was nothing to decide on: none of its records came this far.
    Unknown,
}

/// A share from 0 to 1; what is none loses nothing.
fn share(rate: f64) -> f64 {
    if rate.is_nan() { 1.0 } else { rate.clamp(0.0, 1.0) }
}

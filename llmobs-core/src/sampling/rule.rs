//! What makes a trace worth keeping.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::contain::contained;
use crate::record::{Amount, Evaluation, Kind, Outcome, Record};

use super::percentile::Slowest;

/// A condition on one record of a trace, with the name it goes under in the records.
pub struct Rule {
    name: Cow<'static, str>,
    test: Test,
}

enum Test {
    /// By a judgement.
    Judgement(Box<dyn Fn(&Evaluation) -> bool + Send + 'static>),
    /// By the record alone.
    Record(Box<dyn Fn(&Record) -> bool + Send + 'static>),
    /// By what other calls of the same model took.
    Slowest(Slowest),
}

impl Rule {
    fn of(
        name: impl Into<Cow<'static, str>>,
        test: impl Fn(&Record) -> bool + Send + 'static,
    ) -> Self {
        Self { name: name.into(), test: Test::Record(Box::new(test)) }
    }

    /// Matches by a condition of the application's. One that panics does not match.
    pub fn matching(
        name: impl Into<Cow<'static, str>>,
        test: impl Fn(&Record) -> bool + Send + 'static,
    ) -> Self {
        Self::of(name, move |record| contained(|| test(record)).unwrap_or(false))
    }

    /// Matches calls and steps that failed, or whose answer stopped in the middle.
    pub fn failed() -> Self {
        let failures = [Some(Outcome::Failed), Some(Outcome::Interrupted)];
        Self::of("failed", move |record| failures.contains(&record.outcome))
    }

    /// Matches what ended in this way.
    pub fn outcome(outcome: Outcome) -> Self {
        Self::of(outcome.as_str(), move |record| record.outcome == Some(outcome))
    }

    /// Matches calls, and the roots of traces, that took longer than this.
    pub fn slower_than(limit: Duration) -> Self {
        let limit = limit.as_secs_f64() * 1e3;
        Self::of("slow", move |record| {
            let counts = record.kind == Kind::Interaction || record.parent_span_id.is_none();
            counts && record.total_latency_ms.is_some_and(|millis| millis > limit)
        })
    }

    /// Matches streamed calls whose first token came later than this.
    pub fn first_token_after(limit: Duration) -> Self {
        let limit = limit.as_secs_f64() * 1e3;
        Self::of("slow_first_token", move |record| record.ttft_ms.is_some_and(|ttft| ttft > limit))
    }

    /// Matches calls that took longer than 99 % of the last thousands of the same model and operation:
    /// from the hundredth call on, for up to 256 models.
    pub fn slowest() -> Self {
        Self { name: "slowest".into(), test: Test::Slowest(Slowest::new(|r| r.total_latency_ms)) }
    }

    /// The same of the time to the first token.
    pub fn slowest_first_token() -> Self {
        let test = Test::Slowest(Slowest::new(|record| record.ttft_ms));
        Self { name: "slowest_first_token".into(), test }
    }

    /// Matches calls that cost more than this, in whatever currency they were billed in.
    pub fn costs_over(limit: Amount) -> Self {
        Self::of("cost", move |record| {
            let own = record.kind == Kind::Interaction;
            own && record.cost.as_ref().is_some_and(|cost| cost.total > limit)
        })
    }

    /// Matches agents, workflows and fallbacks whose calls cost more than this together, in whatever
    /// currency they were billed in.
    pub fn run_costs_over(limit: Amount) -> Self {
        Self::of("run_cost", move |record| {
            record.totals.as_ref().and_then(|totals| totals.cost).is_some_and(|cost| cost > limit)
        })
    }

    /// Matches calls whose input and output together have more tokens than this.
    pub fn tokens_over(limit: u64) -> Self {
        Self::of("tokens", move |record| {
            let counts = [record.input_tokens, record.output_tokens];
            counts.into_iter().flatten().fold(0, u64::saturating_add) > limit
        })
    }

    /// Matches calls one of whose choices ended for this reason, such as `length`.
    pub fn finish_reason(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::of(format!("finish_reason:{reason}"), move |record| {
            let several = record.finish_reasons.iter().flatten();
            several.chain(&record.finish_reason).any(|known| *known == reason)
        })
    }

    /// Matches calls that were refused, or in which a filter of the provider's found something.
    pub fn flagged() -> Self {
        Self::of("flagged", |record| {
            record.safety.as_ref().is_some_and(|safety| {
                safety.filtered || safety.detected || safety.severity_not_safe || safety.refusal
            })
        })
    }

    /// Matches calls whose tokens have a mean log probability below this, such as -1.0; of calls that
    /// asked for log probabilities.
    pub fn uncertain(limit: f64) -> Self {
        Self::of("uncertain", move |record| {
            record.logprobs.as_ref().is_some_and(|logprobs| logprobs.mean < limit)
        })
    }

    /// Matches calls whose tokens had alternatives with a mean entropy above this, in nats, such as
    /// 0.7 where two were equally likely; of calls that asked for alternatives.
    pub fn entropy_over(limit: f64) -> Self {
        Self::of("entropy", move |record| {
            let entropy = record.logprobs.as_ref().and_then(|logprobs| logprobs.entropy);
            entropy.is_some_and(|entropy| entropy > limit)
        })
    }

    /// Matches judgements of this name, of a user's or an evaluator's, with a score below this.
    ///
    /// Its trace is kept where the judgement comes before it was decided on
    /// ([`TailSampling::linger`](crate::TailSampling::linger)); one that comes later is kept for
    /// itself.
    pub fn score_below(name: impl Into<String>, limit: f64) -> Self {
        let name = name.into();
        Self::judgement(format!("score:{name}"), move |judged| {
            judged.name == name && judged.score.is_some_and(|score| score < limit)
        })
    }

    /// Matches judgements of this name with this label, such as `fail`; otherwise like
    /// [`score_below`](Self::score_below).
    pub fn judged(name: impl Into<String>, label: impl Into<String>) -> Self {
        let (name, label) = (name.into(), label.into());
        Self::judgement(format!("judged:{name}={label}"), move |judged| {
            judged.name == name && judged.label.as_ref() == Some(&label)
        })
    }

    fn judgement(
        name: impl Into<Cow<'static, str>>,
        test: impl Fn(&Evaluation) -> bool + Send + 'static,
    ) -> Self {
        Self { name: name.into(), test: Test::Judgement(Box::new(test)) }
    }

    /// Matches calls with this prompt, in this version or, with `None`, in any.
    pub fn prompt(name: impl Into<String>, version: Option<&str>) -> Self {
        let (name, version) = (name.into(), version.map(str::to_owned));
        let title = match &version {
            Some(version) => format!("prompt:{name}@{version}"),
            None => format!("prompt:{name}"),
        };
        Self::of(title, move |record| {
            let all = record.prompt.iter().chain(&record.prompts);
            all.into_iter().any(|prompt| {
                prompt.name == name && (version.is_none() || prompt.version == version)
            })
        })
    }

    /// Matches what has this tag with this value.
    pub fn tag(name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        Self::of(format!("tag:{name}={value}"), move |record| {
            record.tags.get(&name).is_some_and(|known| *known == value)
        })
    }

    /// The name in [`Sampling::rule`](crate::Sampling::rule).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it waits for what is said of a trace after it has ended.
    pub(super) fn is_about_judgements(&self) -> bool {
        matches!(self.test, Test::Judgement(_))
    }

    /// Whether a record matches. Rules that compare learn from it, so each record is shown once.
    pub(super) fn matches(&mut self, record: &Record) -> bool {
        match &mut self.test {
            Test::Judgement(test) => record.evaluation.as_ref().is_some_and(|judged| test(judged)),
            Test::Record(test) => test(record),
            Test::Slowest(slowest) => slowest.matches(record),
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rule").field(&self.name).finish()
    }
}

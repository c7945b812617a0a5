//! What servers say about their own time.

use std::collections::BTreeMap;

use super::json::{Maybe, Raw, number, object};

object! {
    /// `timings` of llama.cpp, in milliseconds.
    pub(super) struct Timings<'a> {
        prompt_ms: Raw<'a> = "prompt_ms",
        prompt_per_token_ms: Raw<'a> = "prompt_per_token_ms",
        predicted_ms: Raw<'a> = "predicted_ms",
        predicted_per_token_ms: Raw<'a> = "predicted_per_token_ms",
    }
}

object! {
    /// `time_info` of Cerebras, in seconds.
    pub(super) struct TimeInfo<'a> {
        queue_time: Raw<'a> = "queue_time",
        prompt_time: Raw<'a> = "prompt_time",
        completion_time: Raw<'a> = "completion_time",
        total_time: Raw<'a> = "total_time",
    }
}

/// Times that servers gave names of their own which are kept of one answer.
pub(super) const MAX_TOLD: usize = 16;

/// Times by name; the last one said counts.
#[derive(Debug, Default)]
pub(super) struct Timing {
    /// Few, as a rule: a map would take more room than they.
    known: Vec<(&'static str, f64)>,
    /// Under the server's own names; known ones go before these.
    told: Vec<(String, f64)>,
}

impl Timing {
    pub(super) fn millis(&mut self, name: &'static str, millis: Option<f64>) {
        if let Some(millis) = millis.filter(|millis| millis.is_finite() && *millis >= 0.0) {
            match self.known.iter_mut().find(|(known, _)| *known == name) {
                Some((_, last)) => *last = millis,
                None => self.known.push((name, millis)),
            }
        }
    }

    /// Takes a time under a name of the server's own; the first of a name counts.
    pub(super) fn told(&mut self, name: String, millis: f64) {
        let known = self.told.iter().any(|(told, _)| *told == name);
        if !known && self.told.len() < MAX_TOLD && millis.is_finite() && millis >= 0.0 {
            self.told.push((name, millis));
        }
    }

    pub(super) fn seconds(&mut self, name: &'static str, seconds: Option<f64>) {
        self.millis(name, seconds.map(|seconds| seconds * 1e3));
    }

    pub(super) fn timings(&mut self, Maybe(sent): &Maybe<Timings<'_>>) {
        let Some(sent) = sent else { return };
        self.millis("prompt_ms", number(sent.prompt_ms));
        self.millis("prompt_per_token_ms", number(sent.prompt_per_token_ms));
        self.millis("predicted_ms", number(sent.predicted_ms));
        self.millis("predicted_per_token_ms", number(sent.predicted_per_token_ms));
    }

    pub(super) fn time_info(&mut self, Maybe(sent): &Maybe<TimeInfo<'_>>) {
        let Some(sent) = sent else { return };
        self.seconds("queue_ms", number(sent.queue_time));
        self.seconds("prompt_ms", number(sent.prompt_time));
        self.seconds("completion_ms", number(sent.completion_time));
        self.seconds("total_ms", number(sent.total_time));
    }

    pub(super) fn finish(self, timing: &mut BTreeMap<String, f64>) {
        timing.extend(self.told);
        timing.extend(self.known.into_iter().map(|(name, millis)| (name.to_owned(), millis)));
    }
}

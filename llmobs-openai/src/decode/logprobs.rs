//! Log probabilities, summed up as they come.

use std::collections::BTreeMap;

use llmobs_core::{Logprobs, Record};

use super::json::{Few, Maybe, Raw, each, member, number, object};

object! {
    struct Sent<'a> {
        content: Raw<'a> = "content",
        refusal: Raw<'a> = "refusal",
        // The legacy completions' shape: parallel arrays.
        token_logprobs: Raw<'a> = "token_logprobs",
        top_logprobs: Raw<'a> = "top_logprobs",
    }
}

object! {
    struct Token<'a> {
        logprob: Raw<'a> = "logprob",
        top_logprobs: Few<Maybe<Alternative<'a>>> = "top_logprobs",
    }
}

object! {
    struct Alternative<'a> {
        logprob: Raw<'a> = "logprob",
    }
}

/// Sums over the tokens of the answer; tokens of reasoning are left out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LogprobSums {
    tokens: u64,
    logprobs: f64,
    positions: u64,
    entropies: f64,
}

impl LogprobSums {
    /// Adds the `logprobs` of a choice.
    pub(super) fn take(&mut self, raw: Raw<'_>) {
        let Some(sent) = member::<Sent<'_>>(raw) else { return };
        self.tokens(sent.content);
        self.tokens(sent.refusal);
        self.legacy(sent.token_logprobs, sent.top_logprobs);
    }

    /// Adds a list of tokens.
    pub(super) fn tokens(&mut self, raw: Raw<'_>) {
        each(raw, |Maybe(token): Maybe<Token<'_>>| {
            let Some(token) = token else { return };
            let offered = token.top_logprobs.iter();
            let offered = offered.filter_map(|offered| number(offered.0.as_ref()?.logprob));
            self.token(number(token.logprob), offered);
        });
    }

    fn legacy(&mut self, logprobs: Raw<'_>, alternatives: Raw<'_>) {
        each(logprobs, |logprob: Raw<'_>| self.token(number(logprob), std::iter::empty()));
        each(alternatives, |offered: Raw<'_>| {
            let offered = offered
                .and_then(|raw| serde_json::from_str::<BTreeMap<String, f64>>(raw.get()).ok());
            self.position(offered.into_iter().flatten().map(|(_, logprob)| logprob));
        });
    }

    fn token(&mut self, logprob: Option<f64>, alternatives: impl Iterator<Item = f64>) {
        let Some(logprob) = logprob.filter(|logprob| *logprob <= 0.0) else { return };
        self.tokens += 1;
        self.logprobs += logprob;
        self.position(alternatives);
    }

    /// Adds the entropy at one position.
    ///
    /// Only the best few alternatives are ever offered. What they leave of the probability, `r`, is
    /// taken as one further outcome: `H = −Σ pᵢ ln pᵢ − r ln r`. The model's true entropy is never
    /// below that.
    fn position(&mut self, alternatives: impl Iterator<Item = f64>) {
        let (mut offered, mut sum, mut entropy) = (false, 0.0, 0.0);
        for logprob in alternatives.filter(|logprob| *logprob <= 0.0) {
            let p = logprob.exp();
            offered = true;
            sum += p;
            entropy -= p * logprob;
        }
        if !offered {
            return;
        }
        let rest: f64 = 1.0 - sum;
        if rest > 0.0 {
            entropy -= rest * rest.ln();
        }
        self.positions += 1;
        self.entropies += entropy;
    }

    pub(super) fn finish(self, record: &mut Record) {
        if self.tokens > 0 {
            record.logprobs = Some(Logprobs {
                mean: self.logprobs / self.tokens as f64,
                entropy: (self.positions > 0).then(|| self.entropies / self.positions as f64),
                tokens: self.tokens,
            });
        }
    }
}

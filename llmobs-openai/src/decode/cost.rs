//! What an answer says it cost. Decimals are read as they stand, not as floating point.

use llmobs_core::{Amount, Cost};

use super::json::{Raw, count, flag, member, object, text};

/// The members of a usage object that tell of money.
pub(super) struct CostSent<'a> {
    /// An amount in dollars, or an object with one.
    pub(super) cost: Raw<'a>,
    pub(super) details: Raw<'a>,
    /// The call was made with a key of the customer's own at the provider behind a gateway.
    pub(super) own_key: Raw<'a>,
    /// Ten thousand millionths of a dollar.
    pub(super) ticks: Raw<'a>,
    pub(super) gateway: Raw<'a>,
}

object! {
    struct CostObject<'a> {
        total_cost: Raw<'a> = "total_cost",
        input_tokens_cost: Raw<'a> = "input_tokens_cost",
        input_cost: Raw<'a> = "input_cost",
        output_tokens_cost: Raw<'a> = "output_tokens_cost",
        output_cost: Raw<'a> = "output_cost",
        currency: Raw<'a> = "currency",
    }
}

object! {
    struct Details<'a> {
        upstream: Raw<'a> = "upstream_inference_cost",
        prompt: Raw<'a> = "upstream_inference_prompt_cost",
        input: Raw<'a> = "upstream_inference_input_cost",
        completions: Raw<'a> = "upstream_inference_completions_cost",
        output: Raw<'a> = "upstream_inference_output_cost",
    }
}

object! {
    struct Gateway<'a> {
        cost_estimate: Raw<'a> = "cost_estimate",
    }
}

impl CostSent<'_> {
    /// `None` where nothing is said, or nothing that can be believed.
    pub(super) fn read(&self) -> Option<Cost> {
        if let Some(cost) = member::<CostObject<'_>>(self.cost) {
            return from_object(&cost);
        }
        if let Some(charged) = amount(self.cost) {
            return self.charged(charged);
        }
        if let Some(ticks) = count(self.ticks) {
            return Amount::from_nanos(ticks / 10 + u64::from(ticks % 10 >= 5)).map(Cost::reported);
        }
        let gateway = member::<Gateway<'_>>(self.gateway)?;
        amount(gateway.cost_estimate).map(Cost::reported)
    }

    /// What a gateway charged, and what the provider behind it charges besides.
    fn charged(&self, charged: Amount) -> Option<Cost> {
        let details = member::<Details<'_>>(self.details).unwrap_or_default();
        let total = if flag(self.own_key) == Some(true) {
            charged.checked_add(amount(details.upstream)?)?
        } else {
            charged
        };
        let input = amount(details.prompt).or_else(|| amount(details.input));
        let output = amount(details.completions).or_else(|| amount(details.output));
        Some(with_parts(Cost::reported(total), input, output))
    }
}

fn from_object(sent: &CostObject<'_>) -> Option<Cost> {
    let mut cost = Cost::reported(amount(sent.total_cost)?);
    if let Some(currency) = text(sent.currency) {
        let known = currency.len() == 3 && currency.bytes().all(|c| c.is_ascii_alphabetic());
        cost.currency = known.then(|| currency.to_ascii_uppercase().into())?;
    }
    let input = amount(sent.input_tokens_cost).or_else(|| amount(sent.input_cost));
    let output = amount(sent.output_tokens_cost).or_else(|| amount(sent.output_cost));
    Some(with_parts(cost, input, output))
}

/// Parts of more than the whole are parts of something else, such as a price before a discount.
fn with_parts(mut cost: Cost, input: Option<Amount>, output: Option<Amount>) -> Cost {
    let sum = input.unwrap_or_default().checked_add(output.unwrap_or_default());
    if sum.is_some_and(|sum| sum <= cost.total) {
        (cost.input, cost.output) = (input, output);
    }
    cost
}

fn amount(raw: Raw<'_>) -> Option<Amount> {
    raw?.get().parse().ok()
}

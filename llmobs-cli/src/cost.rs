//! What calls cost, summed in integers, and of how many calls it is not known.

use std::collections::BTreeMap;

use llmobs_core::semconv::operation;
use llmobs_core::{Amount, Cost, CostSource, Record};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::text::{clean, count};

/// How many currencies are told apart; whoever has more is counted as unpriced.
const MAX_CURRENCIES: usize = 8;

/// What a record's call cost, with names that are safe to keep.
pub(crate) fn cost_of(record: &Record) -> Option<Cost> {
    let mut cost = record.cost.as_deref()?.clone();
    cost.currency = clean(&cost.currency).into();
    cost.table = cost.table.as_deref().map(|table| clean(table).into());
    Some(cost)
}

/// Whether a call is one that costs: reading a stored answer is not.
pub(crate) fn is_billed(record: &Record) -> bool {
    record.operation.as_deref() != Some(operation::FETCH_RESPONSE) || record.cost.is_some()
}

/// Costs of some calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Costs {
    sums: BTreeMap<String, Sum>,
    /// Calls of which it is not known what they cost.
    pub(crate) unpriced: u64,
}

/// Costs in one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Billionths of the currency's unit: room for more calls than there can be.
    pub(crate) nanos: u128,
    pub(crate) calls: u64,
    /// Of these, how many have estimated token counts.
    pub(crate) estimated: u64,
}

impl Costs {
    pub(crate) fn add(&mut self, cost: Option<&Cost>) {
        let room = self.sums.len() < MAX_CURRENCIES;
        let known = cost.filter(|cost| room || self.sums.contains_key(cost.currency.as_ref()));
        let Some(cost) = known else {
            self.unpriced += 1;
            return;
        };
        let sum = self.sums.entry(cost.currency.clone().into_owned()).or_default();
        sum.nanos = sum.nanos.saturating_add(cost.total.nanos().into());
        sum.calls += 1;
        sum.estimated += u64::from(cost.source == Some(CostSource::Estimated));
    }

    pub(crate) fn currencies(&self) -> impl Iterator<Item = &str> {
        self.sums.keys().map(String::as_str)
    }

    /// `None` when no call has a cost in this currency.
    pub(crate) fn sum(&self, currency: &str) -> Option<Sum> {
        self.sums.get(currency).copied()
    }

    pub(crate) fn estimated(&self) -> u64 {
        self.sums.values().map(|sum| sum.estimated).sum()
    }

    /// The sums for programs.
    pub(crate) fn view(&self) -> Vec<SumView<'_>> {
        let mut views = Vec::with_capacity(self.sums.len());
        for (currency, Sum { nanos, calls, estimated }) in &self.sums {
            if let Ok(sum) = RawValue::from_string(exact(*nanos)) {
                views.push(SumView { currency, sum, calls: *calls, estimated: *estimated });
            }
        }
        views
    }
}

/// A sum for programs; its number is the exact decimal.
#[derive(Serialize)]
pub(crate) struct SumView<'a> {
    currency: &'a str,
    sum: Box<RawValue>,
    calls: u64,
    #[serde(skip_serializing_if = "is_zero")]
    estimated: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Billionths of a unit as units, to the last digit.
fn exact(nanos: u128) -> String {
    let (units, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let text = format!("{units}.{nanos:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// One number of decimals for amounts that stand below each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MoneyScale {
    decimals: u32,
}

impl MoneyScale {
    /// The scale for amounts up to `highest` billionths: two decimals for thousands of units, six
    /// for less than a hundredth of one.
    pub(crate) fn new(highest: u128) -> Self {
        let decimals = match highest {
            1_000_000_000_000.. => 2,
            10_000_000.. => 4,
            _ => 6,
        };
        Self { decimals }
    }

    /// The number alone; what would round to nothing is said to be less than the least.
    pub(crate) fn number(self, nanos: u128) -> String {
        let step = 10_u128.pow(9 - self.decimals);
        let steps = nanos.saturating_add(step / 2) / step;
        let (less, steps) = if steps == 0 && nanos > 0 { ("<", 1) } else { ("", steps) };
        let one = 10_u128.pow(self.decimals);
        let units = u64::try_from(steps / one).unwrap_or(u64::MAX);
        let decimals = self.decimals as usize;
        format!("{less}{}.{:0decimals$}", count(units), steps % one)
    }

    /// The number with its currency.
    pub(crate) fn money(self, nanos: u128, currency: &str) -> String {
        let number = self.number(nanos);
        match (currency, number.strip_prefix('<')) {
            (Cost::USD, Some(number)) => format!("<${number}"),
            (Cost::USD, None) => format!("${number}"),
            _ => format!("{number} {currency}"),
        }
    }
}

/// An amount for sums.
pub(crate) fn nanos(amount: Amount) -> u128 {
    amount.nanos().into()
}

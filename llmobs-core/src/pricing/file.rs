//! A table's text.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::error::PriceError;
use super::find::{Entry, Rates, Table, Tariff};
use crate::record::{Amount, Cost};
use crate::time::Timestamp;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableText {
    version: String,
    currency: Option<String>,
    #[serde(default)]
    same_as: HashMap<String, String>,
    #[serde(default)]
    lists: Vec<ListText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListText {
    provider: String,
    #[serde(default)]
    hosts: Vec<String>,
    taken: Option<String>,
    #[serde(rename = "source")]
    _source: Option<String>,
    #[serde(rename = "note")]
    _note: Option<String>,
    prices: Vec<EntryText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryText {
    models: Vec<String>,
    price: RatesText,
    long: Option<LongText>,
    #[serde(default)]
    tiers: BTreeMap<String, TierText>,
    since: Option<String>,
    until: Option<String>,
    taken: Option<String>,
    #[serde(rename = "source")]
    _source: Option<String>,
    #[serde(rename = "note")]
    _note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierText {
    price: RatesText,
    long: Option<LongText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LongText {
    over: u64,
    price: RatesText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RatesText {
    input: String,
    cached_input: Option<String>,
    cache_write: Option<String>,
    output: Option<String>,
    audio_input: Option<String>,
    audio_output: Option<String>,
}

/// What an entry says that cannot be.
type Wrong = String;

pub(super) fn parse(text: &str) -> Result<Table, PriceError> {
    let text: TableText = serde_json::from_str(text).map_err(|err| {
        let reason = err.to_string();
        // The place is told apart from what is wrong there.
        let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(what, _)| what);
        PriceError::Form { line: err.line(), column: err.column(), reason: reason.to_owned() }
    })?;
    let currency = text.currency.unwrap_or_else(|| Cost::USD.to_owned());
    let mut table = Table::new(text.version, currency, text.same_as);
    let mut number = 0;
    for list in text.lists {
        for entry in list.prices {
            number += 1;
            let models = entry.models.join(", ");
            let read = entry.read(&list.hosts, list.taken.as_deref());
            let added = read.and_then(|(patterns, entry)| {
                patterns
                    .iter()
                    .try_for_each(|pattern| table.add(&list.provider, pattern, entry.clone()))
            });
            added.map_err(|reason| PriceError::Entry {
                entry: number,
                models,
                provider: list.provider.clone(),
                reason,
            })?;
        }
    }
    Ok(table)
}

impl EntryText {
    fn read(self, hosts: &[String], taken: Option<&str>) -> Result<(Vec<String>, Entry), Wrong> {
        if self.models.is_empty() {
            return Err("it is for no model".to_owned());
        }
        if let Some(taken) = self.taken.as_deref().or(taken) {
            day(taken)?;
        }
        let tier = |(name, tier): (String, TierText)| Ok((name, tariff(tier.price, tier.long)?));
        let entry = Entry {
            hosts: hosts.to_vec(),
            since: self.since.as_deref().map(day).transpose()?,
            until: self.until.as_deref().map(day).transpose()?,
            standard: tariff(self.price, self.long)?,
            tiers: self.tiers.into_iter().map(tier).collect::<Result<_, Wrong>>()?,
        };
        if entry.since.zip(entry.until).is_some_and(|(since, until)| since >= until) {
            return Err("it ends before it begins".to_owned());
        }
        Ok((self.models, entry))
    }
}

fn tariff(price: RatesText, long: Option<LongText>) -> Result<Tariff, Wrong> {
    let long = long.map(|long| Ok::<_, Wrong>((long.over, rates(long.price)?)));
    Ok(Tariff { rates: rates(price)?, long: long.transpose()? })
}

fn rates(text: RatesText) -> Result<Rates, Wrong> {
    let read = |price: Option<String>| price.as_deref().map(price_of).transpose();
    let rates = Rates {
        input: Some(price_of(&text.input)?),
        cached_input: read(text.cached_input)?,
        cache_write: read(text.cache_write)?,
        output: read(text.output)?,
        audio_input: read(text.audio_input)?,
        audio_output: read(text.audio_output)?,
    };
    if rates.cached_input > rates.input {
        return Err("cached input costs more than other input".to_owned());
    }
    Ok(rates)
}

fn price_of(text: &str) -> Result<Amount, Wrong> {
    match Amount::read(text) {
        Some((price, true)) => Ok(price),
        Some((_, false)) => Err(format!("the price {text:?} has more than nine decimal places")),
        None => Err(format!("{text:?} is not a price")),
    }
}

/// The beginning of a day, in UTC.
fn day(text: &str) -> Result<Timestamp, Wrong> {
    format!("{text}T00:00:00Z").parse().map_err(|_| format!("{text:?} is not a day"))
}

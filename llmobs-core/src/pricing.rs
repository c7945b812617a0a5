//! What calls cost, by price tables.
//!
//! Money is counted in billionths of a unit, in integers from the table's text to the record. What
//! is not known has no cost, which is not a cost of zero: an unknown model or provider, counts that
//! were not sent or contradict each other, a stream that did not come to its end, an item that is
//! billed by the piece, a service tier the table does not have.

mod error;
mod file;
mod find;

use std::path::Path;
use std::sync::{Arc, LazyLock};

pub use self::error::PriceError;
use self::find::{Table, Tariff};
use crate::record::{Amount, Cost, CostSource, Kind, Outcome, Record, Usage, UsageSource};
use crate::semconv::{item, operation, tier};

static BUILTIN: LazyLock<PriceTable> =
    LazyLock::new(|| PriceTable::parse(include_str!("../prices/prices.json")).unwrap_or_default());

/// Prices of models, by provider.
///
/// The built-in table holds what widely used providers list, with the date and place each price was
/// taken from. A table of your own goes before it entry by entry; `llmobs-core/prices/README.md`
/// describes the file.
///
/// ```
/// use llmobs_core::{PriceTable, Record, Usage};
///
/// let own = PriceTable::parse(
///     r#"{
///         "version": "acme-7",
///         "lists": [{
///             "provider": "llm.acme.example",
///             "prices": [{ "models": ["small-*"], "price": { "input": "0.20", "output": "0.60" } }]
///         }]
///     }"#,
/// )?;
/// let record = Record {
///     provider: Some("llm.acme.example".into()),
///     model: Some("small-2".into()),
///     input_tokens: Some(1_000),
///     output_tokens: Some(100),
///     usage: Some(Usage::default()),
///     ..Record::default()
/// };
/// let cost = own.over(&PriceTable::builtin()).price(&record).ok_or("it has a price")?;
/// assert_eq!(cost.total.to_string(), "0.00026");
/// assert_eq!(cost.table.as_deref(), Some("acme-7"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PriceTable {
    /// The first that knows a model prices it.
    tables: Vec<Arc<Table>>,
}

impl PriceTable {
    /// A table without prices: only what providers report is known.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The table that comes with this version.
    pub fn builtin() -> Self {
        BUILTIN.clone()
    }

    /// Reads a table from its text.
    ///
    /// # Errors
    ///
    /// When the text is not a table's; the error says where.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        Ok(Self { tables: vec![Arc::new(file::parse(text)?)] })
    }

    /// Reads a table from a file, and puts it over the built-in one.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is not a table.
    pub fn with_file(path: impl AsRef<Path>) -> Result<Self, PriceError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|err| PriceError::read(path, err))?;
        Ok(Self::parse(&text)?.over(&Self::builtin()))
    }

    /// This table, and below it another for the models that this one does not know.
    #[must_use]
    pub fn over(mut self, below: &Self) -> Self {
        self.tables.extend(below.tables.iter().cloned());
        self
    }

    /// Versions of the tables, the one that is asked first before the others.
    pub fn versions(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().map(|table| table.version.as_ref())
    }

    /// What a call cost by these prices; `None` where that cannot be said.
    ///
    /// What the record itself says of its cost is not looked at.
    pub fn price(&self, record: &Record) -> Option<Cost> {
        let counts = Counts::of(record)?;
        let provider = record.provider.as_deref()?;
        let same_as = self.tables.iter().find_map(|table| table.same_as(provider));
        let (table, tariff) = self.tables.iter().find_map(|table| {
            let entry = table.find(record, same_as)?;
            // A table that knows the model decides, even if it has no price for this way to use it.
            Some((table, entry.tariff(service_tier(record))))
        })?;
        let (input, output) = counts.amounts(tariff?)?;
        let estimated = record.usage.as_ref()?.source == Some(UsageSource::Estimated);
        Some(Cost {
            total: input.checked_add(output)?,
            input: Some(input),
            output: Some(output),
            currency: table.currency.clone(),
            table: Some(table.version.clone()),
            source: Some(if estimated { CostSource::Estimated } else { CostSource::Table }),
        })
    }

    /// Gives a record its cost: the one that was reported, else the one by these prices.
    pub(crate) fn settle(&self, record: &mut Record) {
        if record.kind != Kind::Interaction {
            return;
        }
        if record.cost.is_none() || !is_final(record) {
            record.cost = self.price(record).map(Box::new);
        }
    }
}

/// Whether what was reported is what will be billed, for this call and no other.
fn is_final(record: &Record) -> bool {
    let ended = match record.outcome {
        // Some streams tell what they have used so far in each event.
        Some(Outcome::Dropped | Outcome::Interrupted | Outcome::Unfinished) => false,
        Some(Outcome::Failed) if record.stream == Some(true) => {
            record.wire.as_ref().is_some_and(|wire| wire.end_marker == Some(true))
        }
        _ => true,
    };
    // A stored answer tells of the call that made it.
    ended && record.operation.as_deref() != Some(operation::FETCH_RESPONSE)
}

/// The tier that is billed: the one that served the answer, else the one asked for; `None` for the
/// usual one.
fn service_tier(record: &Record) -> Option<&str> {
    let asked = || record.params.as_ref()?.service_tier.as_deref();
    let tier =
        record.service_tier.as_deref().or_else(|| asked().filter(|asked| *asked != tier::AUTO));
    tier.filter(|name| !tier::STANDARD.contains(name))
}

/// Tokens by how they are billed; none is in two.
struct Counts {
    /// All input, which decides on the price of long inputs.
    whole_input: u64,
    input: u64,
    cached: u64,
    written: u64,
    audio_input: u64,
    output: u64,
    audio_output: u64,
}

impl Counts {
    /// `None` where they are not known, or do not say what was used.
    fn of(record: &Record) -> Option<Self> {
        let usage = record.usage.as_ref()?;
        let estimated = usage.source == Some(UsageSource::Estimated);
        let operation = record.operation.as_deref();
        let billable = record.kind == Kind::Interaction
            && !usage.inconsistent
            && operation != Some(operation::FETCH_RESPONSE)
            // What a gateway takes for an answer from its cache is for the gateway to say.
            && record.cache_hit != Some(true)
            && (estimated || is_final(record))
            // Tools of the provider's own are billed by the call.
            && record.output_item_types.iter().all(|kind| item::BY_TOKENS.contains(&kind.as_str()));
        if !billable {
            return None;
        }
        let input = record.input_tokens?;
        let output = match record.output_tokens {
            None if operation == Some(operation::EMBEDDINGS) => 0,
            output => billed_output(input, output?, usage)?,
        };
        let cached = usage.cache_read_tokens.unwrap_or(0);
        let written = usage.cache_write_tokens.unwrap_or(0);
        let audio_input = usage.audio_input_tokens.unwrap_or(0);
        let audio_output = usage.audio_output_tokens.unwrap_or(0);
        if audio_input > 0 && (cached > 0 || written > 0) {
            // How much of what was cached is audio is not said.
            return None;
        }
        let special = cached.checked_add(written)?.checked_add(audio_input)?;
        Some(Self {
            whole_input: input,
            input: input.checked_sub(special)?,
            cached,
            written,
            audio_input,
            output: output.checked_sub(audio_output)?,
            audio_output,
        })
    }

    /// What input and output cost; `None` where there is no price for some of it.
    fn amounts(&self, tariff: &Tariff) -> Option<(Amount, Amount)> {
        let rates = tariff.rates(self.whole_input);
        let input = amount([
            (self.input, rates.input),
            (self.cached, rates.cached_input),
            (self.written, rates.cache_write),
            (self.audio_input, rates.audio_input),
        ])?;
        let output =
            amount([(self.output, rates.output), (self.audio_output, rates.audio_output)])?;
        Some((input, output))
    }
}

/// Output with the reasoning that some providers count beside it; the totals tell. `None` when they
/// tell of something else.
fn billed_output(input: u64, output: u64, usage: &Usage) -> Option<u64> {
    let sum = input.checked_add(output)?;
    let reasoning = usage.reasoning_tokens.unwrap_or(0);
    match usage.total_tokens {
        None => (reasoning <= output).then_some(output),
        Some(total) if total == sum => Some(output),
        Some(total) if total == sum.checked_add(reasoning)? => output.checked_add(reasoning),
        Some(_) => None,
    }
}

/// Tokens at prices for a million of them, rounded to the billionth once, half up.
fn amount<const N: usize>(parts: [(u64, Option<Amount>); N]) -> Option<Amount> {
    const MILLION: u128 = 1_000_000;
    let mut sum: u128 = 0;
    for (tokens, price) in parts.into_iter().filter(|(tokens, _)| *tokens > 0) {
        sum = sum.checked_add(u128::from(tokens) * u128::from(price?.nanos()))?;
    }
    let nanos = sum.checked_add(MILLION / 2)? / MILLION;
    Amount::from_nanos(u64::try_from(nanos).ok()?)
}

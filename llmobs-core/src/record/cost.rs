//! What an operation cost.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Term;

/// What an operation cost; absent where it is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cost {
    /// All of it. What is reported may hold more than input and output, such as a fee for a search.
    pub total: Amount,
    /// The part for the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Amount>,
    /// The part for the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Amount>,
    /// Unit of the amounts: a currency by its three letters.
    pub currency: Term,
    /// Version of the price table it was taken from; absent where it was reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Term>,
    /// How it is known.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::known")]
    pub source: Option<CostSource>,
}

impl Cost {
    /// The currency of what is reported without one, and of tables that name none.
    pub const USD: &'static str = "USD";

    /// A cost the provider, or a gateway, reported in US dollars.
    pub fn reported(total: Amount) -> Self {
        Self {
            total,
            input: None,
            output: None,
            currency: Self::USD.into(),
            table: None,
            source: Some(CostSource::Reported),
        }
    }
}

/// How a cost is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CostSource {
    /// The provider, or a gateway before it, sent it.
    Reported,
    /// From reported token counts and a price table.
    Table,
    /// From a price table and token counts that were estimated themselves.
    Estimated,
}

impl CostSource {
    /// The name in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Table => "table",
            Self::Estimated => "estimated",
        }
    }
}

/// An amount of money: billionths of a currency's unit, at most a million units.
///
/// In JSON it is a number of units. With its bound it has no more than fifteen significant digits,
/// which every JSON number carries: what is written is the exact decimal, and reads back the same.
///
/// ```
/// use llmobs_core::Amount;
///
/// let amount: Amount = "0.000137".parse()?;
/// assert_eq!(amount.nanos(), 137_000);
/// assert_eq!(serde_json::to_string(&amount)?, "0.000137");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u64);

/// Decimal places of an amount.
const PLACES: i64 = 9;
/// Longest text that is read as an amount; nobody writes longer ones in earnest.
const MAX_TEXT: usize = 64;

impl Amount {
    /// Nothing: known to be free, which is not the same as unknown.
    pub const ZERO: Self = Self(0);
    /// The greatest amount: a million units.
    pub const MAX: Self = Self(1_000_000_000_000_000);

    /// An amount of billionths; `None` above [`MAX`](Self::MAX).
    pub const fn from_nanos(nanos: u64) -> Option<Self> {
        if nanos <= Self::MAX.0 { Some(Self(nanos)) } else { None }
    }

    /// The amount in billionths.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The sum; `None` above [`MAX`](Self::MAX).
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        Self::from_nanos(self.0 + other.0)
    }

    /// The amount in units, for interfaces that take nothing but floating point.
    pub fn units(self) -> f64 {
        // Both are exact, and a division of exact numbers gives the number nearest the decimal.
        self.0 as f64 / 1e9
    }

    /// What a decimal number tells, rounded to the billionth, and whether that took no rounding.
    pub(crate) fn read(text: &str) -> Option<(Self, bool)> {
        let text = text.trim();
        if text.len() > MAX_TEXT {
            return None;
        }
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() || mantissa.ends_with('.') {
            return None;
        }
        // How many of the digits make up the billionths.
        let kept = i64::try_from(whole.len()).ok()? + i64::from(exponent) + PLACES;
        let mut nanos: u64 = 0;
        let (mut exact, mut up) = (true, false);
        let mut place = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            let digit = u64::from(digit.wrapping_sub(b'0'));
            if digit > 9 {
                return None;
            }
            if place < kept {
                nanos = nanos.checked_mul(10)?.checked_add(digit)?;
            } else {
                exact &= digit == 0;
                up |= place == kept && digit >= 5;
            }
            place += 1;
        }
        while place < kept && nanos > 0 {
            nanos = nanos.checked_mul(10)?;
            place += 1;
        }
        Some((Self::from_nanos(nanos + u64::from(up))?, exact))
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    /// Reads a decimal number, with or without an exponent, rounded to the billionth.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(text).map(|(amount, _)| amount).ok_or(AmountError)
    }
}

impl fmt::Display for Amount {
    /// The exact decimal number, without an exponent and without zeros at its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        if nanos == 0 {
            return write!(f, "{units}");
        }
        let fraction = format!("{nanos:09}");
        write!(f, "{units}.{}", fraction.trim_end_matches('0'))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.units())
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AmountVisitor;

        impl Visitor<'_> for AmountVisitor {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number from 0 to 1,000,000")
            }

            fn visit_u64<E: de::Error>(self, units: u64) -> Result<Amount, E> {
                let nanos = units.checked_mul(1_000_000_000).and_then(Amount::from_nanos);
                nanos.ok_or_else(|| E::custom(AmountError))
            }

            fn visit_f64<E: de::Error>(self, units: f64) -> Result<Amount, E> {
                let nanos = (units * 1e9).round();
                let fits = (0.0..=Amount::MAX.0 as f64).contains(&nanos);
                fits.then_some(Amount(nanos as u64)).ok_or_else(|| E::custom(AmountError))
            }
        }

        deserializer.deserialize_any(AmountVisitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Amount {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "number", "minimum": 0, "maximum": 1_000_000 })
    }
}

/// A text that is no decimal number from 0 to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number from 0 to 1,000,000")]
pub struct AmountError;

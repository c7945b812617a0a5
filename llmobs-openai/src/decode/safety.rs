//! Results of the provider's content filters.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use llmobs_core::{Record, Safety};

use super::json::{Key, Raw, others_are_absent};

/// What all filter results of an answer say together.
///
/// Results nest by category, by prompt and by list; what counts are the flags at the leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Filters {
    present: bool,
    filtered: bool,
    detected: bool,
    severity: bool,
}

impl Filters {
    /// Adds the results a member holds.
    pub(super) fn add(&mut self, raw: Raw<'_>) {
        let found = raw.and_then(|raw| serde_json::from_str::<Self>(raw.get()).ok());
        if let Some(found) = found {
            self.merge(found);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.present |= other.present;
        self.filtered |= other.filtered;
        self.detected |= other.detected;
        self.severity |= other.severity;
    }

    /// Writes what was found; nothing when there was nothing.
    pub(super) fn finish(self, refusal: bool, record: &mut Record) {
        if self.present || refusal {
            record.safety = Some(Box::new(Safety {
                present: self.present,
                filtered: self.filtered,
                detected: self.detected,
                severity_not_safe: self.severity,
                refusal,
            }));
        }
    }
}

impl<'de> Deserialize<'de> for Filters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FiltersVisitor)
    }
}

struct FiltersVisitor;

impl<'de> Visitor<'de> for FiltersVisitor {
    type Value = Filters;

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Filters, A::Error> {
        let mut all = Filters::default();
        while let Some(one) = seq.next_element()? {
            all.merge(one);
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Filters, A::Error> {
        enum Field {
            Filtered,
            Detected,
            Severity,
            Other,
        }
        let field = |key: &str| match key {
            // The Responses API of Azure says `blocked` of a prompt or an answer as a whole.
            "filtered" | "blocked" => Field::Filtered,
            "detected" => Field::Detected,
            "severity" => Field::Severity,
            _ => Field::Other,
        };
        let mut all = Filters::default();
        while let Some(field) = map.next_key_seed(Key(field))? {
            match field {
                Field::Filtered => {
                    all.present = true;
                    all.filtered |= map.next_value::<Leaf>()? == Leaf::True;
                }
                Field::Detected => {
                    all.present = true;
                    all.detected |= map.next_value::<Leaf>()? == Leaf::True;
                }
                Field::Severity => {
                    all.present = true;
                    all.severity |= map.next_value::<Leaf>()? == Leaf::NotSafe;
                }
                Field::Other => all.merge(map.next_value()?),
            }
        }
        Ok(all)
    }

    others_are_absent!('de);
}

/// The value of a flag or a severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Leaf {
    #[default]
    Other,
    True,
    NotSafe,
}

impl<'de> Deserialize<'de> for Leaf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LeafVisitor;

        impl<'de> Visitor<'de> for LeafVisitor {
            type Value = Leaf;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Leaf, E> {
                Ok(if flag { Leaf::True } else { Leaf::Other })
            }

            fn visit_str<E: de::Error>(self, severity: &str) -> Result<Leaf, E> {
                let safe = severity.is_empty() || severity.eq_ignore_ascii_case("safe");
                Ok(if safe { Leaf::Other } else { Leaf::NotSafe })
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Leaf, E> {
                Ok(Leaf::Other)
            }

            // Some filters grade by number, and 0 is safe.
            fn visit_u64<E: de::Error>(self, severity: u64) -> Result<Leaf, E> {
                Ok(if severity == 0 { Leaf::Other } else { Leaf::NotSafe })
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Leaf, E> {
                Ok(Leaf::Other)
            }

            fn visit_unit<E: de::Error>(self) -> Result<Leaf, E> {
                Ok(Leaf::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Leaf, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Leaf::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Leaf, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Leaf::Other)
            }
        }

        deserializer.deserialize_any(LeafVisitor)
    }
}

//! Why a record is there, where not all are.

use serde::{Deserialize, Serialize};

/// What a tail sampler decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Sampling {
    /// Share of such traces that was kept, from 0 to 1: the record stands for `1 / rate`.
    pub rate: f64,
    /// Rule that decided; absent for what no rule matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

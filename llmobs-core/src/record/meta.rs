//! Lines about the file or the recorder itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Name and version of the schema, as the first line of a file states it.
pub const SCHEMA: &str = "llmobs/1";

/// Facts about the file or the recorder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Meta {
    /// Name and version of the schema: [`SCHEMA`].
    pub schema: String,
    /// Version of llmobs that wrote the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdk: Option<String>,
    /// Which trace backend was in use: `local`, `own` or `attached`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Process id of the writer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_id: Option<u32>,
    /// What was lost so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub losses: Option<LossReport>,
}

/// Counts since the recorder was started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct LossReport {
    /// Operations the recorder took on.
    pub accepted: u64,
    /// What was lost, by cause: operations, records that a sink did not take, exports of metrics. Causes
    /// with a count of zero are left out.
    pub lost: BTreeMap<String, u64>,
    /// Records that tail sampling left out, which are not lost.
    #[serde(skip_serializing_if = "is_zero")]
    pub sampled_out: u64,
    /// Records and exports of metrics waiting, in memory and on disk, by what they wait for; only where
    /// there are any.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub waiting: BTreeMap<String, u64>,
    /// Those that earlier processes had left on disk, by what they were for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub recovered: BTreeMap<String, u64>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

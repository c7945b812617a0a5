//! Where the time of a call went.

use serde::{Deserialize, Serialize};

/// The parts of a call's latency, in milliseconds.
///
/// All marks are taken from one monotonic clock as bytes arrive on the wire, unless `clock` says that
/// something else was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Latency {
    /// Where the marks were taken, `ttft_ms` and `total_latency_ms` included; absent for the wire.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "super::known")]
    pub clock: Option<LatencyClock>,
    /// Call issued to last attempt sent: limiters, retries, back-off.
    #[serde(skip_serializing_if = "super::unknown")]
    pub queue_ms: Option<f64>,
    /// Call issued to first attempt sent: limiters, and whatever else waits before sending.
    #[serde(skip_serializing_if = "super::unknown")]
    pub limiter_ms: Option<f64>,
    /// First to last attempt sent: attempts that came to nothing, and the back-off between them.
    /// Zero for a call that was sent once; with `limiter_ms` it makes up `queue_ms`.
    #[serde(skip_serializing_if = "super::unknown")]
    pub retry_ms: Option<f64>,
    /// Last attempt sent to response headers.
    #[serde(skip_serializing_if = "super::unknown")]
    pub headers_ms: Option<f64>,
    /// Call issued to first byte of the answer's body; only of bodies that are counted, not read:
    /// sound, pictures, files.
    #[serde(skip_serializing_if = "super::unknown")]
    pub time_to_first_byte_ms: Option<f64>,
    /// Call issued to first event of any kind; streams only.
    #[serde(skip_serializing_if = "super::unknown")]
    pub time_to_first_chunk_ms: Option<f64>,
    /// Last attempt sent to first token: an upper bound, connecting and the server's queue are in it.
    #[serde(skip_serializing_if = "super::unknown")]
    pub prefill_ms: Option<f64>,
    /// First to last token.
    #[serde(skip_serializing_if = "super::unknown")]
    pub decode_ms: Option<f64>,
    /// How `tpot_ms` was arrived at.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "super::known")]
    pub tpot_source: Option<TpotSource>,
    /// Gaps between reads that carried tokens: how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gaps: Option<u64>,
    /// Median gap.
    #[serde(skip_serializing_if = "super::unknown")]
    pub gap_p50_ms: Option<f64>,
    /// 95th percentile of the gaps.
    #[serde(skip_serializing_if = "super::unknown")]
    pub gap_p95_ms: Option<f64>,
    /// 99th percentile of the gaps.
    #[serde(skip_serializing_if = "super::unknown")]
    pub gap_p99_ms: Option<f64>,
    /// Longest gap.
    #[serde(skip_serializing_if = "super::unknown")]
    pub gap_max_ms: Option<f64>,
    /// All tokens arrived in one or two reads: there is no pace to measure.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub buffered: bool,
    /// Event-to-event times, for the per-chunk metric; not part of the line.
    #[serde(skip)]
    pub chunk_gaps_ms: Vec<f32>,
}

/// Where the marks of time were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LatencyClock {
    /// Where the application reads the answer: a slow reader makes them late, and there is no pace
    /// of tokens in them.
    Reader,
    /// Where another crate's `tracing` span began and ended: its own work is in the times.
    Span,
}

impl LatencyClock {
    /// The name in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Span => "span",
        }
    }
}

/// How the time per output token was arrived at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TpotSource {
    /// By reported output tokens.
    Tokens,
    /// By reported output tokens less the hidden reasoning, which came before the first token.
    VisibleTokens,
    /// By output events per choice, for want of a usable token count.
    Events,
}

/// Nanoseconds as milliseconds, rounded to the microsecond.
pub fn millis(nanos: u64) -> f64 {
    (nanos as f64 / 1_000.0).round() / 1_000.0
}

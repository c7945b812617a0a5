//! Token counts beyond the two totals.

use serde::{Deserialize, Serialize};

/// Token counts in detail; each is a part of `input_tokens` or `output_tokens` by most providers'
/// books, and kept as reported where it is not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Usage {
    /// Input and output together, as reported; never added up here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
    /// Input tokens read from the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read_tokens: Option<u64>,
    /// Input tokens written to the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    /// Output tokens spent on reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    /// Input tokens that were audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_input_tokens: Option<u64>,
    /// Output tokens that were audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_output_tokens: Option<u64>,
    /// Input tokens that were images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_input_tokens: Option<u64>,
    /// Output tokens that were images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_output_tokens: Option<u64>,
    /// Input tokens that were text, where the provider tells them apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_input_tokens: Option<u64>,
    /// Output tokens that were text, where the provider tells them apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_output_tokens: Option<u64>,
    /// Seconds of audio that were heard, where those are what is counted.
    #[serde(skip_serializing_if = "super::unknown")]
    pub audio_seconds: Option<f64>,
    /// Where the counts come from.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "super::known")]
    pub source: Option<UsageSource>,
    /// The counts contradict each other, or came once per choice: they are kept as reported, and
    /// nothing is derived from them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inconsistent: bool,
}

/// Where token counts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UsageSource {
    /// The provider sent them.
    Reported,
    /// The provider sent them because we asked on the application's behalf.
    Injected,
    /// Counted here with a tokenizer.
    Estimated,
}

//! What is known of a call by what arrived.

use serde_json::Value;

#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) first: bool,
    pub(crate) tokens: bool,
    pub(crate) finish_reason: bool,
    /// How the call ended, where that is said.
    pub(crate) outcome: Option<String>,
    pub(crate) error: bool,
}

impl Told {
    /// From what the backend and the process itself have; nothing where nothing arrived.
    pub(crate) fn of(arrived: &[Value]) -> Option<Self> {
        let last = arrived.iter().find_map(|arrived| arrived["last"].as_object())?;
        let has = |names: &[&str]| names.iter().any(|name| last.contains_key(*name));
        let outcome = ["outcome", "llmobs.outcome"].iter().find_map(|name| last.get(*name));
        Some(Self {
            first: has(&["ttft_ms", "gen_ai.response.time_to_first_chunk", "llmobs.ttft_ms"]),
            tokens: has(&["output_tokens", "gen_ai.usage.output_tokens"]),
            finish_reason: has(&["finish_reason", "gen_ai.response.finish_reasons"]),
            outcome: outcome.and_then(Value::as_str).map(str::to_owned),
            error: last.get("status").is_some_and(|status| status == "STATUS_CODE_ERROR"),
        })
    }
}

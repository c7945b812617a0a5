//! What spans of other crates are read for besides [`attribute`](super::attribute): names of theirs,
//! and of earlier conventions. None of them is sent.

/// tracing-opentelemetry: name of the span.
pub const OTEL_NAME: &str = "otel.name";
/// tracing-opentelemetry: kind of the span.
pub const OTEL_KIND: &str = "otel.kind";
/// tracing-opentelemetry: `ok` or `error`.
pub const OTEL_STATUS_CODE: &str = "otel.status_code";
/// tracing-opentelemetry: an error's message.
pub const OTEL_STATUS_DESCRIPTION: &str = "otel.status_description";
/// Provider, by earlier conventions.
pub const SYSTEM: &str = "gen_ai.system";
/// Input tokens, by earlier conventions.
pub const USAGE_PROMPT_TOKENS: &str = "gen_ai.usage.prompt_tokens";
/// Output tokens, by earlier conventions.
pub const USAGE_COMPLETION_TOKENS: &str = "gen_ai.usage.completion_tokens";
/// Input tokens into the cache, by earlier conventions.
pub const USAGE_CACHE_CREATION: &str = "gen_ai.usage.cache_creation.input_tokens";
/// rig: output tokens spent on reasoning.
pub const USAGE_REASONING_TOKENS: &str = "gen_ai.usage.reasoning_tokens";
/// rig: the provider's id of the HTTP request.
pub const PROVIDER_REQUEST_ID: &str = "rig.provider_request_id";
/// rig: how a tool's run ended.
pub const TOOL_OUTCOME: &str = "gen_ai.tool.call.outcome";
/// rig: how a tool failed.
pub const TOOL_ERROR_TYPE: &str = "gen_ai.tool.error.type";
/// Service tier answered.
pub const RESPONSE_SERVICE_TIER: &str = super::attribute::OPENAI_RESPONSE_SERVICE_TIER;
/// Fingerprint of the provider's configuration.
pub const SYSTEM_FINGERPRINT: &str = super::attribute::OPENAI_SYSTEM_FINGERPRINT;
/// What an agent was asked.
pub const PROMPT: &str = "gen_ai.prompt";
/// What an agent answered.
pub const COMPLETION: &str = "gen_ai.completion";

/// Values of `otel.status_code`, in lower case.
pub mod status {
    /// The operation came to its end.
    pub const OK: &str = "ok";
    /// The operation failed.
    pub const ERROR: &str = "error";
}

/// Value of `otel.kind` for calls out of the process, in lower case.
pub const KIND_CLIENT: &str = "client";

/// Operations of theirs.
pub mod operation {
    /// Making an agent.
    pub const CREATE_AGENT: &str = "create_agent";
    /// Planning what to do.
    pub const PLAN: &str = "plan";
    /// rig: making images.
    pub const IMAGE_GENERATION: &str = "image_generation";
    /// rig: making speech.
    pub const AUDIO_GENERATION: &str = "audio_generation";
    /// rig: ordering documents by a model.
    pub const RERANK: &str = "rerank";
}

//! Which fields are read, and how much of each.

use crate::capture::Capture;
use crate::semconv::{attribute as a, foreign as f};

/// Longest value of a field that is no content, in bytes.
pub(in crate::layer) const SHORT: usize = 256;
/// Longest list of words.
const LIST: usize = 2 << 10;
/// Longest content of a field; of a longer one nothing is kept.
pub(super) const CONTENT: usize = 256 << 10;

/// What is read, besides content.
const READ: &[&str] = &[
    a::OPERATION_NAME,
    a::PROVIDER_NAME,
    a::CONVERSATION_ID,
    a::REQUEST_MODEL,
    a::REQUEST_STREAM,
    a::REQUEST_TEMPERATURE,
    a::REQUEST_TOP_P,
    a::REQUEST_TOP_K,
    a::REQUEST_MAX_TOKENS,
    a::REQUEST_CHOICE_COUNT,
    a::REQUEST_SEED,
    a::REQUEST_FREQUENCY_PENALTY,
    a::REQUEST_PRESENCE_PENALTY,
    a::REQUEST_REASONING_LEVEL,
    a::REQUEST_PREVIOUS_RESPONSE_ID,
    a::EMBEDDINGS_DIMENSION_COUNT,
    a::OUTPUT_TYPE,
    a::RESPONSE_MODEL,
    a::RESPONSE_ID,
    a::RESPONSE_TIME_TO_FIRST_CHUNK,
    a::USAGE_INPUT_TOKENS,
    a::USAGE_OUTPUT_TOKENS,
    a::USAGE_CACHE_READ,
    a::USAGE_CACHE_WRITE,
    a::USAGE_REASONING,
    a::TOOL_NAME,
    a::TOOL_TYPE,
    a::TOOL_CALL_ID,
    a::AGENT_NAME,
    a::AGENT_ID,
    a::AGENT_VERSION,
    a::WORKFLOW_NAME,
    a::SERVER_ADDRESS,
    a::SERVER_PORT,
    a::ERROR_TYPE,
    f::RESPONSE_SERVICE_TIER,
    f::SYSTEM_FINGERPRINT,
    f::OTEL_NAME,
    f::OTEL_KIND,
    f::OTEL_STATUS_CODE,
    f::SYSTEM,
    f::USAGE_PROMPT_TOKENS,
    f::USAGE_COMPLETION_TOKENS,
    f::USAGE_CACHE_CREATION,
    f::USAGE_REASONING_TOKENS,
    f::PROVIDER_REQUEST_ID,
    f::TOOL_OUTCOME,
    f::TOOL_ERROR_TYPE,
];

/// Lists of words.
const LISTS: &[&str] =
    &[a::RESPONSE_FINISH_REASONS, a::REQUEST_STOP_SEQUENCES, a::REQUEST_ENCODING_FORMATS];

/// How much is kept of a field; `None` when nothing is.
pub(super) fn limit(name: &str, capture: Capture) -> Option<usize> {
    let content = match name {
        a::INPUT_MESSAGES | a::SYSTEM_INSTRUCTIONS | f::PROMPT => capture.has_input(),
        a::OUTPUT_MESSAGES | f::COMPLETION => capture.has_output(),
        a::TOOL_DEFINITIONS | a::TOOL_CALL_ARGUMENTS | a::TOOL_CALL_RESULT => capture.has_tools(),
        f::OTEL_STATUS_DESCRIPTION => capture.has_errors(),
        _ if READ.contains(&name) => return Some(SHORT),
        _ if LISTS.contains(&name) => return Some(LIST),
        _ => return None,
    };
    content.then_some(CONTENT)
}

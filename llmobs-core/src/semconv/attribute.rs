//! Span, metric and event attributes.

/// Operation, one of [`operation`](super::operation).
pub const OPERATION_NAME: &str = "gen_ai.operation.name";
/// Provider, one of [`provider`](super::provider) or a host.
pub const PROVIDER_NAME: &str = "gen_ai.provider.name";
/// Conversation the application named.
pub const CONVERSATION_ID: &str = "gen_ai.conversation.id";
/// Model asked for.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// Documents asked for.
pub const RETRIEVAL_TOP_K: &str = "gen_ai.retrieval.top_k";
/// What documents were looked for by.
pub const RETRIEVAL_QUERY: &str = "gen_ai.retrieval.query.text";
/// Where documents were looked for.
pub const DATA_SOURCE_ID: &str = "gen_ai.data_source.id";
/// Memory that was read or written.
pub const MEMORY_STORE_ID: &str = "gen_ai.memory.store.id";
/// The one record of a memory that it was about.
pub const MEMORY_RECORD_ID: &str = "gen_ai.memory.record.id";
/// Records of a memory that were found or written.
pub const MEMORY_RECORD_COUNT: &str = "gen_ai.memory.record.count";
/// What a memory was searched for.
pub const MEMORY_QUERY: &str = "gen_ai.memory.query.text";
/// Records of a memory with their texts, as a JSON string.
pub const MEMORY_RECORDS: &str = "gen_ai.memory.records";
/// Set, to `true`, on streamed calls only.
pub const REQUEST_STREAM: &str = "gen_ai.request.stream";
/// Sampling temperature.
pub const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
/// Nucleus sampling.
pub const REQUEST_TOP_P: &str = "gen_ai.request.top_p";
/// Top-k sampling.
pub const REQUEST_TOP_K: &str = "gen_ai.request.top_k";
/// Upper bound of output tokens.
pub const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
/// Choices asked for, when not 1.
pub const REQUEST_CHOICE_COUNT: &str = "gen_ai.request.choice.count";
/// Seed.
pub const REQUEST_SEED: &str = "gen_ai.request.seed";
/// Stop sequences.
pub const REQUEST_STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
/// Frequency penalty.
pub const REQUEST_FREQUENCY_PENALTY: &str = "gen_ai.request.frequency_penalty";
/// Presence penalty.
pub const REQUEST_PRESENCE_PENALTY: &str = "gen_ai.request.presence_penalty";
/// Reasoning effort.
pub const REQUEST_REASONING_LEVEL: &str = "gen_ai.request.reasoning.level";
/// Stored answer the call continues.
pub const REQUEST_PREVIOUS_RESPONSE_ID: &str = "gen_ai.request.previous_response.id";
/// Encodings of embeddings.
pub const REQUEST_ENCODING_FORMATS: &str = "gen_ai.request.encoding_formats";
/// Dimensions of embeddings asked for.
pub const EMBEDDINGS_DIMENSION_COUNT: &str = "gen_ai.embeddings.dimension.count";
/// Kind of output asked for.
pub const OUTPUT_TYPE: &str = "gen_ai.output.type";
/// Model that answered.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Provider's id of the answer.
pub const RESPONSE_ID: &str = "gen_ai.response.id";
/// State of a stored answer.
pub const RESPONSE_STATUS: &str = "gen_ai.response.status";
/// Finish reasons by choice.
pub const RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Issued to first chunk, in seconds.
pub const RESPONSE_TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
/// Input tokens.
pub const USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Output tokens.
pub const USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// Input tokens from the cache.
pub const USAGE_CACHE_READ: &str = "gen_ai.usage.cache_read.input_tokens";
/// Input tokens into the cache.
pub const USAGE_CACHE_WRITE: &str = "gen_ai.usage.cache_write.input_tokens";
/// Input tokens into the cache, before October 2026.
pub const PREVIOUS_USAGE_CACHE_WRITE: &str = "gen_ai.usage.cache_creation.input_tokens";
/// Output tokens spent on reasoning.
pub const USAGE_REASONING: &str = "gen_ai.usage.reasoning.output_tokens";
/// Audio input tokens.
pub const USAGE_AUDIO_INPUT: &str = "gen_ai.usage.audio.input_tokens";
/// Audio output tokens.
pub const USAGE_AUDIO_OUTPUT: &str = "gen_ai.usage.audio.output_tokens";
/// Image input tokens.
pub const USAGE_IMAGE_INPUT: &str = "gen_ai.usage.image.input_tokens";
/// Image output tokens.
pub const USAGE_IMAGE_OUTPUT: &str = "gen_ai.usage.image.output_tokens";
/// Text input tokens.
pub const USAGE_TEXT_INPUT: &str = "gen_ai.usage.text.input_tokens";
/// Text output tokens.
pub const USAGE_TEXT_OUTPUT: &str = "gen_ai.usage.text.output_tokens";
/// Kind of token a usage counter counts.
pub const TOKEN_MODALITY: &str = "gen_ai.token.modality";
/// Whether tokens are `input` or `output`, in the metric of before October 2026.
pub const PREVIOUS_TOKEN_TYPE: &str = "gen_ai.token.type";
/// Prompt template's name.
pub const PROMPT_NAME: &str = "gen_ai.prompt.name";
/// Prompt template's version.
pub const PROMPT_VERSION: &str = "gen_ai.prompt.version";
/// A value the prompt template was filled with; the variable's name follows.
pub const PROMPT_VARIABLE_PREFIX: &str = "gen_ai.prompt.variable.";
/// Messages sent, as a JSON string.
pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
/// Messages generated, as a JSON string.
pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
/// Instructions apart from the messages, as a JSON string.
pub const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
/// Tools offered, as a JSON string.
pub const TOOL_DEFINITIONS: &str = "gen_ai.tool.definitions";
/// Tool that ran.
pub const TOOL_NAME: &str = "gen_ai.tool.name";
/// Type of the tool that ran, such as `function`.
pub const TOOL_TYPE: &str = "gen_ai.tool.type";
/// What the tool that ran is for.
pub const TOOL_DESCRIPTION: &str = "gen_ai.tool.description";
/// Id of the tool call that was answered.
pub const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
/// What a tool was run with, as a JSON string.
pub const TOOL_CALL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
/// What a tool gave back, as a JSON string.
pub const TOOL_CALL_RESULT: &str = "gen_ai.tool.call.result";
/// Agent that ran.
pub const AGENT_NAME: &str = "gen_ai.agent.name";
/// Id of the agent that ran, for remote agents.
pub const AGENT_ID: &str = "gen_ai.agent.id";
/// Version of the agent that ran, for remote agents.
pub const AGENT_VERSION: &str = "gen_ai.agent.version";
/// What the agent that ran is for.
pub const AGENT_DESCRIPTION: &str = "gen_ai.agent.description";
/// Documents that were found, with their texts, as a JSON string.
pub const RETRIEVAL_DOCUMENTS: &str = "gen_ai.retrieval.documents";
/// Workflow that ran.
pub const WORKFLOW_NAME: &str = "gen_ai.workflow.name";
/// Host called.
pub const SERVER_ADDRESS: &str = "server.address";
/// Port called.
pub const SERVER_PORT: &str = "server.port";
/// What failed.
pub const ERROR_TYPE: &str = "error.type";
/// What was thrown, in languages that throw; here the type of the error.
pub const EXCEPTION_TYPE: &str = "exception.type";
/// The error's message, which is content.
pub const EXCEPTION_MESSAGE: &str = "exception.message";
/// What was judged.
pub const EVALUATION_NAME: &str = "gen_ai.evaluation.name";
/// How good it was found to be.
pub const EVALUATION_SCORE: &str = "gen_ai.evaluation.score.value";
/// The judgement as a word.
pub const EVALUATION_LABEL: &str = "gen_ai.evaluation.score.label";
/// Why, which is content.
pub const EVALUATION_EXPLANATION: &str = "gen_ai.evaluation.explanation";
/// Session the application named.
pub const SESSION_ID: &str = "session.id";
/// User the application named.
pub const USER_ID: &str = "user.id";
/// Which OpenAI API was called.
pub const OPENAI_API_TYPE: &str = "openai.api.type";
/// Service tier asked for.
pub const OPENAI_REQUEST_SERVICE_TIER: &str = "openai.request.service_tier";
/// Service tier answered.
pub const OPENAI_RESPONSE_SERVICE_TIER: &str = "openai.response.service_tier";
/// Fingerprint of the provider's configuration.
pub const OPENAI_SYSTEM_FINGERPRINT: &str = "openai.response.system_fingerprint";

/// What was embedded, as a JSON string.
pub const LLMOBS_EMBEDDINGS_INPUT: &str = "llmobs.embeddings.input";
/// Which API was called, one of [`api`](super::api), where the conventions have no name for it.
pub const LLMOBS_API: &str = "llmobs.api";
/// Issued to first byte of the body, in milliseconds, of bodies that are counted.
pub const LLMOBS_TIME_TO_FIRST_BYTE_MS: &str = "llmobs.latency.time_to_first_byte_ms";
/// Seconds of audio heard, where those are counted.
pub const LLMOBS_AUDIO_SECONDS: &str = "llmobs.usage.audio_seconds";
/// Our own request id.
pub const LLMOBS_REQUEST_ID: &str = "llmobs.request_id";
/// How the operation ended.
pub const LLMOBS_OUTCOME: &str = "llmobs.outcome";
/// What kind of step.
pub const LLMOBS_STEP: &str = "llmobs.step";
/// Id of the agent that ran, which the conventions have for remote agents only.
pub const LLMOBS_AGENT_ID: &str = "llmobs.agent.id";
/// Version of the agent that ran, likewise.
pub const LLMOBS_AGENT_VERSION: &str = "llmobs.agent.version";
/// Name of the step, where the span's name has more in it.
pub const LLMOBS_STEP_NAME: &str = "llmobs.step.name";
/// What a step other than a tool was run with, as a JSON string.
pub const LLMOBS_STEP_ARGUMENTS: &str = "llmobs.step.arguments";
/// What a step other than a tool gave back, as a JSON string.
pub const LLMOBS_STEP_RESULT: &str = "llmobs.step.result";
/// Items that were read of the stream or iterator a step gave back.
pub const LLMOBS_STEP_ITEMS: &str = "llmobs.step.items";
/// Documents that were found.
pub const LLMOBS_RETRIEVED_COUNT: &str = "llmobs.retrieved.count";
/// Ids of the documents that were found, in their order; empty where one has none.
pub const LLMOBS_RETRIEVED_IDS: &str = "llmobs.retrieved.ids";
/// Scores of the documents that were found, in their order; only where each has one.
pub const LLMOBS_RETRIEVED_SCORES: &str = "llmobs.retrieved.scores";
/// Issued to first token, in milliseconds.
pub const LLMOBS_TTFT_MS: &str = "llmobs.ttft_ms";
/// Time per output token, in milliseconds.
pub const LLMOBS_TPOT_MS: &str = "llmobs.tpot_ms";
/// Issued to last attempt sent, in milliseconds.
pub const LLMOBS_QUEUE_MS: &str = "llmobs.latency.queue_ms";
/// First to last attempt sent, in milliseconds; only of a call that was sent several times.
pub const LLMOBS_RETRY_MS: &str = "llmobs.latency.retry_ms";
/// Who answered in place of a gateway.
pub const LLMOBS_SERVED_BY: &str = "llmobs.served_by";
/// Last attempt sent to first token, in milliseconds.
pub const LLMOBS_PREFILL_MS: &str = "llmobs.latency.prefill_ms";
/// First to last token, in milliseconds.
pub const LLMOBS_DECODE_MS: &str = "llmobs.latency.decode_ms";
/// Where the times were taken; absent for the wire.
pub const LLMOBS_LATENCY_CLOCK: &str = "llmobs.latency.clock";
/// Time in which the application kept items of a stream waiting, in milliseconds.
pub const LLMOBS_CONSUMER_STALL_MS: &str = "llmobs.consumer.stall_ms";
/// How the reading of a stream ended.
pub const LLMOBS_CONSUMER_ENDED: &str = "llmobs.consumer.ended";
/// HTTP requests sent.
pub const LLMOBS_ATTEMPTS: &str = "llmobs.attempts";
/// HTTP status of the last answer.
pub const LLMOBS_HTTP_STATUS: &str = "llmobs.http_status";
/// Class of an error, the same for every provider.
pub const LLMOBS_ERROR_CLASS: &str = "llmobs.error.class";
/// Provider's code of an error.
pub const LLMOBS_ERROR_CODE: &str = "llmobs.error.code";
/// Provider's id of the HTTP request.
pub const LLMOBS_PROVIDER_REQUEST_ID: &str = "llmobs.provider_request_id";
/// Where token counts come from.
pub const LLMOBS_USAGE_SOURCE: &str = "llmobs.usage.source";
/// The token counts contradict each other.
pub const LLMOBS_USAGE_INCONSISTENT: &str = "llmobs.usage.inconsistent";
/// Hash of the prompt template.
pub const LLMOBS_PROMPT_HASH: &str = "llmobs.prompt.hash";
/// All prompt templates in the input, as `name@version`, where there are several.
pub const LLMOBS_PROMPTS: &str = "llmobs.prompts";
/// Input and output tokens together, as reported.
pub const LLMOBS_TOTAL_TOKENS: &str = "llmobs.usage.total_tokens";
/// Calls to models below the step.
pub const LLMOBS_TOTALS_CALLS: &str = "llmobs.totals.calls";
/// Calls below the step that failed.
pub const LLMOBS_TOTALS_FAILED: &str = "llmobs.totals.failed";
/// Times the agent had a model generate.
pub const LLMOBS_TOTALS_TURNS: &str = "llmobs.totals.turns";
/// Tools that ran below the step.
pub const LLMOBS_TOTALS_TOOLS: &str = "llmobs.totals.tools";
/// Agents that ran below the step.
pub const LLMOBS_TOTALS_AGENTS: &str = "llmobs.totals.agents";
/// Which attempt of a logical call it was, or which one answered it.
pub const LLMOBS_FALLBACK_ATTEMPT: &str = "llmobs.fallback.attempt";
/// What the call cost, in units of the currency.
pub const LLMOBS_COST_TOTAL: &str = "llmobs.cost.total";
/// What its input cost.
pub const LLMOBS_COST_INPUT: &str = "llmobs.cost.input";
/// What its output cost.
pub const LLMOBS_COST_OUTPUT: &str = "llmobs.cost.output";
/// Currency of the cost.
pub const LLMOBS_COST_CURRENCY: &str = "llmobs.cost.currency";
/// Version of the price table the cost is from.
pub const LLMOBS_COST_TABLE: &str = "llmobs.cost.table";
/// How the cost is known.
pub const LLMOBS_COST_SOURCE: &str = "llmobs.cost.source";
/// Who judged.
pub const LLMOBS_EVALUATOR: &str = "llmobs.evaluation.evaluator";
/// How often a detector found something to redact; the detector's name follows.
pub const LLMOBS_REDACTED_PREFIX: &str = "llmobs.redacted.";
/// What of the record was cut, by the names it has there.
pub const LLMOBS_CUT: &str = "llmobs.cut";
/// Pieces of content that were captured and then left out as a whole.
pub const LLMOBS_WITHHELD: &str = "llmobs.withheld";
/// Share of such traces that a tail sampler kept.
pub const LLMOBS_SAMPLING_RATE: &str = "llmobs.sampling.rate";
/// Rule by which a tail sampler kept the trace.
pub const LLMOBS_SAMPLING_RULE: &str = "llmobs.sampling.rule";
/// Why something was lost: a cause of the recorder's account.
pub const LLMOBS_LOSS_CAUSE: &str = "llmobs.loss.cause";
/// Sink that lost it; absent where it was lost before all sinks.
pub const LLMOBS_SINK: &str = "llmobs.sink";
/// Set, to `true`, on what stands for all attribute sets beyond a limit.
pub const METRIC_OVERFLOW: &str = "otel.metric.overflow";
/// Our recorder refused or lost this span's record.
pub const LLMOBS_LOST: &str = "llmobs.lost";
/// A tag of the application's; its name follows.
pub const LLMOBS_TAG_PREFIX: &str = "llmobs.tag.";

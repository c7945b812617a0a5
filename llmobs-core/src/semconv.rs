//! Every name we put on the wire, here and in the folder beside.
//!
//! `gen_ai.*`, `openai.*`, `server.*` and `error.*` are the OpenTelemetry GenAI conventions',
//! state of October 2026; what they do not have is under `llmobs.`.

pub mod attribute;
pub mod foreign;

/// Keys of W3C Baggage.
pub mod baggage {
    /// Session the application named.
    pub const SESSION_ID: &str = "session.id";
    /// User the application named.
    pub const USER_ID: &str = "user.id";
    /// A tag of the application's; its name follows.
    pub const TAG_PREFIX: &str = "llmobs.tag.";
}

/// Attributes of the resource: the observed service.
pub mod resource {
    /// Name of the service.
    pub const SERVICE_NAME: &str = "service.name";
    /// Version of the service.
    pub const SERVICE_VERSION: &str = "service.version";
    /// Deployment environment.
    pub const ENVIRONMENT: &str = "deployment.environment.name";
    /// Name of the SDK.
    pub const SDK_NAME: &str = "telemetry.sdk.name";
    /// Language of the SDK.
    pub const SDK_LANGUAGE: &str = "telemetry.sdk.language";
    /// Version of the SDK.
    pub const SDK_VERSION: &str = "telemetry.sdk.version";
}

/// Names that some backends read instead of the conventions'; sent only when asked for.
pub mod compat {
    /// OpenInference: what the span is, such as `LLM`.
    pub const SPAN_KIND: &str = "openinference.span.kind";
    /// OpenInference: the model that answered, else the one asked for.
    pub const MODEL_NAME: &str = "llm.model_name";
    /// OpenInference: input tokens.
    pub const TOKENS_PROMPT: &str = "llm.token_count.prompt";
    /// OpenInference: output tokens.
    pub const TOKENS_COMPLETION: &str = "llm.token_count.completion";
    /// OpenInference: both together.
    pub const TOKENS_TOTAL: &str = "llm.token_count.total";
    /// OpenInference: input tokens from the cache.
    pub const TOKENS_CACHE_READ: &str = "llm.token_count.prompt_details.cache_read";
    /// OpenInference: input tokens into the cache.
    pub const TOKENS_CACHE_WRITE: &str = "llm.token_count.prompt_details.cache_write";
    /// OpenInference: output tokens spent on reasoning.
    pub const TOKENS_REASONING: &str = "llm.token_count.completion_details.reasoning";
    /// OpenInference: what the call cost, in US dollars.
    pub const COST_TOTAL: &str = "llm.cost.total";
    /// OpenInference: what its input cost, in US dollars.
    pub const COST_PROMPT: &str = "llm.cost.prompt";
    /// OpenInference: what its output cost, in US dollars.
    pub const COST_COMPLETION: &str = "llm.cost.completion";
    /// OpenInference: version of the prompt template.
    pub const TEMPLATE_VERSION: &str = "llm.prompt_template.version";
    /// OpenInference and MLflow: what went in.
    pub const INPUT_VALUE: &str = "input.value";
    /// OpenInference and MLflow: how to read it.
    pub const INPUT_MIME_TYPE: &str = "input.mime_type";
    /// OpenInference and MLflow: what came out.
    pub const OUTPUT_VALUE: &str = "output.value";
    /// OpenInference and MLflow: how to read it.
    pub const OUTPUT_MIME_TYPE: &str = "output.mime_type";
    /// Langfuse: when the first token came, as a time of day.
    pub const LANGFUSE_FIRST_TOKEN: &str = "langfuse.observation.completion_start_time";
    /// Langfuse: token counts that add up, as a JSON object.
    pub const LANGFUSE_USAGE: &str = "langfuse.observation.usage_details";
    /// Langfuse: what the call cost in US dollars, as a JSON object.
    pub const LANGFUSE_COST: &str = "langfuse.observation.cost_details";
    /// Langfuse: prompt template's name.
    pub const LANGFUSE_PROMPT_NAME: &str = "langfuse.observation.prompt.name";
    /// Langfuse: prompt template's version.
    pub const LANGFUSE_PROMPT_VERSION: &str = "langfuse.observation.prompt.version";
}

/// Values of `gen_ai.token.modality`.
pub mod modality {
    /// Audio.
    pub const AUDIO: &str = "audio";
    /// Images.
    pub const IMAGE: &str = "image";
    /// Text.
    pub const TEXT: &str = "text";
    /// Not told apart by the provider.
    pub const UNKNOWN: &str = "unknown";
}

/// Values of `gen_ai.output.type`.
pub mod output_type {
    /// Text.
    pub const TEXT: &str = "text";
    /// JSON.
    pub const JSON: &str = "json";
    /// Images.
    pub const IMAGE: &str = "image";
    /// Speech.
    pub const SPEECH: &str = "speech";
}

/// Finish reasons in the conventions' words, for what was not told, or in other words.
pub mod finish_reason {
    /// Came to its own end.
    pub const STOP: &str = "stop";
    /// Came to the limit of tokens.
    pub const LENGTH: &str = "length";
    /// Ended with a call of a tool.
    pub const TOOL_CALL: &str = "tool_call";
    /// Was expected and did not come.
    pub const ERROR: &str = "error";
}

/// Values of `gen_ai.response.status`.
pub mod response_status {
    /// Generated as a whole.
    pub const COMPLETED: &str = "completed";
    /// Failed.
    pub const FAILED: &str = "failed";
    /// Called off.
    pub const CANCELLED: &str = "cancelled";
}

/// Values of `gen_ai.operation.name`, which is open: the registry's, and ours for what it has no
/// word for.
pub mod operation {
    /// Chat, the Responses API included.
    pub const CHAT: &str = "chat";
    /// Legacy completions.
    pub const TEXT_COMPLETION: &str = "text_completion";
    /// Other generation, such as images and speech.
    pub const GENERATE_CONTENT: &str = "generate_content";
    /// Embeddings.
    pub const EMBEDDINGS: &str = "embeddings";
    /// Reading a stored answer.
    pub const FETCH_RESPONSE: &str = "fetch_response";
    /// Ours: speech to text in its own language.
    pub const TRANSCRIPTION: &str = "transcription";
    /// Ours: speech to text in English.
    pub const TRANSLATION: &str = "translation";
    /// Ours: judging text or images.
    pub const MODERATION: &str = "moderation";
    /// Ours: any other request to a provider, told apart by [`api`](super::api).
    pub const API_CALL: &str = "api_call";
    /// Deciding what an agent is to do.
    pub const PLAN: &str = "plan";
    /// Fetching documents.
    pub const RETRIEVAL: &str = "retrieval";
    /// Running a tool.
    pub const EXECUTE_TOOL: &str = "execute_tool";
    /// Running an agent.
    pub const INVOKE_AGENT: &str = "invoke_agent";
    /// Running a workflow.
    pub const INVOKE_WORKFLOW: &str = "invoke_workflow";

    /// Whether an operation is a model's inference, by the conventions' metrics.
    pub fn is_inference(operation: &str) -> bool {
        matches!(operation, CHAT | TEXT_COMPLETION | GENERATE_CONTENT | TRANSCRIPTION | TRANSLATION)
    }
}

/// Values of the record's `api`: which of a provider's interfaces was called.
pub mod api {
    /// Chat completions.
    pub const CHAT_COMPLETIONS: &str = "chat_completions";
    /// Legacy completions.
    pub const COMPLETIONS: &str = "completions";
    /// Embeddings.
    pub const EMBEDDINGS: &str = "embeddings";
    /// Responses.
    pub const RESPONSES: &str = "responses";
    /// Images: made, edited, varied.
    pub const IMAGES: &str = "images";
    /// Text to speech.
    pub const AUDIO_SPEECH: &str = "audio_speech";
    /// Speech to text.
    pub const AUDIO_TRANSCRIPTIONS: &str = "audio_transcriptions";
    /// Speech to English text.
    pub const AUDIO_TRANSLATIONS: &str = "audio_translations";
    /// Moderations.
    pub const MODERATIONS: &str = "moderations";
    /// The rest of what is called at OpenAI, each named as in its paths.
    pub const REST: &[&str] = &[
        "assistants",
        "audio",
        "batches",
        "chat",
        "chatkit",
        "containers",
        "content_provenance_checks",
        "conversations",
        "decisions",
        "evals",
        "files",
        "fine_tuning",
        "models",
        "organization",
        "projects",
        "realtime",
        "safety",
        "skills",
        "threads",
        "uploads",
        "vector_stores",
        "videos",
    ];
    /// What is in none of the lists.
    pub const OTHER: &str = "other";
}

/// Values of `gen_ai.provider.name`; for others the host stands in.
pub mod provider {
    /// OpenAI.
    pub const OPENAI: &str = "openai";
    /// OpenAI's models on Azure.
    pub const AZURE_OPENAI: &str = "azure.ai.openai";
    /// Other models on Azure.
    pub const AZURE_INFERENCE: &str = "azure.ai.inference";
    /// Anthropic.
    pub const ANTHROPIC: &str = "anthropic";
    /// Amazon Bedrock.
    pub const AWS_BEDROCK: &str = "aws.bedrock";
    /// Cohere.
    pub const COHERE: &str = "cohere";
    /// DeepSeek.
    pub const DEEPSEEK: &str = "deepseek";
    /// Google's Gemini API.
    pub const GEMINI: &str = "gcp.gemini";
    /// Google Vertex AI.
    pub const VERTEX_AI: &str = "gcp.vertex_ai";
    /// Groq.
    pub const GROQ: &str = "groq";
    /// IBM watsonx.
    pub const WATSONX: &str = "ibm.watsonx.ai";
    /// Mistral.
    pub const MISTRAL: &str = "mistral_ai";
    /// Moonshot.
    pub const MOONSHOT: &str = "moonshot_ai";
    /// Perplexity.
    pub const PERPLEXITY: &str = "perplexity";
    /// xAI.
    pub const X_AI: &str = "x_ai";
}

/// Names of service tiers, as providers send them.
pub mod tier {
    /// Lets the provider choose.
    pub const AUTO: &str = "auto";
    /// The usual tier, by the names it goes under.
    pub const STANDARD: &[&str] = &["default", "standard", "on_demand"];
}

/// Types of the items an answer is made of, where the API has items.
pub mod item {
    /// Items that are billed by their tokens and nothing else. What is not here may have a fee.
    pub const BY_TOKENS: &[&str] = &[
        "message",
        "reasoning",
        "function_call",
        "custom_tool_call",
        "mcp_call",
        "mcp_list_tools",
        "mcp_approval_request",
        "computer_call",
        "local_shell_call",
        "apply_patch_call",
        "compaction",
    ];
}

/// Values of `error.type` that are ours: all there are, beside an HTTP status as text. A provider's
/// own type or code goes before them.
pub mod error_type {
    /// The connection could not be made.
    pub const CONNECT: &str = "connect";
    /// A time limit ran out.
    pub const TIMEOUT: &str = "timeout";
    /// The connection broke before the headers, or inside the body.
    pub const TRANSPORT: &str = "transport";
    /// The request could not be built.
    pub const REQUEST: &str = "request";
    /// The client could not read what was answered.
    pub const DECODE: &str = "decode";
    /// Anything else.
    pub const OTHER: &str = "_OTHER";
}

/// Names of events, which are log records.
pub mod event {
    /// Everything a generating call's span says, with the content as structured values.
    pub const OPERATION_DETAILS: &str = "gen_ai.client.inference.operation.details";
    /// What was found of a call.
    pub const EVALUATION_RESULT: &str = "gen_ai.evaluation.result";
    /// A call failed.
    pub const OPERATION_EXCEPTION: &str = "gen_ai.client.operation.exception";
}

/// Metric names.
pub mod metric {
    /// Duration of a call to a model, in seconds.
    pub const INFERENCE_DURATION: &str = "gen_ai.client.inference.duration";
    /// Duration of an embeddings call, in seconds.
    pub const EMBEDDINGS_DURATION: &str = "gen_ai.client.embeddings.duration";
    /// Duration of other client operations, in seconds.
    pub const OPERATION_DURATION: &str = "gen_ai.client.operation.duration";
    /// Issued to first chunk, in seconds.
    pub const TIME_TO_FIRST_CHUNK: &str = "gen_ai.client.inference.time_to_first_chunk";
    /// Chunk to chunk, in seconds.
    pub const TIME_PER_OUTPUT_CHUNK: &str = "gen_ai.client.inference.time_per_output_chunk";
    /// Input tokens used.
    pub const USAGE_INPUT_TOKENS: &str = "gen_ai.client.inference.usage.input_tokens";
    /// Output tokens used.
    pub const USAGE_OUTPUT_TOKENS: &str = "gen_ai.client.inference.usage.output_tokens";
    /// Input tokens read from the cache.
    pub const USAGE_CACHE_READ: &str = "gen_ai.client.inference.usage.cache_read.input_tokens";
    /// Input tokens written to the cache.
    pub const USAGE_CACHE_WRITE: &str = "gen_ai.client.inference.usage.cache_write.input_tokens";
    /// Output tokens spent on reasoning.
    pub const USAGE_REASONING: &str = "gen_ai.client.inference.usage.reasoning.output_tokens";
    /// Input tokens of a call.
    pub const OPERATION_INPUT_TOKENS: &str = "gen_ai.client.inference.operation.input_tokens";
    /// Output tokens of a call.
    pub const OPERATION_OUTPUT_TOKENS: &str = "gen_ai.client.inference.operation.output_tokens";
    /// Input tokens of an embeddings call.
    pub const EMBEDDINGS_INPUT_TOKENS: &str = "gen_ai.client.embeddings.operation.input_tokens";
    /// Duration of an agent's run, in seconds.
    pub const INVOKE_AGENT_DURATION: &str = "gen_ai.invoke_agent.duration";
    /// Calls of an agent's own to models, by its runs.
    pub const INVOKE_AGENT_INFERENCE_CALLS: &str = "gen_ai.invoke_agent.inference_calls";
    /// Tools that an agent itself ran, by its runs.
    pub const INVOKE_AGENT_TOOL_CALLS: &str = "gen_ai.invoke_agent.tool_calls";
    /// Duration of a tool's run, in seconds.
    pub const EXECUTE_TOOL_DURATION: &str = "gen_ai.execute_tool.duration";
    /// Duration of a workflow's run, in seconds.
    pub const INVOKE_WORKFLOW_DURATION: &str = "gen_ai.invoke_workflow.duration";
    /// Input and output tokens of a call, told apart by an attribute; before October 2026.
    pub const PREVIOUS_TOKEN_USAGE: &str = "gen_ai.client.token.usage";
    /// Issued to first chunk, in seconds; before October 2026.
    pub const PREVIOUS_TIME_TO_FIRST_CHUNK: &str = "gen_ai.client.operation.time_to_first_chunk";
    /// Chunk to chunk, in seconds; before October 2026.
    pub const PREVIOUS_TIME_PER_OUTPUT_CHUNK: &str =
        "gen_ai.client.operation.time_per_output_chunk";
    /// Duration of a workflow's run, in seconds; before October 2026.
    pub const PREVIOUS_WORKFLOW_DURATION: &str = "gen_ai.workflow.duration";
    /// Calls under way.
    pub const LLMOBS_ACTIVE_CALLS: &str = "llmobs.client.active_calls";
    /// Calls that ended neither with an answer's own end nor with an error that was told.
    pub const LLMOBS_INCOMPLETE_CALLS: &str = "llmobs.client.incomplete_calls";
    /// HTTP requests beyond the first of a call.
    pub const LLMOBS_RETRIES: &str = "llmobs.client.retries";
    /// Issued to last attempt sent, in seconds.
    pub const LLMOBS_QUEUE_TIME: &str = "llmobs.client.queue_time";
    /// Share of a call's input tokens that came from the provider's cache.
    pub const LLMOBS_CACHE_HIT: &str = "llmobs.client.cache_hit";
    /// Operations, records and exports of metrics that were lost.
    pub const LLMOBS_LOST_RECORDS: &str = "llmobs.recorder.lost_records";
    /// Payload that was not kept, for want of room, in bytes.
    pub const LLMOBS_LOST_PAYLOAD: &str = "llmobs.recorder.lost_payload";
    /// Operations that are open, or whose end has not been handled.
    pub const LLMOBS_OPEN_OPERATIONS: &str = "llmobs.recorder.open_operations";
    /// Issued to first token, in seconds.
    pub const LLMOBS_TIME_TO_FIRST_TOKEN: &str = "llmobs.client.time_to_first_token";
    /// Time per output token, in seconds.
    pub const LLMOBS_TIME_PER_OUTPUT_TOKEN: &str = "llmobs.client.time_per_output_token";
    /// What calls cost, in units of the currency.
    pub const LLMOBS_COST: &str = "llmobs.client.cost";
    /// Calls of which it is not known what they cost.
    pub const LLMOBS_UNPRICED: &str = "llmobs.client.unpriced";
}

/// Histogram boundaries the conventions ask for.
pub mod buckets {
    /// Seconds of client operations.
    pub const SECONDS: &[f64] =
        &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
    /// Token counts.
    pub const TOKENS: &[f64] = &[
        1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0,
        4194304.0, 16777216.0, 67108864.0,
    ];
    /// Seconds of an agent's run.
    pub const AGENT_SECONDS: &[f64] =
        &[0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6];
    /// Seconds of a workflow's run.
    pub const WORKFLOW_SECONDS: &[f64] =
        &[1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0];
    /// Calls within an agent's run.
    pub const AGENT_CALLS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
    /// Shares: ours. Nothing at all and everything have buckets of their own.
    pub const SHARES: &[f64] = &[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99];
    /// Seconds per output token, as the conventions have them for model servers.
    pub const TOKEN_SECONDS: &[f64] =
        &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];
}

/// Name and version of the instrumentation scope.
pub const SCOPE_NAME: &str = "llmobs";
/// Schema the attribute names follow.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev";

//! Calls to a model: the inference, embeddings, retrieval and fetch spans of the conventions, and
//! those of ours.

use llmobs_core::semconv::{api, attribute, operation, output_type};
use llmobs_core::{Amount, Params, Prompt, Record, UsageSource};

use super::finish::finish_reasons;
use super::{conversation, ending, surroundings, titled};
use crate::attributes::{Attributes, Text};
use crate::otlp::Semconv;

/// Which of the conventions' spans a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    /// Generation, and whatever the conventions have no span for.
    Inference,
    Embeddings,
    Retrieval,
    Fetch,
}

impl Span {
    fn of(record: &Record) -> Self {
        match record.operation.as_deref() {
            Some(operation::EMBEDDINGS) => Self::Embeddings,
            Some(operation::RETRIEVAL) => Self::Retrieval,
            Some(operation::FETCH_RESPONSE) => Self::Fetch,
            _ => Self::Inference,
        }
    }
}

pub(crate) fn name(record: &Record) -> String {
    let operation = record.operation.as_deref().unwrap_or(operation::CHAT);
    match operation {
        // Named without the id: it is all this operation has, and it is different each time.
        operation::FETCH_RESPONSE => operation.to_owned(),
        operation::RETRIEVAL => titled(operation, data_source(record)),
        // What it was done to says more than a model, which few of these have.
        operation::API_CALL => match &record.api {
            Some(api) => format!("{operation} {api}"),
            None => operation.to_owned(),
        },
        _ => titled(operation, model(record)),
    }
}

pub(super) fn data_source(record: &Record) -> Option<&String> {
    record.retrieval.as_ref()?.data_source.as_ref()
}

/// Whether a call is on a span of inference, by the conventions or in want of a better one.
pub(super) fn is_inference(record: &Record) -> bool {
    Span::of(record) == Span::Inference
}

/// The model asked for: a deployment is one, where the request names no other.
pub(crate) fn model(record: &Record) -> Option<&String> {
    record.model.as_ref().or(record.deployment.as_ref())
}

/// All but the content. In the order of importance: what does not fit is dropped from the end.
pub(crate) fn attributes<'r>(record: &'r Record, semconv: Semconv, out: &mut Attributes<'r>) {
    let span = Span::of(record);
    out.term(attribute::OPERATION_NAME, record.operation.as_ref());
    out.term(attribute::PROVIDER_NAME, record.provider.as_ref());
    if span != Span::Fetch {
        out.text(attribute::REQUEST_MODEL, model(record));
    }
    if span != Span::Retrieval {
        out.text(attribute::RESPONSE_MODEL, record.model_version.as_ref());
    }
    if let Some(server) = &record.server {
        out.push(attribute::SERVER_ADDRESS, &server.address);
        out.count(attribute::SERVER_PORT, server.port.map(u64::from));
    }
    ending(record, out);
    match span {
        Span::Inference => inference(record, semconv, out),
        Span::Embeddings => embeddings(record, out),
        Span::Retrieval => retrieval(record, out),
        Span::Fetch => fetch(record, out),
    }
    cost(record, out);
    latency(record, out);
    surroundings(record, out);
    prompt(record, span, out);
    if let Some(params) = record.params.as_deref().filter(|_| span == Span::Inference) {
        parameters(params, out);
    }
    openai(record, span, out);
}

fn inference<'r>(record: &'r Record, semconv: Semconv, out: &mut Attributes<'r>) {
    usage(record, semconv, out);
    let reasons = finish_reasons(record);
    out.list(attribute::RESPONSE_FINISH_REASONS, reasons);
    out.text(attribute::RESPONSE_ID, record.response_id.as_ref());
    // Absent means not streamed: the conventions forbid `false`.
    if record.stream == Some(true) {
        out.push(attribute::REQUEST_STREAM, true);
    }
    let first_chunk = record.latency.as_ref().and_then(|latency| latency.time_to_first_chunk_ms);
    out.number(attribute::RESPONSE_TIME_TO_FIRST_CHUNK, first_chunk.map(|ms| ms / 1_000.0));
    conversation(record, out);
    if let Some(kind) = output_kind(record) {
        out.push(attribute::OUTPUT_TYPE, kind);
    }
}

fn embeddings<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    out.count(attribute::USAGE_INPUT_TOKENS, record.input_tokens);
    told_usage(record, out);
    let Some(params) = &record.params else { return };
    let format = params.encoding_format.iter().map(Into::into).collect();
    out.list(attribute::REQUEST_ENCODING_FORMATS, format);
    out.count(attribute::EMBEDDINGS_DIMENSION_COUNT, params.dimensions);
}

/// Where documents were looked for, and how many.
pub(super) fn retrieval<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    let Some(retrieval) = &record.retrieval else { return };
    out.text(attribute::DATA_SOURCE_ID, retrieval.data_source.as_ref());
    out.count(attribute::RETRIEVAL_TOP_K, retrieval.top_k);
}

/// No tokens: those that are told were used by the call that is read of.
fn fetch<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    out.text(attribute::RESPONSE_ID, record.response_id.as_ref());
    out.text(attribute::RESPONSE_STATUS, record.response_status.as_ref());
    let reasons = finish_reasons(record);
    out.list(attribute::RESPONSE_FINISH_REASONS, reasons);
}

fn usage<'r>(record: &'r Record, semconv: Semconv, out: &mut Attributes<'r>) {
    out.count(attribute::USAGE_INPUT_TOKENS, record.input_tokens);
    out.count(attribute::USAGE_OUTPUT_TOKENS, record.output_tokens);
    let Some(usage) = &record.usage else { return };
    out.count(attribute::USAGE_CACHE_READ, usage.cache_read_tokens);
    if semconv != Semconv::V2026_08 {
        out.count(attribute::USAGE_CACHE_WRITE, usage.cache_write_tokens);
    }
    if semconv != Semconv::Latest {
        out.count(attribute::PREVIOUS_USAGE_CACHE_WRITE, usage.cache_write_tokens);
    }
    out.count(attribute::USAGE_REASONING, usage.reasoning_tokens);
    if semconv != Semconv::V2026_08 {
        out.count(attribute::USAGE_AUDIO_INPUT, usage.audio_input_tokens);
        out.count(attribute::USAGE_AUDIO_OUTPUT, usage.audio_output_tokens);
        out.count(attribute::USAGE_IMAGE_INPUT, usage.image_input_tokens);
        out.count(attribute::USAGE_IMAGE_OUTPUT, usage.image_output_tokens);
        out.count(attribute::USAGE_TEXT_INPUT, usage.text_input_tokens);
        out.count(attribute::USAGE_TEXT_OUTPUT, usage.text_output_tokens);
    }
    out.number(attribute::LLMOBS_AUDIO_SECONDS, usage.audio_seconds);
    told_usage(record, out);
}

/// What is known of the counts, beside themselves.
fn told_usage<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    let Some(usage) = &record.usage else { return };
    out.count(attribute::LLMOBS_TOTAL_TOKENS, usage.total_tokens);
    let source = usage.source.and_then(|source| match source {
        UsageSource::Reported => Some("reported"),
        UsageSource::Injected => Some("injected"),
        UsageSource::Estimated => Some("estimated"),
        _ => None,
    });
    if let Some(source) = source {
        out.push(attribute::LLMOBS_USAGE_SOURCE, source);
    }
    if usage.inconsistent {
        out.push(attribute::LLMOBS_USAGE_INCONSISTENT, true);
    }
}

fn cost<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    let Some(cost) = &record.cost else { return };
    out.push(attribute::LLMOBS_COST_TOTAL, cost.total.units());
    out.number(attribute::LLMOBS_COST_INPUT, cost.input.map(Amount::units));
    out.number(attribute::LLMOBS_COST_OUTPUT, cost.output.map(Amount::units));
    out.term(attribute::LLMOBS_COST_CURRENCY, Some(&cost.currency));
    out.term(attribute::LLMOBS_COST_TABLE, cost.table.as_ref());
    if let Some(source) = cost.source {
        out.push(attribute::LLMOBS_COST_SOURCE, source.as_str());
    }
}

fn latency<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    let latency = record.latency.as_deref();
    let first_byte = latency.and_then(|latency| latency.time_to_first_byte_ms);
    out.number(attribute::LLMOBS_TIME_TO_FIRST_BYTE_MS, first_byte);
    out.number(attribute::LLMOBS_TTFT_MS, record.ttft_ms);
    out.number(attribute::LLMOBS_TPOT_MS, record.tpot_ms);
    out.number(attribute::LLMOBS_QUEUE_MS, latency.and_then(|latency| latency.queue_ms));
    let retried = latency.filter(|_| record.attempts.is_some_and(|attempts| attempts > 1));
    out.number(attribute::LLMOBS_RETRY_MS, retried.and_then(|latency| latency.retry_ms));
    out.number(attribute::LLMOBS_PREFILL_MS, latency.and_then(|latency| latency.prefill_ms));
    out.number(attribute::LLMOBS_DECODE_MS, latency.and_then(|latency| latency.decode_ms));
    if let Some(clock) = latency.and_then(|latency| latency.clock) {
        out.push(attribute::LLMOBS_LATENCY_CLOCK, clock.as_str());
    }
    let consumer = record.consumer.as_deref();
    out.number(
        attribute::LLMOBS_CONSUMER_STALL_MS,
        consumer.and_then(|consumer| consumer.stall_ms),
    );
    if let Some(ended) = consumer.and_then(|consumer| consumer.ended) {
        out.push(attribute::LLMOBS_CONSUMER_ENDED, ended.as_str());
    }
    out.count(attribute::LLMOBS_ATTEMPTS, record.attempts.map(u64::from));
    out.count(attribute::LLMOBS_HTTP_STATUS, record.http_status.map(u64::from));
    if let Some(error) = &record.error {
        if let Some(class) = error.class {
            out.push(attribute::LLMOBS_ERROR_CLASS, class.as_str());
        }
        out.text(attribute::LLMOBS_ERROR_CODE, error.code.as_ref());
    }
    out.term(attribute::LLMOBS_SERVED_BY, record.served_by.as_ref());
    out.text(attribute::LLMOBS_PROVIDER_REQUEST_ID, record.provider_request_id.as_ref());
}

/// Which prompt it was of, where that is not on the span of the call alone.
pub(crate) fn judged_prompt<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    prompt(record, Span::Inference, out);
}

fn prompt<'r>(record: &'r Record, span: Span, out: &mut Attributes<'r>) {
    let named = |prompt: &'r Prompt| match &prompt.version {
        Some(version) => Text::from(format!("{}@{version}", prompt.name)),
        None => Text::from(&prompt.name),
    };
    out.list(attribute::LLMOBS_PROMPTS, record.prompts.iter().map(named).collect());
    let Some(prompt) = &record.prompt else { return };
    if span == Span::Inference {
        out.push(attribute::PROMPT_NAME, &prompt.name);
        out.text(attribute::PROMPT_VERSION, prompt.version.as_ref());
    }
    out.text(attribute::LLMOBS_PROMPT_HASH, prompt.hash.as_ref());
}

/// What kind of output was asked for: some APIs have only one.
fn output_kind(record: &Record) -> Option<&'static str> {
    match record.api.as_deref() {
        Some(api::IMAGES) if record.operation.as_deref() == Some(operation::GENERATE_CONTENT) => {
            return Some(output_type::IMAGE);
        }
        Some(api::AUDIO_SPEECH) => return Some(output_type::SPEECH),
        _ => {}
    }
    match record.params.as_ref()?.response_format.as_deref()? {
        "json_object" | "json_schema" | "json" | "verbose_json" | "diarized_json" => {
            Some(output_type::JSON)
        }
        "text" => Some(output_type::TEXT),
        _ => None,
    }
}

fn parameters<'r>(params: &'r Params, out: &mut Attributes<'r>) {
    out.count(attribute::REQUEST_CHOICE_COUNT, params.n.filter(|n| *n != 1));
    if let Some(seed) = params.seed {
        out.push(attribute::REQUEST_SEED, seed);
    }
    // An integer by the conventions; whoever sends a fraction is not rounded.
    if let Some(top_k) = params.top_k.filter(|k| k.fract() == 0.0 && k.abs() < 1e15) {
        out.push(attribute::REQUEST_TOP_K, top_k as i64);
    }
    out.number(attribute::REQUEST_TEMPERATURE, params.temperature);
    out.number(attribute::REQUEST_TOP_P, params.top_p);
    out.count(attribute::REQUEST_MAX_TOKENS, params.max_tokens);
    out.number(attribute::REQUEST_FREQUENCY_PENALTY, params.frequency_penalty);
    out.number(attribute::REQUEST_PRESENCE_PENALTY, params.presence_penalty);
    let stop = params.stop.iter().map(Into::into).collect();
    out.list(attribute::REQUEST_STOP_SEQUENCES, stop);
    out.text(attribute::REQUEST_REASONING_LEVEL, params.reasoning_effort.as_ref());
    out.text(attribute::REQUEST_PREVIOUS_RESPONSE_ID, params.previous_response_id.as_ref());
    out.text(attribute::CONVERSATION_ID, params.conversation_id.as_ref());
}

/// What only APIs have that are OpenAI's, or made after them.
fn openai<'r>(record: &'r Record, span: Span, out: &mut Attributes<'r>) {
    let listed = matches!(span, Span::Inference | Span::Fetch);
    let shaped = matches!(
        record.api.as_deref(),
        Some(api::CHAT_COMPLETIONS | api::RESPONSES | api::COMPLETIONS)
    ) && listed;
    let convention = match record.api.as_deref() {
        Some(api::CHAT_COMPLETIONS | api::RESPONSES) if listed => attribute::OPENAI_API_TYPE,
        _ => attribute::LLMOBS_API,
    };
    out.term(convention, record.api.as_ref());
    if !shaped {
        return;
    }
    if span == Span::Inference {
        let asked = record.params.as_ref().and_then(|params| params.service_tier.as_ref());
        out.text(attribute::OPENAI_REQUEST_SERVICE_TIER, asked.filter(|tier| *tier != "auto"));
        out.text(attribute::OPENAI_SYSTEM_FINGERPRINT, record.system_fingerprint.as_ref());
    }
    out.text(attribute::OPENAI_RESPONSE_SERVICE_TIER, record.service_tier.as_ref());
}

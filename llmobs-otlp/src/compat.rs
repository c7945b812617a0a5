//! What particular backends read instead of the conventions.

use std::fmt::Write;

use llmobs_core::semconv::{attribute, compat, operation};
use llmobs_core::{Amount, Content, Cost, Kind, Record, StepKind, Usage};

use crate::attributes::Attributes;
use crate::span::Form;

/// A backend that reads names of its own, to be sent beside the conventions'.
///
/// Nothing is sent under these names that is not in the record: content only where its capture was
/// turned on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compat {
    /// Langfuse: the time of the first token, the prompt, the cost, and token counts it does not
    /// count twice.
    Langfuse,
    /// OpenInference, as Phoenix reads it: span kinds, models, all token counts, the cost, input and
    /// output.
    OpenInference,
    /// MLflow: input and output in its list, and totals over embeddings.
    Mlflow,
    /// Tempo: no name of its own, but no value of more than 2,048 bytes. It cuts there without a
    /// look at what it cuts, so that no JSON is left of a content.
    Tempo,
}

impl Compat {
    /// Adds the names of this backend.
    pub(crate) fn add<'r>(self, record: &'r Record, out: &mut Attributes<'r>) {
        match self {
            Self::Langfuse => langfuse(record, out),
            Self::OpenInference => open_inference(record, out),
            Self::Mlflow => mlflow(record, out),
            Self::Tempo => {}
        }
    }

    /// Bytes of one value that it keeps.
    pub(crate) fn value_bytes(self) -> Option<usize> {
        (self == Self::Tempo).then_some(2_048)
    }
}

fn langfuse<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    if let (Some(begun), Some(ttft)) = (record.timestamp, record.ttft_ms) {
        out.push(compat::LANGFUSE_FIRST_TOKEN, begun.plus_millis(ttft).to_string());
    }
    if let Some(prompt) = &record.prompt {
        out.push(compat::LANGFUSE_PROMPT_NAME, &prompt.name);
        // Its versions are numbers; one that is none cannot be linked.
        if let Some(Ok(version)) = prompt.version.as_deref().map(str::parse::<i64>) {
            out.push(compat::LANGFUSE_PROMPT_VERSION, version);
        }
    }
    if let Some(usage) = usage_details(record) {
        out.push(compat::LANGFUSE_USAGE, usage);
    }
    if let Some(cost) = dollars(record) {
        out.push(compat::LANGFUSE_COST, cost_details(cost));
    }
}

/// The cost, where it is in the currency that backends take for granted.
fn dollars(record: &Record) -> Option<&Cost> {
    record.cost.as_deref().filter(|cost| cost.currency == Cost::USD)
}

fn cost_details(cost: &Cost) -> String {
    let mut json = String::from("{");
    for (name, amount) in [("input", cost.input), ("output", cost.output)] {
        if let Some(amount) = amount {
            let _ = write!(json, r#""{name}":{amount},"#);
        }
    }
    let _ = write!(json, r#""total":{}}}"#, cost.total);
    json
}

/// Counts no token is in twice, since Langfuse adds up all it is given.
fn usage_details(record: &Record) -> Option<String> {
    let (input, output) = (record.input_tokens?, record.output_tokens.unwrap_or(0));
    let none = Usage::default();
    let usage = record.usage.as_ref().unwrap_or(&none);
    if usage.inconsistent {
        return None;
    }
    let read = usage.cache_read_tokens.unwrap_or(0);
    let write = usage.cache_write_tokens.unwrap_or(0);
    let reasoning = usage.reasoning_tokens.unwrap_or(0);
    let fresh = input.checked_sub(read)?.checked_sub(write)?;
    let visible = output.checked_sub(reasoning)?;
    let mut json = format!(r#"{{"input":{fresh},"output":{visible}"#);
    let details = [
        ("input_cached_tokens", read),
        ("input_cache_creation", write),
        ("output_reasoning_tokens", reasoning),
    ];
    for (name, count) in details.into_iter().filter(|(_, count)| *count > 0) {
        let _ = write!(json, r#","{name}":{count}"#);
    }
    let _ = write!(json, r#","total":{}}}"#, input.saturating_add(output));
    Some(json)
}

fn open_inference<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    out.push(compat::SPAN_KIND, span_kind(record));
    values(record, out);
    if record.kind != Kind::Interaction {
        return;
    }
    out.text(
        compat::MODEL_NAME,
        record.model_version.as_ref().or(crate::span::call::model(record)),
    );
    out.count(compat::TOKENS_PROMPT, record.input_tokens);
    out.count(compat::TOKENS_COMPLETION, record.output_tokens);
    if let Some(usage) = &record.usage {
        out.count(compat::TOKENS_TOTAL, usage.total_tokens);
        out.count(compat::TOKENS_CACHE_READ, usage.cache_read_tokens);
        out.count(compat::TOKENS_CACHE_WRITE, usage.cache_write_tokens);
        out.count(compat::TOKENS_REASONING, usage.reasoning_tokens);
    }
    if let Some(cost) = dollars(record) {
        out.push(compat::COST_TOTAL, cost.total.units());
        out.number(compat::COST_PROMPT, cost.input.map(Amount::units));
        out.number(compat::COST_COMPLETION, cost.output.map(Amount::units));
    }
    let version = record.prompt.as_ref().and_then(|prompt| prompt.version.as_ref());
    out.text(compat::TEMPLATE_VERSION, version);
}

fn span_kind(record: &Record) -> &'static str {
    let step = match (record.kind, record.operation.as_deref()) {
        (Kind::Interaction, Some(operation::EMBEDDINGS)) => return "EMBEDDING",
        (Kind::Interaction, Some(operation::FETCH_RESPONSE | operation::API_CALL)) => {
            return "CHAIN";
        }
        (Kind::Interaction, Some(operation::MODERATION)) => return "GUARDRAIL",
        (Kind::Interaction, Some(operation::RETRIEVAL)) => return "RETRIEVER",
        (Kind::Interaction, _) => return "LLM",
        _ => record.step,
    };
    match step {
        Some(StepKind::Prompt) => "PROMPT",
        Some(StepKind::Retrieval) => "RETRIEVER",
        Some(StepKind::Rerank) => "RERANKER",
        Some(StepKind::Embedding) => "EMBEDDING",
        Some(StepKind::Tool) => "TOOL",
        Some(StepKind::Agent) => "AGENT",
        Some(StepKind::Guardrail) => "GUARDRAIL",
        Some(StepKind::Evaluator) => "EVALUATOR",
        Some(StepKind::Llm) => "LLM",
        _ => "CHAIN",
    }
}

fn mlflow<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    values(record, out);
    // Without it the total over a trace leaves embeddings out; they have no output.
    if record.operation.as_deref() == Some(operation::EMBEDDINGS) && record.input_tokens.is_some() {
        out.push(attribute::USAGE_OUTPUT_TOKENS, 0_i64);
    }
}

/// Input and output as both backends show them in their lists.
fn values<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    let Some(content) = record.content.as_deref() else { return };
    let Content { input_messages, output_messages, arguments, result, documents, .. } = content;
    let messages = |messages| (messages, Form::Messages);
    let input = input_messages.as_ref().map(messages);
    let input = input.or_else(|| Some((arguments.as_ref()?, Form::Json)));
    let output = output_messages.as_ref().map(messages);
    let output = output.or_else(|| Some((result.as_ref()?, Form::Json)));
    let output = output.or_else(|| Some((documents.as_ref()?, Form::Documents)));
    let values = [
        (input, compat::INPUT_VALUE, compat::INPUT_MIME_TYPE),
        (output, compat::OUTPUT_VALUE, compat::OUTPUT_MIME_TYPE),
    ];
    for (value, key, mime_type) in values {
        if let Some((value, form)) = value {
            out.json(key, value.to_string(), form);
            out.push(mime_type, "application/json");
        }
    }
}

//! What the newest conventions alone have.

use llmobs_core::Record;
use llmobs_core::semconv::{attribute, buckets, metric, modality};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};

use super::bounded::{Bounded, Maker};
use super::instruments::{Chunks, SECONDS, TOKENS};
use super::labels::Labels;

pub(super) struct Latest {
    pub(super) inference: Bounded<Histogram<f64>>,
    pub(super) embeddings: Bounded<Histogram<f64>>,
    pub(super) workflow: Bounded<Histogram<f64>>,
    pub(super) chunks: Chunks,
    pub(super) embeddings_input: Bounded<Histogram<u64>>,
    input_tokens: Bounded<Counter<u64>>,
    output_tokens: Bounded<Counter<u64>>,
    cache_read: Bounded<Counter<u64>>,
    cache_write: Bounded<Counter<u64>>,
    reasoning: Bounded<Counter<u64>>,
    operation_input: Bounded<Histogram<u64>>,
    operation_output: Bounded<Histogram<u64>>,
}

impl Latest {
    pub(super) fn new(make: Maker<'_>) -> Self {
        let tokens = |name, about| make.counter(name, TOKENS, about);
        let sizes = |name, about| make.sizes(name, TOKENS, about, buckets::TOKENS);
        Self {
            inference: make.histogram(
                metric::INFERENCE_DURATION,
                SECONDS,
                "Duration of calls to models.",
                buckets::SECONDS,
            ),
            embeddings: make.histogram(
                metric::EMBEDDINGS_DURATION,
                SECONDS,
                "Duration of embeddings calls.",
                buckets::SECONDS,
            ),
            workflow: make.histogram(
                metric::INVOKE_WORKFLOW_DURATION,
                SECONDS,
                "Duration of a workflow's run.",
                buckets::WORKFLOW_SECONDS,
            ),
            chunks: Chunks::new(make, metric::TIME_TO_FIRST_CHUNK, metric::TIME_PER_OUTPUT_CHUNK),
            input_tokens: tokens(
                metric::USAGE_INPUT_TOKENS,
                "Input tokens used, cached ones included.",
            ),
            output_tokens: tokens(
                metric::USAGE_OUTPUT_TOKENS,
                "Output tokens used, reasoning included.",
            ),
            cache_read: tokens(metric::USAGE_CACHE_READ, "Input tokens read from the cache."),
            cache_write: tokens(metric::USAGE_CACHE_WRITE, "Input tokens written to the cache."),
            reasoning: tokens(metric::USAGE_REASONING, "Output tokens spent on reasoning."),
            operation_input: sizes(metric::OPERATION_INPUT_TOKENS, "Input tokens of a call."),
            operation_output: sizes(metric::OPERATION_OUTPUT_TOKENS, "Output tokens of a call."),
            embeddings_input: sizes(
                metric::EMBEDDINGS_INPUT_TOKENS,
                "Input tokens of an embeddings call.",
            ),
        }
    }

    /// The tokens of an inference.
    pub(super) fn usage(&mut self, record: &Record, labels: &Labels) {
        let labels = labels.detailed();
        let usage = record.usage.as_ref();
        let of = |part: fn(&llmobs_core::Usage) -> Option<u64>| usage.and_then(part);
        let input = Parts {
            audio: of(|usage| usage.audio_input_tokens),
            image: of(|usage| usage.image_input_tokens),
            text: of(|usage| usage.text_input_tokens),
        };
        let output = Parts {
            audio: of(|usage| usage.audio_output_tokens),
            image: of(|usage| usage.image_output_tokens),
            text: of(|usage| usage.text_output_tokens),
        };
        by_modality(&mut self.input_tokens, record.input_tokens, &input, labels);
        by_modality(&mut self.output_tokens, record.output_tokens, &output, labels);
        let untold = Parts::default();
        let cache_read = of(|usage| usage.cache_read_tokens);
        by_modality(&mut self.cache_read, cache_read, &untold, labels);
        let cache_write = of(|usage| usage.cache_write_tokens);
        by_modality(&mut self.cache_write, cache_write, &untold, labels);
        by_modality(&mut self.reasoning, of(|usage| usage.reasoning_tokens), &untold, labels);
        self.operation_input.record(record.input_tokens, labels);
        self.operation_output.record(record.output_tokens, labels);
    }
}

/// Tokens whose kind is known.
#[derive(Default)]
struct Parts {
    audio: Option<u64>,
    image: Option<u64>,
    text: Option<u64>,
}

/// Adds tokens, those of a known kind apart from the rest, whose kind most providers do not tell.
fn by_modality(
    counter: &mut Bounded<Counter<u64>>,
    tokens: Option<u64>,
    parts: &Parts,
    labels: &[KeyValue],
) {
    let Some(tokens) = tokens else { return };
    let mut attributes = Vec::with_capacity(labels.len() + 1);
    attributes.extend_from_slice(labels);
    let mut add = |tokens, modality: &'static str| {
        attributes.push(KeyValue::new(attribute::TOKEN_MODALITY, modality));
        counter.add(tokens, &attributes);
        attributes.pop();
    };
    let known = [
        (parts.audio, modality::AUDIO),
        (parts.image, modality::IMAGE),
        (parts.text, modality::TEXT),
    ];
    let mut rest = tokens;
    for (part, modality) in known {
        // Kinds that add up to more than the whole are not parts of it.
        if let Some(part) = part.filter(|part| (1..=rest).contains(part)) {
            add(part, modality);
            rest -= part;
        }
    }
    if rest > 0 || tokens == 0 {
        add(rest, modality::UNKNOWN);
    }
}

//! The instruments, and what a record adds to them.

use llmobs_core::semconv::{attribute, buckets, metric, modality, operation};
use llmobs_core::{Kind, Outcome, Record, StepKind};
use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::{KeyValue, StringValue};

use crate::attributes::Attributes;
use crate::otlp::Semconv;
use crate::span::error_type;

const SECONDS: &str = "s";
const TOKENS: &str = "{token}";
const MONEY: &str = "{currency_unit}";
const CALLS: &str = "{call}";

pub(super) struct Instruments {
    inference: Histogram<f64>,
    embeddings: Histogram<f64>,
    operation: Histogram<f64>,
    agent: Histogram<f64>,
    tool: Histogram<f64>,
    workflow: Histogram<f64>,
    first_chunk: Histogram<f64>,
    output_chunk: Histogram<f64>,
    first_token: Histogram<f64>,
    output_token: Histogram<f64>,
    input_tokens: Counter<u64>,
    output_tokens: Counter<u64>,
    cache_read: Counter<u64>,
    cache_write: Counter<u64>,
    reasoning: Counter<u64>,
    operation_input: Histogram<u64>,
    operation_output: Histogram<u64>,
    embeddings_input: Histogram<u64>,
    cost: Counter<f64>,
    unpriced: Counter<u64>,
    /// Takes the place of all other instruments of tokens.
    previous_tokens: Option<Histogram<u64>>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter, semconv: Semconv) -> Self {
        let seconds = |name, boundaries: &[f64]| {
            meter
                .f64_histogram(name)
                .with_unit(SECONDS)
                .with_boundaries(boundaries.to_vec())
                .build()
        };
        let sizes = |name| {
            let boundaries = buckets::TOKENS.to_vec();
            meter.u64_histogram(name).with_unit(TOKENS).with_boundaries(boundaries).build()
        };
        let tokens = |name| meter.u64_counter(name).with_unit(TOKENS).build();
        let operation = seconds(metric::OPERATION_DURATION, buckets::SECONDS);
        let previous = semconv == Semconv::V2026_08;
        let duration = |name| match previous {
            true => operation.clone(),
            false => seconds(name, buckets::SECONDS),
        };
        let chunk =
            |latest, before| seconds(if previous { before } else { latest }, buckets::SECONDS);
        Self {
            inference: duration(metric::INFERENCE_DURATION),
            embeddings: duration(metric::EMBEDDINGS_DURATION),
            agent: seconds(metric::INVOKE_AGENT_DURATION, buckets::AGENT_SECONDS),
            tool: seconds(metric::EXECUTE_TOOL_DURATION, buckets::SECONDS),
            workflow: seconds(metric::INVOKE_WORKFLOW_DURATION, buckets::WORKFLOW_SECONDS),
            first_chunk: chunk(metric::TIME_TO_FIRST_CHUNK, metric::PREVIOUS_TIME_TO_FIRST_CHUNK),
            output_chunk: chunk(
                metric::TIME_PER_OUTPUT_CHUNK,
                metric::PREVIOUS_TIME_PER_OUTPUT_CHUNK,
            ),
            first_token: seconds(metric::LLMOBS_TIME_TO_FIRST_TOKEN, buckets::SECONDS),
            output_token: seconds(metric::LLMOBS_TIME_PER_OUTPUT_TOKEN, buckets::TOKEN_SECONDS),
            input_tokens: tokens(metric::USAGE_INPUT_TOKENS),
            output_tokens: tokens(metric::USAGE_OUTPUT_TOKENS),
            cache_read: tokens(metric::USAGE_CACHE_READ),
            cache_write: tokens(metric::USAGE_CACHE_WRITE),
            reasoning: tokens(metric::USAGE_REASONING),
            operation_input: sizes(metric::OPERATION_INPUT_TOKENS),
            operation_output: sizes(metric::OPERATION_OUTPUT_TOKENS),
            embeddings_input: sizes(metric::EMBEDDINGS_INPUT_TOKENS),
            // The currency is an attribute: a unit says what is counted, and is the same for all.
            cost: meter.f64_counter(metric::LLMOBS_COST).with_unit(MONEY).build(),
            unpriced: meter.u64_counter(metric::LLMOBS_UNPRICED).with_unit(CALLS).build(),
            previous_tokens: previous.then(|| sizes(metric::PREVIOUS_TOKEN_USAGE)),
            operation,
        }
    }

    pub(super) fn record(&self, record: &Record) {
        match record.kind {
            Kind::Interaction => self.call(record),
            Kind::Step => self.step(record),
            _ => {}
        }
    }

    fn step(&self, record: &Record) {
        let (histogram, operation, name) = match record.step {
            Some(StepKind::Tool) => (&self.tool, None, Some(attribute::TOOL_NAME)),
            Some(StepKind::Agent) => (&self.agent, None, Some(attribute::AGENT_NAME)),
            Some(StepKind::Workflow) => (&self.workflow, None, Some(attribute::WORKFLOW_NAME)),
            Some(StepKind::Retrieval) => (&self.operation, Some(operation::RETRIEVAL), None),
            _ => return,
        };
        let mut attributes = Attributes::default();
        if let Some(operation) = operation {
            attributes.push(attribute::OPERATION_NAME, operation);
        }
        if let Some(name) = name {
            attributes.text(name, crate::span::object(record));
        }
        ended(record, &mut attributes);
        seconds(histogram, record.total_latency_ms, &attributes.into_vec());
    }

    fn call(&self, record: &Record) {
        let common = common(record);
        let mut attributes = Attributes::default();
        for attribute in &common {
            attributes.push(attribute.key.clone(), attribute.value.clone());
        }
        ended(record, &mut attributes);
        let kind = record.operation.as_deref();
        let generates = kind.is_some_and(generates);
        let duration = match kind {
            Some(operation::EMBEDDINGS) => &self.embeddings,
            _ if generates => &self.inference,
            _ => &self.operation,
        };
        seconds(duration, record.total_latency_ms, &attributes.into_vec());
        self.cost(record, &common);
        // Counts that contradict each other are no counts.
        let consistent = !record.usage.as_ref().is_some_and(|usage| usage.inconsistent);
        match kind {
            Some(operation::EMBEDDINGS) if consistent && self.previous_tokens.is_some() => {
                self.usage(record, &common);
            }
            Some(operation::EMBEDDINGS) if consistent => {
                if let Some(tokens) = record.input_tokens {
                    self.embeddings_input.record(tokens, &common);
                }
            }
            _ if generates => {
                self.stream(record, &common);
                if consistent {
                    self.usage(record, &common);
                }
            }
            _ => {}
        }
    }

    fn cost(&self, record: &Record, common: &[KeyValue]) {
        match &record.cost {
            Some(cost) => {
                let mut attributes = common.to_vec();
                let currency = StringValue::from(cost.currency.clone());
                attributes.push(KeyValue::new(attribute::LLMOBS_COST_CURRENCY, currency));
                self.cost.add(cost.total.units(), &attributes);
            }
            // It is the call that made the answer that costs.
            None if record.operation.as_deref() == Some(operation::FETCH_RESPONSE) => {}
            None => self.unpriced.add(1, common),
        }
    }

    fn stream(&self, record: &Record, common: &[KeyValue]) {
        seconds(&self.first_token, record.ttft_ms, common);
        seconds(&self.output_token, record.tpot_ms, common);
        let Some(latency) = &record.latency else { return };
        seconds(&self.first_chunk, latency.time_to_first_chunk_ms, common);
        for gap in &latency.chunk_gaps_ms {
            seconds(&self.output_chunk, Some(f64::from(*gap)), common);
        }
    }

    fn usage(&self, record: &Record, common: &[KeyValue]) {
        if let Some(histogram) = &self.previous_tokens {
            let counts = [("input", record.input_tokens), ("output", record.output_tokens)];
            for (kind, tokens) in counts {
                if let Some(tokens) = tokens {
                    let mut attributes = common.to_vec();
                    attributes.push(KeyValue::new(attribute::PREVIOUS_TOKEN_TYPE, kind));
                    histogram.record(tokens, &attributes);
                }
            }
            return;
        }
        let usage = record.usage.clone().unwrap_or_default();
        let input = Parts {
            audio: usage.audio_input_tokens,
            image: usage.image_input_tokens,
            text: usage.text_input_tokens,
        };
        let output = Parts {
            audio: usage.audio_output_tokens,
            image: usage.image_output_tokens,
            text: usage.text_output_tokens,
        };
        by_modality(&self.input_tokens, record.input_tokens, &input, common);
        by_modality(&self.output_tokens, record.output_tokens, &output, common);
        let untold = Parts::default();
        by_modality(&self.cache_read, usage.cache_read_tokens, &untold, common);
        by_modality(&self.cache_write, usage.cache_write_tokens, &untold, common);
        by_modality(&self.reasoning, usage.reasoning_tokens, &untold, common);
        if let Some(tokens) = record.input_tokens {
            self.operation_input.record(tokens, common);
        }
        if let Some(tokens) = record.output_tokens {
            self.operation_output.record(tokens, common);
        }
    }
}

/// Whether an operation is a model's inference, by the conventions' metrics.
fn generates(operation: &str) -> bool {
    use operation::{CHAT, GENERATE_CONTENT, TEXT_COMPLETION, TRANSCRIPTION, TRANSLATION};

    matches!(operation, CHAT | TEXT_COMPLETION | GENERATE_CONTENT | TRANSCRIPTION | TRANSLATION)
}

/// What all metrics of a call are told apart by. Nothing that is different each time, and nothing
/// of the application's: prompts, users and sessions are in the records.
fn common(record: &Record) -> Vec<KeyValue> {
    let mut out = Attributes::default();
    out.term(attribute::OPERATION_NAME, record.operation.as_ref());
    out.term(attribute::PROVIDER_NAME, record.provider.as_ref());
    out.text(attribute::REQUEST_MODEL, crate::span::call::model(record));
    out.text(attribute::RESPONSE_MODEL, record.model_version.as_ref());
    if let Some(server) = &record.server {
        out.push(attribute::SERVER_ADDRESS, server.address.clone());
        out.count(attribute::SERVER_PORT, server.port.map(u64::from));
    }
    out.into_vec()
}

/// How the operation ended: what was neither completed nor failed has a label of its own, so that
/// calls somebody dropped can be kept out of the percentiles.
fn ended(record: &Record, out: &mut Attributes) {
    out.term(attribute::ERROR_TYPE, error_type(record).as_ref());
    let usual = [Outcome::Completed, Outcome::Failed];
    if let Some(outcome) = record.outcome.filter(|outcome| !usual.contains(outcome)) {
        out.push(attribute::LLMOBS_OUTCOME, outcome.as_str());
    }
}

fn seconds(histogram: &Histogram<f64>, millis: Option<f64>, attributes: &[KeyValue]) {
    if let Some(millis) = millis {
        histogram.record(millis / 1_000.0, attributes);
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
fn by_modality(counter: &Counter<u64>, tokens: Option<u64>, parts: &Parts, common: &[KeyValue]) {
    let Some(tokens) = tokens else { return };
    let mut attributes = common.to_vec();
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

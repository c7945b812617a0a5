//! The instruments, and what a record adds to them.

use llmobs_core::semconv::{attribute, buckets, metric, operation};
use llmobs_core::{Kind, Record, StepKind};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;

use super::bounded::{Bounded, Maker};
use super::labels::{Labels, clock, clocked, ended, text};
use super::latest::Latest;
use super::ours::Ours;
use super::previous::Previous;
use crate::otlp::Semconv;

pub(super) const SECONDS: &str = "s";
pub(super) const TOKENS: &str = "{token}";

/// All instruments of one meter.
pub(super) struct Instruments {
    latest: Option<Latest>,
    previous: Option<Previous>,
    operation: Bounded<Histogram<f64>>,
    agent: Bounded<Histogram<f64>>,
    agent_inference_calls: Bounded<Histogram<u64>>,
    agent_tool_calls: Bounded<Histogram<u64>>,
    tool: Bounded<Histogram<f64>>,
    ours: Ours,
}

impl Instruments {
    pub(super) fn new(make: Maker<'_>, semconv: Semconv) -> Self {
        Self {
            latest: (semconv != Semconv::V2026_08).then(|| Latest::new(make)),
            previous: (semconv != Semconv::Latest).then(|| Previous::new(make)),
            operation: make.histogram(
                metric::OPERATION_DURATION,
                SECONDS,
                "Duration of client operations.",
                buckets::SECONDS,
            ),
            agent: make.histogram(
                metric::INVOKE_AGENT_DURATION,
                SECONDS,
                "Duration of an agent's run.",
                buckets::AGENT_SECONDS,
            ),
            agent_inference_calls: make.sizes(
                metric::INVOKE_AGENT_INFERENCE_CALLS,
                "{inference_call}",
                "Calls to models that an agent itself made in one run.",
                buckets::AGENT_CALLS,
            ),
            agent_tool_calls: make.sizes(
                metric::INVOKE_AGENT_TOOL_CALLS,
                "{tool_call}",
                "Tools that an agent itself ran in one run.",
                buckets::AGENT_CALLS,
            ),
            tool: make.histogram(
                metric::EXECUTE_TOOL_DURATION,
                SECONDS,
                "Duration of a tool's run.",
                buckets::SECONDS,
            ),
            ours: Ours::new(make),
        }
    }

    pub(super) fn record(&mut self, record: &Record) {
        match record.kind {
            Kind::Interaction => self.call(record),
            Kind::Step => self.step(record),
            _ => {}
        }
    }

    fn step(&mut self, record: &Record) {
        let took = record.total_latency_ms;
        let mut labels = Vec::with_capacity(4);
        let name = crate::span::object(record);
        match record.step {
            Some(StepKind::Tool) => {
                text(&mut labels, attribute::TOOL_NAME, name);
                let tool = record.tool.as_ref();
                let kind = tool.and_then(|tool| tool.kind.as_ref());
                text(&mut labels, attribute::TOOL_TYPE, kind);
                let agent = record.agent.as_ref().and_then(|agent| agent.name.as_ref());
                text(&mut labels, attribute::AGENT_NAME, agent);
                self.tool.millis(took, &ended(labels, record));
            }
            Some(StepKind::Agent) => {
                text(&mut labels, attribute::AGENT_NAME, name);
                if let Some(totals) = &record.totals {
                    self.agent_inference_calls.record(totals.own_inference_calls, &labels);
                    self.agent_tool_calls.record(totals.own_tools, &labels);
                }
                self.agent.millis(took, &ended(labels, record));
            }
            Some(StepKind::Workflow) => {
                text(&mut labels, attribute::WORKFLOW_NAME, name);
                let labels = ended(labels, record);
                if let Some(latest) = &mut self.latest {
                    latest.workflow.millis(took, &labels);
                }
                if let Some(previous) = &mut self.previous {
                    previous.workflow.millis(took, &labels);
                }
            }
            Some(StepKind::Retrieval) => {
                labels.push(KeyValue::new(attribute::OPERATION_NAME, operation::RETRIEVAL));
                self.operation.millis(took, &ended(labels, record));
            }
            _ => {}
        }
    }

    fn call(&mut self, record: &Record) {
        let labels = Labels::of(record);
        let kind = record.operation.as_deref().unwrap_or_default();
        let inference = operation::is_inference(kind);
        let embeddings = kind == operation::EMBEDDINGS;
        let took = record.total_latency_ms;
        let detailed = clocked(ended(labels.detailed().to_vec(), record), record);
        if let Some(latest) = &mut self.latest {
            if inference {
                latest.inference.millis(took, &detailed);
            } else if embeddings {
                // OpenAI adds nothing to this one.
                let plain = clocked(ended(labels.common().to_vec(), record), record);
                latest.embeddings.millis(took, &plain);
            }
        }
        if self.previous.is_some() || !(inference || embeddings) {
            self.operation.millis(took, &detailed);
        }
        self.ours.call(record, &labels, inference || embeddings);
        if inference {
            self.stream(record, &labels);
        }
        // Counts that contradict each other are no counts.
        if record.usage.as_ref().is_some_and(|usage| usage.inconsistent) {
            return;
        }
        if let Some(latest) = &mut self.latest {
            if inference {
                latest.usage(record, &labels);
            } else if embeddings {
                latest.embeddings_input.record(record.input_tokens, labels.common());
            }
        }
        if inference || embeddings {
            if let Some(previous) = &mut self.previous {
                previous.usage(record, &labels);
            }
            self.ours.cache(record, &labels);
        }
    }

    fn stream(&mut self, record: &Record, labels: &Labels) {
        let common = clocked(labels.common().to_vec(), record);
        self.ours.stream(record, &common);
        let Some(latency) = &record.latency else { return };
        let chunks = [
            self.latest.as_mut().map(|latest| &mut latest.chunks),
            self.previous.as_mut().map(|previous| &mut previous.chunks),
        ];
        for chunks in chunks.into_iter().flatten() {
            chunks.first.millis(latency.time_to_first_chunk_ms, &common);
            // A reader sees items, and when it came to ask for them.
            if clock(record).is_none() {
                chunks.next.all_millis(&latency.chunk_gaps_ms, &common);
            }
        }
    }
}

/// The pace of a stream, under the names of one state of the conventions.
pub(super) struct Chunks {
    first: Bounded<Histogram<f64>>,
    next: Bounded<Histogram<f64>>,
}

impl Chunks {
    pub(super) fn new(make: Maker<'_>, first: &'static str, next: &'static str) -> Self {
        let first_about = "Call issued to first chunk of the answer.";
        let next_about = "End of one chunk of an answer to the end of the next.";
        Self {
            first: make.histogram(first, SECONDS, first_about, buckets::SECONDS),
            next: make.histogram(next, SECONDS, next_about, buckets::SECONDS),
        }
    }
}

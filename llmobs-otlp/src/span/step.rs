//! Steps: the application's own functions around the calls.

use llmobs_core::semconv::attribute;
use llmobs_core::{DocumentRef, Record, Retrieved, StepKind};

use super::cut::Form;
use super::{call, conversation, ending, surroundings, titled};
use crate::attributes::{Attributes, Text, Value};
use crate::otlp::Semconv;

/// The operation of the steps the conventions know.
fn operation(record: &Record) -> Option<&str> {
    let memory = || record.memory.as_ref().and_then(|memory| memory.operation.as_deref());
    let step = record.step?;
    step.operation().or_else(|| memory().filter(|_| step == StepKind::Memory))
}

pub(super) fn name(record: &Record) -> String {
    let Some(operation) = operation(record) else {
        let kind = || record.step.map_or("step", StepKind::as_str).to_owned();
        return record.name.clone().unwrap_or_else(kind);
    };
    match record.step {
        Some(StepKind::Tool | StepKind::Agent | StepKind::Workflow) => {
            titled(operation, object(record))
        }
        // Named by the data source and by the agent, which a function's name is not.
        Some(StepKind::Retrieval) => titled(operation, call::data_source(record)),
        Some(StepKind::Plan) => titled(operation, agent(record)),
        _ => operation.to_owned(),
    }
}

/// The agent that ran, or that ran this.
fn agent(record: &Record) -> Option<&String> {
    record.agent.as_ref().and_then(|agent| agent.name.as_ref())
}

/// Name of the tool, agent or workflow that ran: its own, else the step's.
pub(crate) fn object(record: &Record) -> Option<&String> {
    let own = match record.step {
        Some(StepKind::Tool) => record.tool.as_ref().and_then(|tool| tool.name.as_ref()),
        Some(StepKind::Agent) => record.agent.as_ref().and_then(|agent| agent.name.as_ref()),
        Some(StepKind::Workflow) => record.workflow.as_ref().and_then(|flow| flow.name.as_ref()),
        _ => None,
    };
    own.or(record.name.as_ref())
}

/// All but the content and the application's own.
pub(crate) fn attributes<'r>(record: &'r Record, semconv: Semconv, out: &mut Attributes<'r>) {
    if let Some(operation) = operation(record) {
        out.push(attribute::OPERATION_NAME, operation.to_owned());
    }
    match record.step {
        Some(StepKind::Tool) => tool(record, semconv, out),
        Some(StepKind::Agent) => {
            out.text(attribute::AGENT_NAME, object(record));
            conversation(record, out);
            if let Some(agent) = &record.agent {
                out.text(attribute::AGENT_DESCRIPTION, agent.description.as_ref());
                // The conventions have these for remote agents only.
                out.text(attribute::LLMOBS_AGENT_ID, agent.id.as_ref());
                out.text(attribute::LLMOBS_AGENT_VERSION, agent.version.as_ref());
            }
        }
        Some(StepKind::Workflow) => {
            out.text(attribute::WORKFLOW_NAME, object(record));
            if semconv != Semconv::V2026_08 {
                conversation(record, out);
            }
        }
        Some(StepKind::Plan) => out.text(attribute::AGENT_NAME, agent(record)),
        Some(StepKind::Retrieval) => {
            out.term(attribute::PROVIDER_NAME, record.provider.as_ref());
            out.text(attribute::REQUEST_MODEL, record.model.as_ref());
            call::retrieval(record, out);
        }
        Some(StepKind::Memory) => memory(record, out),
        _ => {}
    }
    if let Some(step) = record.step {
        out.push(attribute::LLMOBS_STEP, step.as_str());
    }
    out.text(attribute::LLMOBS_STEP_NAME, record.name.as_ref());
    ending(record, out);
    totals(record, out);
    out.count(attribute::LLMOBS_STEP_ITEMS, record.items);
    surroundings(record, out);
    if let Some(retrieved) = &record.retrieved {
        documents(retrieved, out);
    }
}

fn tool<'r>(record: &'r Record, semconv: Semconv, out: &mut Attributes<'r>) {
    out.text(attribute::TOOL_NAME, object(record));
    if let Some(tool) = &record.tool {
        out.text(attribute::TOOL_CALL_ID, tool.call_id.as_ref());
        out.text(attribute::TOOL_TYPE, tool.kind.as_ref());
        out.text(attribute::TOOL_DESCRIPTION, tool.description.as_ref());
    }
    out.text(attribute::AGENT_NAME, agent(record));
    if semconv != Semconv::V2026_08 {
        conversation(record, out);
    }
}

fn memory<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    out.term(attribute::PROVIDER_NAME, record.provider.as_ref());
    if let Some(memory) = &record.memory {
        out.text(attribute::MEMORY_STORE_ID, memory.store_id.as_ref());
        out.text(attribute::MEMORY_RECORD_ID, memory.record_id.as_ref());
    }
    let count = record.retrieved.as_ref().map(|retrieved| retrieved.count);
    out.count(attribute::MEMORY_RECORD_COUNT, count);
}

/// What happened below. The tokens stand on an agent's span as the conventions have it, and only
/// where they are all there: a sum that is short looks like any other.
fn totals<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    let sums_up = [StepKind::Agent, StepKind::Workflow, StepKind::Fallback];
    let sums_up = record.step.is_some_and(|step| sums_up.contains(&step));
    let Some(totals) = record.totals.as_deref().filter(|_| sums_up) else { return };
    if record.step == Some(StepKind::Agent) && totals.calls > 0 && totals.uncounted == 0 {
        out.count(attribute::USAGE_INPUT_TOKENS, Some(totals.input_tokens));
        out.count(attribute::USAGE_OUTPUT_TOKENS, Some(totals.output_tokens));
    }
    out.count(attribute::LLMOBS_TOTALS_CALLS, Some(totals.calls));
    out.count(attribute::LLMOBS_TOTALS_FAILED, Some(totals.failed));
    if record.step != Some(StepKind::Fallback) {
        out.count(attribute::LLMOBS_TOTALS_TURNS, Some(totals.turns));
        out.count(attribute::LLMOBS_TOTALS_TOOLS, Some(totals.tools));
        out.count(attribute::LLMOBS_TOTALS_AGENTS, Some(totals.agents));
    }
}

/// Ids and scores apart from the texts, since the conventions' one attribute for all of it is
/// content.
fn documents<'r>(retrieved: &'r Retrieved, out: &mut Attributes<'r>) {
    out.count(attribute::LLMOBS_RETRIEVED_COUNT, Some(retrieved.count));
    let found = &retrieved.documents;
    if found.iter().any(|document| document.id.is_some()) {
        let id = |document: &'r DocumentRef| document.id.as_ref().map_or("".into(), Text::from);
        let ids = found.iter().map(id);
        out.list(attribute::LLMOBS_RETRIEVED_IDS, ids.collect());
    }
    let scores: Option<Vec<f64>> =
        found.iter().map(|document| document.score.filter(|score| score.is_finite())).collect();
    if let Some(scores) = scores.filter(|scores| !scores.is_empty()) {
        out.push(attribute::LLMOBS_RETRIEVED_SCORES, Value::Numbers(scores));
    }
}

/// The application's own attributes under its own names; ours stay what they are.
pub(super) fn own<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    for (key, value) in &record.attributes {
        let value = match value {
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::String(value) => Value::from(value),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Value::I64(whole),
                (None, Some(number)) => Value::F64(number),
                (None, None) => continue,
            },
            // An attribute that is nothing is none.
            serde_json::Value::Null => continue,
            other => {
                out.json(key, other.to_string(), Form::Json);
                continue;
            }
        };
        out.push(key, value);
    }
}

//! Steps: the application's own functions around the calls.

use llmobs_core::semconv::{attribute, operation};
use llmobs_core::{Record, Retrieved, StepKind};
use opentelemetry::{Array, Value};

use super::{ending, surroundings, titled};
use crate::attributes::Attributes;

/// Operation and name attribute of the steps the conventions know.
fn convention(step: StepKind) -> Option<(&'static str, Option<&'static str>)> {
    Some(match step {
        StepKind::Tool => (operation::EXECUTE_TOOL, Some(attribute::TOOL_NAME)),
        StepKind::Agent => (operation::INVOKE_AGENT, Some(attribute::AGENT_NAME)),
        StepKind::Workflow => (operation::INVOKE_WORKFLOW, Some(attribute::WORKFLOW_NAME)),
        // The conventions name it by the data source, which a function's name is not.
        StepKind::Retrieval => (operation::RETRIEVAL, None),
        _ => return None,
    })
}

pub(super) fn name(record: &Record) -> String {
    match record.step.and_then(convention) {
        Some((operation, Some(_))) => titled(operation, object(record)),
        Some((operation, None)) => operation.to_owned(),
        None => record
            .name
            .clone()
            .unwrap_or_else(|| record.step.map_or("step", StepKind::as_str).to_owned()),
    }
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

pub(super) fn attributes(record: &Record) -> Attributes {
    let mut out = Attributes::default();
    let known = record.step.and_then(convention);
    if let Some((operation, name)) = known {
        out.push(attribute::OPERATION_NAME, operation);
        if let Some(name) = name {
            out.text(name, object(record));
        }
    }
    if let Some(step) = record.step {
        out.push(attribute::LLMOBS_STEP, step.as_str());
    }
    out.text(attribute::LLMOBS_STEP_NAME, record.name.as_ref());
    ending(record, &mut out);
    if let Some(tool) = &record.tool {
        out.text(attribute::TOOL_CALL_ID, tool.call_id.as_ref());
        out.text(attribute::TOOL_TYPE, tool.kind.as_ref());
    }
    if let Some(agent) = &record.agent {
        out.text(attribute::AGENT_ID, agent.id.as_ref());
        out.text(attribute::AGENT_VERSION, agent.version.as_ref());
    }
    totals(record, &mut out);
    out.count(attribute::LLMOBS_STEP_ITEMS, record.items);
    surroundings(record, &mut out);
    if let Some(retrieved) = &record.retrieved {
        documents(retrieved, &mut out);
    }
    if let Some(content) = &record.content {
        let (arguments, result) = match record.step {
            Some(StepKind::Tool) => (attribute::TOOL_CALL_ARGUMENTS, attribute::TOOL_CALL_RESULT),
            _ => (attribute::LLMOBS_STEP_ARGUMENTS, attribute::LLMOBS_STEP_RESULT),
        };
        let fields = [
            (attribute::INPUT_MESSAGES, &content.input_messages),
            (attribute::OUTPUT_MESSAGES, &content.output_messages),
            (arguments, &content.arguments),
            (result, &content.result),
            (attribute::RETRIEVAL_DOCUMENTS, &content.documents),
        ];
        for (key, value) in fields {
            out.text(key, value.as_ref().map(ToString::to_string).as_ref());
        }
    }
    own(record, &mut out);
    out
}

/// What happened below. The tokens stand on an agent's span as the conventions have it, and only
/// where they are all there: a sum that is short looks like any other.
fn totals(record: &Record, out: &mut Attributes) {
    let Some(totals) = &record.totals else { return };
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
fn documents(retrieved: &Retrieved, out: &mut Attributes) {
    out.count(attribute::LLMOBS_RETRIEVED_COUNT, Some(retrieved.count));
    let found = &retrieved.documents;
    if found.iter().any(|document| document.id.is_some()) {
        let ids = found.iter().map(|document| document.id.clone().unwrap_or_default().into());
        out.list(attribute::LLMOBS_RETRIEVED_IDS, ids.collect());
    }
    let scores: Option<Vec<f64>> = found.iter().map(|document| document.score).collect();
    if let Some(scores) = scores.filter(|scores| !scores.is_empty()) {
        out.push(attribute::LLMOBS_RETRIEVED_SCORES, Value::Array(Array::F64(scores)));
    }
}

/// The application's own attributes under its own names; ours stay what they are.
fn own(record: &Record, out: &mut Attributes) {
    for (key, value) in &record.attributes {
        let value = match value {
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::String(value) => Value::from(value.clone()),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Value::I64(whole),
                (None, Some(number)) => Value::F64(number),
                (None, None) => continue,
            },
            // An attribute that is nothing is none.
            serde_json::Value::Null => continue,
            other => Value::from(other.to_string()),
        };
        out.push(key.clone(), value);
    }
}

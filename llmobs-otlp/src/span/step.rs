//! Steps: the application's own functions around the calls.

use llmobs_core::semconv::{attribute, operation};
use llmobs_core::{Record, StepKind};

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
        Some((operation, Some(_))) => titled(operation, record.name.as_ref()),
        Some((operation, None)) => operation.to_owned(),
        None => record
            .name
            .clone()
            .unwrap_or_else(|| record.step.map_or("step", StepKind::as_str).to_owned()),
    }
}

pub(super) fn attributes(record: &Record) -> Attributes {
    let mut out = Attributes::default();
    let known = record.step.and_then(convention);
    if let Some((operation, name)) = known {
        out.push(attribute::OPERATION_NAME, operation);
        if let Some(name) = name {
            out.text(name, record.name.as_ref());
        }
    }
    if let Some(step) = record.step {
        out.push(attribute::LLMOBS_STEP, step.as_str());
    }
    out.text(attribute::LLMOBS_STEP_NAME, record.name.as_ref());
    ending(record, &mut out);
    totals(record, &mut out);
    surroundings(record, &mut out);
    if let Some(content) = &record.content {
        let (input, output) = match record.step {
            Some(StepKind::Tool) => (attribute::TOOL_CALL_ARGUMENTS, attribute::TOOL_CALL_RESULT),
            _ => (attribute::INPUT_MESSAGES, attribute::OUTPUT_MESSAGES),
        };
        let fields = [(input, &content.input_messages), (output, &content.output_messages)];
        for (key, value) in fields {
            out.text(key, value.as_ref().map(ToString::to_string).as_ref());
        }
    }
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

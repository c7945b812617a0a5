//! Steps that another crate tells of by a `tracing` span.

use super::OpenStep;
use super::details::Details;
use crate::layer::Fields;
use crate::record::StepKind;
use crate::semconv::{attribute, foreign};

impl OpenStep {
    /// Takes what the span's fields say.
    pub(crate) fn told_by(mut self, fields: &Fields) -> Self {
        let mut details = Details::new(&self.recorder);
        let (mut arguments, mut result) = (None, None);
        match self.kind {
            StepKind::Tool => {
                details.tool.name = fields.text(attribute::TOOL_NAME);
                details.tool.call_id = fields.text(attribute::TOOL_CALL_ID);
                details.tool.kind = fields.text(attribute::TOOL_TYPE);
                arguments = fields.raw(attribute::TOOL_CALL_ARGUMENTS);
                result = fields.raw(attribute::TOOL_CALL_RESULT);
            }
            StepKind::Agent => {
                details.agent.name = fields.text(attribute::AGENT_NAME);
                details.agent.id = fields.text(attribute::AGENT_ID);
                details.agent.version = fields.text(attribute::AGENT_VERSION);
                let prompt = || fields.raw(foreign::PROMPT);
                arguments = fields.raw(attribute::INPUT_MESSAGES).or_else(prompt);
                let completion = || fields.raw(foreign::COMPLETION);
                result = fields.raw(attribute::OUTPUT_MESSAGES).or_else(completion);
            }
            StepKind::Workflow => {
                details.workflow.name = fields.text(attribute::WORKFLOW_NAME);
            }
            _ => {}
        }
        details.written_arguments = arguments.and_then(|json| details.as_written(json));
        details.result = result.and_then(|json| details.as_written(json));
        details.values_cut += u64::from(fields.missing > 0);
        self.details = Some(Box::new(details));
        self
    }
}

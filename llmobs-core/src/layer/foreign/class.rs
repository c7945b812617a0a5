//! What operations of other crates are to us.

use crate::layer::Fields;
use crate::record::StepKind;
use crate::semconv::{attribute, foreign, operation};

/// Operations that are the same, whatever they are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Inference,
    Embeddings,
    Other,
}

/// What an operation of another crate's is to us: a call, or a step of some kind.
pub(super) fn classified(fields: &Fields) -> Result<Class, StepKind> {
    let Some(operation) = fields.text(attribute::OPERATION_NAME) else {
        return Err(StepKind::Span);
    };
    match operation.as_str() {
        operation::CHAT | operation::TEXT_COMPLETION | operation::GENERATE_CONTENT => {
            Ok(Class::Inference)
        }
        operation::EMBEDDINGS => Ok(Class::Embeddings),
        operation::EXECUTE_TOOL => Err(StepKind::Tool),
        operation::INVOKE_AGENT => Err(StepKind::Agent),
        operation::INVOKE_WORKFLOW => Err(StepKind::Workflow),
        operation::RETRIEVAL => Err(StepKind::Retrieval),
        foreign::operation::PLAN | foreign::operation::CREATE_AGENT => Err(StepKind::Chain),
        // Whoever names a model or is a client of somebody calls out.
        _ if fields.text(attribute::REQUEST_MODEL).is_some() => Ok(Class::Other),
        _ if fields
            .text(foreign::OTEL_KIND)
            .is_some_and(|kind| kind.eq_ignore_ascii_case(foreign::KIND_CLIENT)) =>
        {
            Ok(Class::Other)
        }
        _ => Err(StepKind::Chain),
    }
}

/// The class of a call that we observe.
pub(super) fn class_of(operation: &str) -> Class {
    match operation {
        operation::CHAT | operation::TEXT_COMPLETION | operation::GENERATE_CONTENT => {
            Class::Inference
        }
        operation::EMBEDDINGS => Class::Embeddings,
        _ => Class::Other,
    }
}

//! How generation ended, in the words of the conventions.

use llmobs_core::semconv::{api, finish_reason, operation, response_status};
use llmobs_core::{Outcome, Record};

use crate::attributes::Text;

/// Choices a finish reason is made up for; more are taken for nonsense in the request.
const MAX_CHOICES: usize = 128;

/// The reasons by choice, with `error` where one was expected and did not come. The record itself
/// has only what was sent.
pub(crate) fn finish_reasons(record: &Record) -> Vec<Text<'_>> {
    let stored = record.api.as_deref() == Some(api::RESPONSES);
    let missing = || Text::Static(finish_reason::ERROR);
    let sent = record.finish_reasons.iter().map(|reason| match reason {
        // One reason, told in other words there.
        Some(reason) if stored && reason == "max_output_tokens" => {
            Text::Static(finish_reason::LENGTH)
        }
        Some(reason) => Text::from(reason),
        None => missing(),
    });
    let mut reasons: Vec<_> = sent.collect();
    if stored && reasons.is_empty() {
        reasons.extend(of_status(record));
    }
    let generates =
        matches!(record.operation.as_deref(), Some(operation::CHAT | operation::TEXT_COMPLETION));
    let answered = record.http_status.is_some_and(|status| status < 400);
    let cut_short = record.outcome.is_some_and(|outcome| outcome != Outcome::Completed);
    if generates && answered && cut_short {
        let asked = record.params.as_ref().and_then(|params| params.n).unwrap_or(1);
        let expected = usize::try_from(asked).unwrap_or(MAX_CHOICES).min(MAX_CHOICES);
        while reasons.len() < expected {
            reasons.push(missing());
        }
    }
    reasons
}

/// What the state of an answer says, where the API has no reasons: nothing while it is under way.
fn of_status(record: &Record) -> Option<Text<'static>> {
    let reason = match record.response_status.as_deref()? {
        response_status::COMPLETED if record.tool_calls.is_empty() => finish_reason::STOP,
        response_status::COMPLETED => finish_reason::TOOL_CALL,
        response_status::FAILED | response_status::CANCELLED => finish_reason::ERROR,
        _ => return None,
    };
    Some(reason.into())
}

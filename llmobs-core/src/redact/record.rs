//! The places of a record that hold content.

use super::Redact;
use super::text::Counts;
use crate::contain::contained;
use crate::record::{AttemptDetail, Content, Cut, Evaluation, Failure, Kind, Record};
use crate::semconv::error_type;

/// Longest type or code of an error that is one.
const MAX_WORD: usize = 128;

impl Redact {
    /// Redacts all content of a record. Where a detector panics, none of it is left: then it gives
    /// false.
    pub(crate) fn record(&self, record: &mut Record) -> bool {
        if self.is_off() {
            return true;
        }
        let redacted = contained(|| {
            let mut counts = Counts::default();
            self.places(record, &mut counts);
            counts
        });
        match redacted {
            Some(counts) => {
                record.redacted = counts;
                true
            }
            None => {
                withhold(record);
                record.attributes.clear();
                if self.labels {
                    (record.session_id, record.user_id) = (None, None);
                    record.tags.clear();
                }
                false
            }
        }
    }

    fn places(&self, record: &mut Record, counts: &mut Counts) {
        let text = |text: &mut String, counts: &mut Counts| {
            if let Some(redacted) = self.redacted(text, counts) {
                *text = redacted;
            }
        };
        if let Some(content) = &mut record.content {
            for value in values(content).into_iter().flatten() {
                self.value(value, counts);
            }
        }
        for call in &mut record.tool_calls {
            call.arguments.iter_mut().for_each(|arguments| text(arguments, counts));
        }
        for error in failures(&mut record.error, &mut record.attempt_details) {
            error.message.iter_mut().for_each(|message| text(message, counts));
            error.code.iter_mut().for_each(|code| text(code, counts));
            if let Some(kind) = self.redacted(&error.kind, counts) {
                error.kind = kind.into();
            }
        }
        if let Some(prompt) = &mut record.prompt {
            prompt.variables.values_mut().for_each(|value| text(value, counts));
        }
        if let Some(evaluation) = &mut record.evaluation {
            let Evaluation { name: _, score: _, label, explanation, evaluator: _, error_type: _ } =
                &mut **evaluation;
            label.iter_mut().chain(explanation).for_each(|said| text(said, counts));
        }
        // Named by the application, and kept always: what it is can still slip in.
        record.attributes.values_mut().for_each(|value| self.value(value, counts));
        if let Some(params) = &mut record.params {
            params.stop.iter_mut().for_each(|stop| text(stop, counts));
        }
        if self.labels {
            record.session_id.iter_mut().for_each(|id| text(id, counts));
            record.user_id.iter_mut().for_each(|id| text(id, counts));
            record.tags.values_mut().for_each(|tag| text(tag, counts));
        }
    }
}

/// Every part of the content. A part that is not named here does not compile: none is forgotten.
fn values(content: &mut Content) -> [Option<&mut serde_json::Value>; 8] {
    let Content {
        input_messages,
        output_messages,
        system_instructions,
        tool_definitions,
        query,
        arguments,
        result,
        documents,
    } = content;
    [
        input_messages.as_mut(),
        output_messages.as_mut(),
        system_instructions.as_mut(),
        tool_definitions.as_mut(),
        query.as_mut(),
        arguments.as_mut(),
        result.as_mut(),
        documents.as_mut(),
    ]
}

/// What the operation failed of, and each of its attempts.
fn failures<'r>(
    error: &'r mut Option<Box<Failure>>,
    attempts: &'r mut [AttemptDetail],
) -> impl Iterator<Item = &'r mut Failure> {
    let attempts = attempts.iter_mut().filter_map(|attempt| attempt.error.as_deref_mut());
    error.as_deref_mut().into_iter().chain(attempts)
}

/// Leaves all content out of a record, and says so in it.
pub(crate) fn withhold(record: &mut Record) {
    let mut withheld = u64::from(record.content.take().is_some());
    for call in &mut record.tool_calls {
        withheld += u64::from(call.arguments.take().is_some());
    }
    // Steps name theirs by a type.
    let calls = record.kind == Kind::Interaction;
    for error in failures(&mut record.error, &mut record.attempt_details).filter(|_| calls) {
        withheld += u64::from(error.message.take().is_some());
        // Where messages are kept, types and codes may be sentences.
        let part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
        let word = |text: &str| text.len() <= MAX_WORD && text.bytes().all(part);
        error.code = error.code.take().filter(|code| word(code));
        if !word(&error.kind) {
            error.kind = error_type::OTHER.into();
        }
    }
    if let Some(prompt) = &mut record.prompt {
        withheld += std::mem::take(&mut prompt.variables).len() as u64;
    }
    if let Some(evaluation) = &mut record.evaluation {
        withheld += u64::from(evaluation.explanation.take().is_some());
    }
    if withheld > 0 {
        let cut: &mut Cut = record.cut.get_or_insert_default();
        cut.withheld = Some(cut.withheld.unwrap_or_default() + withheld);
    }
}

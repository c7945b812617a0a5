//! What a record looks like as a span: the one place where spans get their names and attributes.

pub(crate) mod call;
pub(crate) mod clean;
pub(crate) mod content;
mod cut;
mod finish;
pub(crate) mod limits;
mod shape;
mod step;

use std::borrow::Cow;

use llmobs_core::{Cut, Kind, Outcome, Prompt, Record, SpanKind, StepKind, Timestamp};
use serde_json::Value;

pub(crate) use self::cut::Form;
pub(crate) use self::limits::Limits;
pub(crate) use self::step::object;
use crate::attributes::{Attribute, Attributes, Room, Text};
use crate::style::Style;
use llmobs_core::semconv::{attribute, error_type};

/// A record as a span, for both modes.
///
/// The status is never OK. It is ERROR for what failed and, as the conventions ask for operations
/// that ended before their end, for an answer that stopped without an end marker. A call the
/// application dropped is no error.
#[derive(Debug)]
pub(crate) struct SpanView<'r> {
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    /// In the order of importance, each within its limit; more of them than a span may have.
    pub(crate) attributes: Vec<Attribute<'r>>,
    /// Attributes that are not there at all.
    pub(crate) dropped: u32,
    /// Description of an error; empty when there is nothing to say that is not content.
    pub(crate) error: Option<String>,
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
}

impl<'r> SpanView<'r> {
    /// The span of an operation, of the part of its record that is [`shown`]; `None` for records that
    /// are none. The list of its attributes is made in the room.
    pub(crate) fn of(record: &'r Record, style: &Style, room: Room) -> Option<Self> {
        let semconv = style.semconv;
        let mut attributes = Attributes::within(room);
        let (name, kind) = match record.kind {
            Kind::Interaction => {
                call::attributes(record, semconv, &mut attributes);
                (call::name(record), SpanKind::Client)
            }
            Kind::Step => {
                step::attributes(record, semconv, &mut attributes);
                (step::name(record), record.step.map_or(SpanKind::Internal, StepKind::span_kind))
            }
            _ => return None,
        };
        for content::Part { key, form, value } in content::of(record) {
            match (form, &*value) {
                // Spans have no structured values: the conventions ask for a JSON string.
                (Form::Text, Value::String(text)) => attributes.push(Text::from(key), text.clone()),
                (form, value) => attributes.json(Text::from(key), value.to_string(), form),
            }
        }
        step::own(record, &mut attributes);
        for backend in style.compat.iter() {
            backend.add(record, &mut attributes);
        }
        common(record, &mut attributes);
        let (attributes, dropped) = style.limits.kept(attributes);
        let name = limits::name(name);
        let error = error_type(record).map(|_| {
            let message = record.error.as_ref().and_then(|error| error.message.clone());
            clean::text(message.unwrap_or_default())
        });
        let (start, end) = (record.timestamp, record.ended_at());
        Some(Self { name, kind, attributes, dropped, error, start, end })
    }
}

/// The record without what is not for spans. Taken out here, no attribute of any backend's can have
/// it.
pub(crate) fn shown<'r>(record: &'r Record, style: &Style) -> Cow<'r, Record> {
    if style.content.on_spans() || !has_content(record) {
        return Cow::Borrowed(record);
    }
    let mut bare = Record { content: None, ..record.clone() };
    if let Some(prompt) = &mut bare.prompt {
        prompt.variables.clear();
    }
    Cow::Owned(bare)
}

fn has_content(record: &Record) -> bool {
    let filled = |prompt: &Prompt| !prompt.variables.is_empty();
    record.content.is_some() || record.prompt.as_ref().is_some_and(filled)
}

/// What failed, for `error.type` on spans and metrics alike; `None` when nothing did.
///
/// An answer that stopped without an end marker has no type of its own and is `_OTHER`, as in the
/// reference instrumentation; `llmobs.outcome` tells it apart.
pub(crate) fn error_type(record: &Record) -> Option<llmobs_core::Term> {
    match record.outcome? {
        Outcome::Failed => Some(match &record.error {
            Some(error) if !error.kind.is_empty() => error.kind.clone(),
            _ => error_type::OTHER.into(),
        }),
        Outcome::Interrupted => Some(error_type::OTHER.into()),
        _ => None,
    }
}

/// What every span has: whom the operation was for, how it ended, and the application's tags.
pub(crate) fn surroundings<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    out.text(attribute::SESSION_ID, record.session_id.as_ref());
    out.text(attribute::USER_ID, record.user_id.as_ref());
    if let Some(id) = record.request_id {
        out.push(attribute::LLMOBS_REQUEST_ID, id.to_string());
    }
}

/// The conversation, on those spans that the conventions have it on.
pub(crate) fn conversation<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    out.text(attribute::CONVERSATION_ID, record.session_id.as_ref());
}

fn ending<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    if let Some(kind) = error_type(record) {
        out.push(attribute::ERROR_TYPE, kind);
    }
    if let Some(outcome) = record.outcome {
        out.push(attribute::LLMOBS_OUTCOME, outcome.as_str());
    }
}

/// What calls and steps have alike, and what matters least.
pub(crate) fn common<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    let fallback = record.fallback.map(|fallback| u64::from(fallback.attempt));
    out.count(attribute::LLMOBS_FALLBACK_ATTEMPT, fallback);
    if let Some(sampling) = record.sampling.as_deref() {
        out.number(attribute::LLMOBS_SAMPLING_RATE, Some(sampling.rate));
        out.text(attribute::LLMOBS_SAMPLING_RULE, sampling.rule.as_ref());
    }
    reduced(record, out);
    tags(record, out);
}

/// What is not as it was: redacted, cut or withheld.
fn reduced<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    for (detector, found) in &record.redacted {
        let found = i64::try_from(*found).unwrap_or(i64::MAX);
        out.push(format!("{}{detector}", attribute::LLMOBS_REDACTED_PREFIX), found);
    }
    let Some(cut) = &record.cut else { return };
    let Cut { request_body, response_body, tags, content, prompt_variables, .. } = &**cut;
    let parts = [
        ("request_body", request_body.is_some()),
        ("response_body", response_body.is_some()),
        ("tags", tags.is_some()),
        ("content", content.is_some()),
        ("prompt_variables", prompt_variables.is_some()),
        ("values", cut.values.is_some()),
        ("attributes", cut.attributes.is_some()),
    ];
    let cut_off = parts.into_iter().filter(|(_, cut)| *cut).map(|(name, _)| name.into());
    out.list(attribute::LLMOBS_CUT, cut_off.collect());
    out.count(attribute::LLMOBS_WITHHELD, cut.withheld);
}

pub(crate) fn tags<'r>(record: &'r Record, out: &mut Attributes<'r>) {
    for (name, value) in &record.tags {
        out.push(format!("{}{name}", attribute::LLMOBS_TAG_PREFIX), value);
    }
}

/// `operation` and what it was done with, or the operation alone.
fn titled(operation: &str, object: Option<&String>) -> String {
    match object {
        Some(object) => [operation, " ", object].concat(),
        None => operation.to_owned(),
    }
}

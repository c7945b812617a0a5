//! What a record looks like as events: the one place where log records get their names, attributes
//! and bodies.
//!
//! A body says in a few words what happened, for those who read logs; it holds no content.

mod encode;
mod logger;
mod sink;
mod value;

use std::time::SystemTime;

use llmobs_core::semconv::{attribute, event, operation};
use llmobs_core::{
    ErrorClass, Evaluation, Kind, Outcome, Record, SpanId, Term, Timestamp, TraceId,
};
use opentelemetry::KeyValue;
use opentelemetry::logs::Severity;

pub(crate) use self::logger::Emit;
pub use self::logger::LoggerSink;
pub use self::sink::EventSink;
use crate::attributes::{Attribute, Attributes};
use crate::span::content::{self, Part};
use crate::span::{Form, call, common, conversation, error_type, surroundings, tags};
use crate::style::Style;

/// One event, for both modes.
#[derive(Debug)]
pub(crate) struct Event<'r> {
    pub(crate) name: &'static str,
    pub(crate) severity: Option<Severity>,
    pub(crate) body: String,
    /// When it happened.
    pub(crate) at: Timestamp,
    /// The span it happened in, or that was judged.
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) span_id: Option<SpanId>,
    pub(crate) sampled: bool,
    pub(crate) attributes: Vec<KeyValue>,
    /// Attributes with a structure.
    pub(crate) content: Vec<Part<'r>>,
    pub(crate) dropped: u32,
}

/// Longest type of an error that is one.
const MAX_WORD: usize = 128;

/// What an exception says of its call: which one it was, and what it failed of. The rest is on the
/// span.
const IDENTITY: [&str; 19] = [
    attribute::OPERATION_NAME,
    attribute::PROVIDER_NAME,
    attribute::REQUEST_MODEL,
    attribute::RESPONSE_MODEL,
    attribute::RESPONSE_ID,
    attribute::SERVER_ADDRESS,
    attribute::SERVER_PORT,
    attribute::ERROR_TYPE,
    attribute::CONVERSATION_ID,
    attribute::SESSION_ID,
    attribute::USER_ID,
    attribute::OPENAI_API_TYPE,
    attribute::LLMOBS_API,
    attribute::LLMOBS_ERROR_CLASS,
    attribute::LLMOBS_ERROR_CODE,
    attribute::LLMOBS_HTTP_STATUS,
    attribute::LLMOBS_ATTEMPTS,
    attribute::LLMOBS_REQUEST_ID,
    attribute::LLMOBS_PROVIDER_REQUEST_ID,
];

/// The events of a record, few or none.
///
/// They do not depend on the sampling of traces: each says by its flags whether its span was kept.
pub(crate) fn events<'r>(record: &'r Record, style: &Style) -> Vec<Event<'r>> {
    let mut events = Vec::new();
    match record.kind {
        Kind::Interaction => {
            if style.details && record.operation.as_deref().is_some_and(generates) {
                events.push(details(record, style));
            }
            // An answer that stopped without an end marker is an error of the span's: nothing was
            // thrown. A retry that got an answer made the call succeed.
            if record.outcome == Some(Outcome::Failed) {
                events.push(exception(record, style));
            }
        }
        Kind::Evaluation => {
            events.extend(record.evaluation.as_deref().map(|it| judgement(record, it, style)));
        }
        _ => {}
    }
    events
}

/// Whether the conventions count the operation as inference.
fn generates(operation: &str) -> bool {
    use operation::{CHAT, GENERATE_CONTENT, TEXT_COMPLETION};

    matches!(operation, CHAT | TEXT_COMPLETION | GENERATE_CONTENT)
}

/// All that the call's span says, but for what only one backend reads.
fn details<'r>(record: &'r Record, style: &Style) -> Event<'r> {
    let mut attributes = Attributes::default();
    call::attributes(record, style.semconv, &mut attributes);
    let mut parts = Vec::new();
    if style.content.on_events() {
        let (texts, structured): (Vec<_>, Vec<_>) =
            content::of(record).into_iter().partition(|part| part.form == Form::Text);
        for Part { key, value, .. } in texts {
            attributes.push(key, value.as_str().unwrap_or_default().to_owned());
        }
        parts = structured;
    }
    common(record, &mut attributes);
    let (content, cut_off) = style.limits.structured(parts);
    let (mut attributes, mut dropped) = style.limits.kept(attributes);
    // The content goes before the least important of the rest.
    let room = style.limits.count.saturating_sub(content.len());
    dropped += cut_off + attributes.drain(room.min(attributes.len())..).len() as u32;
    let body = format!("{}: {}", call::name(record), ending(record));
    let name = event::OPERATION_DETAILS;
    let ended = ended(record);
    Event { content, dropped, ..Event::new(record, name, Some(Severity::Debug), body, ended) }
        .with(attributes)
}

fn exception<'r>(record: &'r Record, style: &Style) -> Event<'r> {
    let mut out = Attributes::default();
    if let Some(kind) = error_type(record) {
        out.push(attribute::EXCEPTION_TYPE, kind);
    }
    let message = record.error.as_ref().and_then(|error| error.message.as_ref());
    out.text(attribute::EXCEPTION_MESSAGE, message);
    let mut facts = Attributes::default();
    call::attributes(record, style.semconv, &mut facts);
    let (facts, _) = facts.into_parts();
    conversation(record, &mut out);
    for fact in facts.into_iter().filter(|fact| IDENTITY.contains(&fact.key.as_str())) {
        out.push(fact.key, fact.value);
    }
    tags(record, &mut out);
    let body = format!("{}: {}", call::name(record), ending(record));
    let name = event::OPERATION_EXCEPTION;
    Event::new(record, name, Some(Severity::Warn), body, ended(record)).within(out, style)
}

fn judgement<'r>(record: &'r Record, evaluation: &'r Evaluation, style: &Style) -> Event<'r> {
    let mut out = Attributes::default();
    out.push(attribute::EVALUATION_NAME, &evaluation.name);
    out.number(attribute::EVALUATION_SCORE, evaluation.score);
    out.text(attribute::EVALUATION_LABEL, evaluation.label.as_ref());
    out.term(attribute::ERROR_TYPE, evaluation.error_type.as_ref());
    out.text(attribute::RESPONSE_ID, record.response_id.as_ref());
    if style.content.on_events() {
        out.text(attribute::EVALUATION_EXPLANATION, evaluation.explanation.as_ref());
    }
    out.text(attribute::LLMOBS_EVALUATOR, evaluation.evaluator.as_ref());
    out.term(attribute::PROVIDER_NAME, record.provider.as_ref());
    out.text(attribute::REQUEST_MODEL, call::model(record));
    out.text(attribute::RESPONSE_MODEL, record.model_version.as_ref());
    conversation(record, &mut out);
    surroundings(record, &mut out);
    call::judged_prompt(record, &mut out);
    common(record, &mut out);
    let mut body = format!("{}:", evaluation.name);
    match (evaluation.score, &evaluation.label, &evaluation.error_type) {
        (_, _, Some(kind)) => body += &format!(" failed ({kind})"),
        (Some(score), Some(label), _) => body += &format!(" {label} ({score})"),
        (Some(score), None, _) => body += &format!(" {score}"),
        (None, Some(label), _) => body += &format!(" {label}"),
        (None, None, None) => body += " no result",
    }
    let at = record.timestamp;
    Event::new(record, event::EVALUATION_RESULT, None, body, at).within(out, style)
}

impl<'r> Event<'r> {
    fn new(
        record: &Record,
        name: &'static str,
        severity: Option<Severity>,
        body: String,
        at: Option<Timestamp>,
    ) -> Self {
        Self {
            name,
            severity,
            body,
            at: at.unwrap_or_else(|| SystemTime::now().into()),
            trace_id: record.trace_id,
            span_id: record.span_id,
            sampled: !record.unsampled,
            attributes: Vec::new(),
            content: Vec::new(),
            dropped: 0,
        }
    }

    fn with(self, attributes: Vec<Attribute<'_>>) -> Self {
        Self { attributes: attributes.into_iter().map(Attribute::into_pair).collect(), ..self }
    }

    fn within(self, attributes: Attributes<'_>, style: &Style) -> Self {
        let (attributes, dropped) = style.limits.kept(attributes);
        Self { dropped, ..self.with(attributes) }
    }
}

fn ended(record: &Record) -> Option<Timestamp> {
    record.ended_at().or(record.timestamp)
}

/// How the call ended, in a few words.
fn ending(record: &Record) -> String {
    // Where messages are captured, a type may be a sentence.
    let word = |kind: &Term| kind.len() <= MAX_WORD && !kind.contains(char::is_whitespace);
    match record.outcome {
        Some(Outcome::Failed) => {
            let class = record.error.as_ref().and_then(|error| error.class);
            let class = class.unwrap_or(ErrorClass::Other).as_str();
            let kind = error_type(record).filter(word).unwrap_or(class.into());
            format!("failed ({kind})")
        }
        Some(outcome) => outcome.as_str().to_owned(),
        None => "outcome unknown".to_owned(),
    }
}

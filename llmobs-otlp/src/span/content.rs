//! The content of a record, by the attributes it goes under.

use std::borrow::Cow;

use llmobs_core::semconv::{attribute, finish_reason, operation};
use llmobs_core::{Content, Kind, Outcome, Record, StepKind};
use serde_json::{Map, Value};

use super::call;
use super::cut::Form;
use super::finish::finish_reasons;
use crate::attributes::Text;

/// One part of the content.
#[derive(Debug)]
pub(crate) struct Part<'r> {
    pub(crate) key: Cow<'static, str>,
    pub(crate) form: Form,
    pub(crate) value: Cow<'r, Value>,
}

/// What was captured, in the forms of the conventions' schemas and on the spans they have it on;
/// nothing where nothing was.
pub(crate) fn of(record: &Record) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let call = record.kind != Kind::Step;
    if let Some(content) = &record.content {
        match (call, record.operation.as_deref()) {
            (false, _) => of_step(record.step, content, &mut parts),
            (true, Some(operation::EMBEDDINGS)) => add(
                [(attribute::LLMOBS_EMBEDDINGS_INPUT, Form::Json, &content.input_messages)],
                &mut parts,
            ),
            (true, Some(operation::RETRIEVAL)) => add(found(content), &mut parts),
            // What was asked was asked by another call.
            (true, Some(operation::FETCH_RESPONSE)) => {
                let said = said(content).into_iter();
                let told = said.filter(|(key, ..)| *key != attribute::INPUT_MESSAGES);
                add(told, &mut parts);
            }
            (true, _) => add(said(content), &mut parts),
        }
        for part in &mut parts {
            super::shape::repair(&mut part.value, part.form);
        }
        let output = parts.iter_mut().find(|part| part.key == attribute::OUTPUT_MESSAGES);
        if let Some(output) = output {
            finished(record, &mut output.value);
        }
    }
    if call && call::is_inference(record) {
        let variables = record.prompt.iter().flat_map(|prompt| &prompt.variables);
        parts.extend(variables.map(|(name, value)| Part {
            key: format!("{}{name}", attribute::PROMPT_VARIABLE_PREFIX).into(),
            form: Form::Text,
            value: Cow::Owned(Value::String(value.clone())),
        }));
    }
    parts
}

type Field<'r> = (&'static str, Form, &'r Option<Value>);

/// What a model, or an agent, was told and said.
fn said(content: &Content) -> [Field<'_>; 4] {
    [
        (attribute::SYSTEM_INSTRUCTIONS, Form::Parts, &content.system_instructions),
        (attribute::INPUT_MESSAGES, Form::Messages, &content.input_messages),
        (attribute::OUTPUT_MESSAGES, Form::Messages, &content.output_messages),
        (attribute::TOOL_DEFINITIONS, Form::Tools, &content.tool_definitions),
    ]
}

/// What was looked for, and found.
fn found(content: &Content) -> [Field<'_>; 2] {
    [
        (attribute::RETRIEVAL_QUERY, Form::Text, &content.query),
        (attribute::RETRIEVAL_DOCUMENTS, Form::Documents, &content.documents),
    ]
}

fn of_step<'r>(step: Option<StepKind>, content: &'r Content, out: &mut Vec<Part<'r>>) {
    let Content { arguments, result, documents, query, .. } = content;
    match step {
        Some(StepKind::Tool) => {
            // Documents are what it gave back.
            let result = result.as_ref().or(documents.as_ref());
            let keys = [attribute::TOOL_CALL_ARGUMENTS, attribute::TOOL_CALL_RESULT];
            let values = [arguments.as_ref(), result].map(|value| value.map(object));
            out.extend(keys.into_iter().zip(values).filter_map(|(key, value)| {
                Some(Part { key: key.into(), form: Form::Json, value: value? })
            }));
            return;
        }
        Some(StepKind::Memory) => {
            add([(attribute::MEMORY_QUERY, Form::Text, query)], out);
            out.extend(documents.as_ref().map(|documents| Part {
                key: attribute::MEMORY_RECORDS.into(),
                form: Form::Documents,
                value: records(documents),
            }));
        }
        Some(StepKind::Retrieval) => add(found(content), out),
        Some(StepKind::Agent) => add(said(content), out),
        Some(StepKind::Workflow) => {
            let messages = [attribute::INPUT_MESSAGES, attribute::OUTPUT_MESSAGES];
            add(said(content).into_iter().filter(|(key, ..)| messages.contains(key)), out);
        }
        _ => {
            add(said(content), out);
            add(found(content), out);
        }
    }
    let arguments = (attribute::LLMOBS_STEP_ARGUMENTS, Form::Json, arguments);
    add([arguments, (attribute::LLMOBS_STEP_RESULT, Form::Json, result)], out);
}

fn add<'r>(fields: impl IntoIterator<Item = Field<'r>>, out: &mut Vec<Part<'r>>) {
    out.extend(fields.into_iter().filter_map(|(key, form, value)| {
        Some(Part { key: key.into(), form, value: Cow::Borrowed(value.as_ref()?) })
    }));
}

/// Gives every message generated its finish reason. Newer conventions do without, but what reads
/// the older ones refuses all messages over one that has none.
fn finished(record: &Record, messages: &mut Cow<'_, Value>) {
    let lacks = |message: &Value| {
        message.is_object() && !message.get("finish_reason").is_some_and(Value::is_string)
    };
    if !messages.as_array().is_some_and(|messages| messages.iter().any(lacks)) {
        return;
    }
    let reasons = finish_reasons(record);
    let otherwise = match record.outcome {
        None | Some(Outcome::Completed) => finish_reason::STOP,
        Some(_) => finish_reason::ERROR,
    };
    let messages = messages.to_mut().as_array_mut().into_iter().flatten();
    for (index, message) in messages.enumerate().filter(|(_, message)| lacks(message)) {
        let reason = reasons.get(index).map_or(otherwise, Text::as_str);
        if let Value::Object(fields) = message {
            fields.insert("finish_reason".to_owned(), reason.into());
        }
    }
}

/// A tool's arguments or result as the object they are expected to be: what a text of JSON says,
/// and anything that is no object as the only entry of one.
fn object(value: &Value) -> Cow<'_, Value> {
    if value.is_object() {
        return Cow::Borrowed(value);
    }
    let said = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    // A text that happens to be a number or a word of JSON's was meant as a text.
    match said.filter(|said| said.is_object() || said.is_array()) {
        Some(said @ Value::Object(_)) => Cow::Owned(said),
        said => {
            let inside = said.unwrap_or_else(|| value.clone());
            Cow::Owned(Value::Object(Map::from_iter([("result".to_owned(), inside)])))
        }
    }
}

/// Records of a memory, which have a content even where it was not kept.
fn records(documents: &Value) -> Cow<'_, Value> {
    let lacks = |document: &Value| document.is_object() && document.get("content").is_none();
    let Value::Array(found) = documents else { return Cow::Borrowed(documents) };
    if !found.iter().any(lacks) {
        return Cow::Borrowed(documents);
    }
    let with_content = found.iter().cloned().map(|mut document| {
        if let Value::Object(fields) = &mut document {
            fields.entry("content").or_insert(Value::Null);
        }
        document
    });
    Cow::Owned(with_content.collect())
}

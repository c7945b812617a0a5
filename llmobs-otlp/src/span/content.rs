//! The content of a record, by the attributes it goes under.

use std::borrow::Cow;

use llmobs_core::semconv::{attribute, finish_reason};
use llmobs_core::{Content, Kind, Outcome, Record, StepKind};
use serde_json::{Map, Value};

use super::cut::Form;
use super::finish::finish_reasons;

/// One part of the content.
#[derive(Debug)]
pub(crate) struct Part<'r> {
    pub(crate) key: Cow<'static, str>,
    pub(crate) form: Form,
    pub(crate) value: Cow<'r, Value>,
}

/// What was captured, in the forms of the conventions' schemas; nothing where nothing was.
pub(crate) fn of(record: &Record) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    if let Some(content) = &record.content {
        match record.kind {
            Kind::Step => of_step(record.step, content, &mut parts),
            _ => of_call(content, &mut parts),
        }
        for part in &mut parts {
            super::shape::repair(&mut part.value, part.form);
        }
        let output = parts.iter_mut().find(|part| part.key == attribute::OUTPUT_MESSAGES);
        if let Some(output) = output {
            finished(record, &mut output.value);
        }
    }
    let variables = record.prompt.iter().flat_map(|prompt| &prompt.variables);
    parts.extend(variables.map(|(name, value)| Part {
        key: format!("{}{name}", attribute::PROMPT_VARIABLE_PREFIX).into(),
        form: Form::Text,
        value: Cow::Owned(Value::String(value.clone())),
    }));
    parts
}

fn of_call<'r>(content: &'r Content, out: &mut Vec<Part<'r>>) {
    let fields = [
        (attribute::SYSTEM_INSTRUCTIONS, Form::Parts, &content.system_instructions),
        (attribute::INPUT_MESSAGES, Form::Messages, &content.input_messages),
        (attribute::OUTPUT_MESSAGES, Form::Messages, &content.output_messages),
        (attribute::TOOL_DEFINITIONS, Form::Tools, &content.tool_definitions),
        (attribute::RETRIEVAL_QUERY, Form::Text, &content.query),
        (attribute::RETRIEVAL_DOCUMENTS, Form::Documents, &content.documents),
    ];
    add(fields, out);
}

fn of_step<'r>(step: Option<StepKind>, content: &'r Content, out: &mut Vec<Part<'r>>) {
    let Content { arguments, result, documents, query, .. } = content;
    let memory = step == Some(StepKind::Memory);
    let (asked, found) = match memory {
        true => (attribute::MEMORY_QUERY, attribute::MEMORY_RECORDS),
        false => (attribute::RETRIEVAL_QUERY, attribute::RETRIEVAL_DOCUMENTS),
    };
    let fields = [
        (attribute::SYSTEM_INSTRUCTIONS, Form::Parts, &content.system_instructions),
        (attribute::INPUT_MESSAGES, Form::Messages, &content.input_messages),
        (attribute::OUTPUT_MESSAGES, Form::Messages, &content.output_messages),
        (attribute::TOOL_DEFINITIONS, Form::Tools, &content.tool_definitions),
        (asked, Form::Text, query),
    ];
    add(fields, out);
    if step == Some(StepKind::Tool) {
        let keys = [attribute::TOOL_CALL_ARGUMENTS, attribute::TOOL_CALL_RESULT];
        let values = [arguments, result].into_iter().map(|value| value.as_ref().map(object));
        out.extend(keys.into_iter().zip(values).filter_map(|(key, value)| {
            Some(Part { key: key.into(), form: Form::Json, value: value? })
        }));
    } else {
        let fields = [
            (attribute::LLMOBS_STEP_ARGUMENTS, Form::Json, arguments),
            (attribute::LLMOBS_STEP_RESULT, Form::Json, result),
        ];
        add(fields, out);
    }
    if let Some(documents) = documents {
        let value = if memory { records(documents) } else { Cow::Borrowed(documents) };
        out.push(Part { key: found.into(), form: Form::Documents, value });
    }
}

fn add<'r, const N: usize>(
    fields: [(&'static str, Form, &'r Option<Value>); N],
    out: &mut Vec<Part<'r>>,
) {
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
        let reason = reasons.get(index).map_or(otherwise, String::as_str);
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

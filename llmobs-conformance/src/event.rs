//! Events: log records with an event's name.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use crate::attributes::Bearer;
use crate::checker::Checker;
use crate::registry::EventDef;
use crate::violation::{Class, Signal, Violation};
use crate::{scope, span, value};

/// Names of the severities, by the first number of each.
const SEVERITIES: [(i32, &str); 6] =
    [(1, "TRACE"), (5, "DEBUG"), (9, "INFO"), (13, "WARN"), (17, "ERROR"), (21, "FATAL")];
/// Characters of a body that is read as one line.
const LONGEST_BODY: usize = 256;

pub(crate) fn check(
    checker: &Checker,
    request: &ExportLogsServiceRequest,
    out: &mut Vec<Violation>,
) {
    for resource_logs in &request.resource_logs {
        let mut any_ours = false;
        for scoped in &resource_logs.scope_logs {
            if !scope::is_ours(checker, scoped.scope.as_ref()) {
                for log in &scoped.log_records {
                    let scope = scoped.scope.as_ref();
                    scope::foreign(checker, scope, &log.event_name, &log.attributes, out);
                }
                continue;
            }
            any_ours = true;
            scope::scope(checker, scoped.scope.as_ref(), &scoped.schema_url, out);
            for log in &scoped.log_records {
                one(checker, log, out);
            }
        }
        if any_ours {
            scope::resource(checker, resource_logs.resource.as_ref(), out);
        }
    }
}

fn one(checker: &Checker, log: &LogRecord, out: &mut Vec<Violation>) {
    let registry = checker.registry();
    let found = registry.events.get(&log.event_name);
    let bearer = Bearer {
        checker,
        registry,
        signal: Signal::Event,
        kind: &log.event_name,
        name: &log.event_name,
        uses: found.map(|def| &def.attributes),
        forbidden: None,
        structured: true,
    };
    match found {
        None => out.push(bearer.wrong(Class::UnknownEvent, None, "no registry has it")),
        Some(def) => {
            bearer.check(&log.attributes, out);
            severity(&bearer, log, def, out);
            let any = |key: &String| value::of(&log.attributes, key).is_some();
            if !def.one_of.is_empty() && !def.one_of.iter().any(any) {
                let detail = format!("one of {} is required", def.one_of.join(", "));
                let first = def.one_of.first().map(String::as_str);
                out.push(bearer.wrong(Class::MissingConditional, first, detail));
            }
        }
    }
    body(&bearer, log, out);
    context(&bearer, log, out);
}

fn severity(bearer: &Bearer<'_>, log: &LogRecord, def: &EventDef, out: &mut Vec<Violation>) {
    let number = log.severity_number;
    if def.severity != 0 && number != def.severity {
        let detail = format!("{number} instead of {}", def.severity);
        out.push(bearer.wrong(Class::WrongSeverity, None, detail));
    }
    let name = SEVERITIES.iter().rev().find(|(first, _)| *first <= number).map(|(_, name)| *name);
    let text = log.severity_text.as_str();
    if !text.is_empty() && name.is_none_or(|name| !text.to_uppercase().starts_with(name)) {
        let detail = format!("{text:?} for {number}");
        out.push(bearer.wrong(Class::WrongSeverity, None, detail));
    }
}

fn body(bearer: &Bearer<'_>, log: &LogRecord, out: &mut Vec<Violation>) {
    match log.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Any::StringValue(text)) if !text.is_empty() => {
            let long = text.chars().count() > LONGEST_BODY;
            if long || text.contains('\n') {
                out.push(bearer.wrong(Class::BadBody, None, "it is longer than a line"));
            }
        }
        None | Some(Any::StringValue(_)) => {
            out.push(bearer.wrong(Class::MissingBody, None, "no text says what it is"));
        }
        Some(other) => {
            let detail = format!("{}, where attributes have the data", value::type_name(other));
            out.push(bearer.wrong(Class::BadBody, None, detail));
        }
    }
}

fn context(bearer: &Bearer<'_>, log: &LogRecord, out: &mut Vec<Violation>) {
    let none = log.trace_id.is_empty() && log.span_id.is_empty();
    if !(none || span::is_id(&log.trace_id, 16) && span::is_id(&log.span_id, 8)) {
        let detail = format!("trace {:?}, span {:?}", log.trace_id, log.span_id);
        out.push(bearer.wrong(Class::BadId, None, detail));
    }
    if log.time_unix_nano == 0 {
        out.push(bearer.wrong(Class::BadTime, None, "no time says when it was"));
    }
}

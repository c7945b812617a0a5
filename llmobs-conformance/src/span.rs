//! Spans.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::attributes::Bearer;
use crate::checker::Checker;
use crate::registry::{Registry, SpanDef};
use crate::violation::{Class, Signal, Violation};
use crate::{scope, value};

const ERROR_TYPE: &str = "error.type";

pub(crate) fn check(
    checker: &Checker,
    request: &ExportTraceServiceRequest,
    out: &mut Vec<Violation>,
) {
    for resource_spans in &request.resource_spans {
        let mut any_ours = false;
        for scoped in &resource_spans.scope_spans {
            if !scope::is_ours(checker, scoped.scope.as_ref()) {
                for span in &scoped.spans {
                    let scope = scoped.scope.as_ref();
                    scope::foreign(checker, scope, &span.name, &span.attributes, out);
                }
                continue;
            }
            any_ours = true;
            scope::scope(checker, scoped.scope.as_ref(), &scoped.schema_url, out);
            for span in &scoped.spans {
                one(checker, span, out);
            }
        }
        if any_ours {
            scope::resource(checker, resource_spans.resource.as_ref(), out);
        }
    }
}

/// The type a span is of: the one that asks for most among those that fit, of its own kind if
/// there is one.
pub(crate) fn definition<'r>(
    registry: &'r Registry,
    kind: &str,
    attributes: &[KeyValue],
) -> Option<(&'r str, &'r SpanDef)> {
    let fitting = registry.spans.iter().filter(|(_, def)| {
        // Those of the conventions alone say in words only which spans are of them.
        !def.matches.is_empty() && value::fits(attributes, &def.matches)
    });
    let asked = |def: &SpanDef| (def.kind == kind, def.matches.len());
    fitting.max_by_key(|(_, def)| asked(def)).map(|(name, def)| (name.as_str(), def))
}

fn one(checker: &Checker, span: &Span, out: &mut Vec<Violation>) {
    let registry = checker.registry();
    let kind = match span.kind() {
        SpanKind::Client => "client",
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Unspecified => "unspecified",
    };
    let found = definition(registry, kind, &span.attributes);
    let bearer = Bearer {
        checker,
        registry,
        signal: Signal::Span,
        kind: found.map(|(name, _)| name).unwrap_or_default(),
        name: &span.name,
        uses: found.map(|(_, def)| &def.attributes),
        forbidden: found.map(|(_, def)| &def.forbidden),
        structured: false,
    };
    bearer.check(&span.attributes, out);
    match found {
        None => {
            out.push(bearer.wrong(Class::UnknownOperation, None, "no registry has such a span"))
        }
        Some((_, def)) => {
            if def.kind != kind {
                let detail = format!("{kind} instead of {}", def.kind);
                out.push(bearer.wrong(Class::SpanKind, None, detail));
            }
            let expected = title(&def.name, &span.attributes);
            if span.name != expected {
                let detail = format!("{expected:?} expected");
                out.push(bearer.wrong(Class::SpanName, None, detail));
            }
        }
    }
    status(&bearer, span, out);
    identity(&bearer, span, out);
    for event in &span.events {
        bearer.check_span_event(&event.name, &event.attributes, out);
    }
}

impl Bearer<'_> {
    /// Events of ours are log records; what is on a span of ours is nobody's.
    fn check_span_event(&self, name: &str, attributes: &[KeyValue], out: &mut Vec<Violation>) {
        let ours = attributes.iter().map(|attribute| attribute.key.as_str()).chain([name]);
        let known =
            |name: &str| name.starts_with("llmobs.") || self.registry.events.contains_key(name);
        if ours.into_iter().any(known) {
            out.push(self.wrong(Class::UnknownEvent, None, format!("{name} on a span")));
        }
    }
}

/// A name by its pattern: words whose attribute is absent are left out.
fn title(pattern: &str, attributes: &[KeyValue]) -> String {
    let word = |word: &str| {
        let Some(keys) = word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) else {
            return Some(word.to_owned());
        };
        keys.split('|').find_map(|key| value::text(attributes, key)).map(str::to_owned)
    };
    let words: Vec<_> = pattern.split(' ').filter_map(word).collect();
    words.join(" ")
}

fn status(bearer: &Bearer<'_>, span: &Span, out: &mut Vec<Violation>) {
    let error_type = value::text(&span.attributes, ERROR_TYPE);
    let (code, message) = match &span.status {
        Some(status) => (status.code(), status.message.as_str()),
        None => (StatusCode::Unset, ""),
    };
    match code {
        StatusCode::Ok => {
            out.push(bearer.wrong(Class::StatusOk, None, "it is the application's to say"));
        }
        StatusCode::Error if error_type.is_none() => {
            let detail = "the status is ERROR, and nothing says of what kind";
            out.push(bearer.wrong(Class::StatusError, Some(ERROR_TYPE), detail));
        }
        StatusCode::Unset if error_type.is_some() => {
            let detail = "there is an error, and the status is not ERROR";
            out.push(bearer.wrong(Class::StatusError, Some(ERROR_TYPE), detail));
        }
        _ => {}
    }
    if !message.is_empty() && code != StatusCode::Error {
        let detail = "a description, and no error";
        out.push(bearer.wrong(Class::StatusDescription, None, detail));
    }
}

fn identity(bearer: &Bearer<'_>, span: &Span, out: &mut Vec<Violation>) {
    let ids = [
        ("trace id", &span.trace_id, 16, false),
        ("span id", &span.span_id, 8, false),
        ("parent's id", &span.parent_span_id, 8, true),
    ];
    for (name, id, length, may_be_none) in ids {
        if !(is_id(id, length) || may_be_none && id.is_empty()) {
            out.push(bearer.wrong(Class::BadId, None, format!("{name}: {id:?}")));
        }
    }
    if !span.span_id.is_empty() && span.span_id == span.parent_span_id {
        out.push(bearer.wrong(Class::BadId, None, "it is its own parent"));
    }
    for link in &span.links {
        if !is_id(&link.trace_id, 16) || !is_id(&link.span_id, 8) {
            out.push(bearer.wrong(Class::BadId, None, "a link to no span"));
        }
    }
    let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
    if start == 0 || end < start {
        out.push(bearer.wrong(Class::BadTime, None, format!("from {start} to {end}")));
    }
}

pub(crate) fn is_id(id: &[u8], length: usize) -> bool {
    id.len() == length && id.iter().any(|byte| *byte != 0)
}

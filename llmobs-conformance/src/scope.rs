//! Whose it is: resources and instrumentation scopes.

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::attributes::Bearer;
use crate::checker::Checker;
use crate::value;
use crate::violation::{Class, Signal, Violation};

/// What every resource must say, as the SDK's specification has it.
const ASKED_OF_RESOURCES: [&str; 4] =
    ["service.name", "telemetry.sdk.name", "telemetry.sdk.language", "telemetry.sdk.version"];

fn bearer<'a>(checker: &'a Checker, signal: Signal, name: &'a str) -> Bearer<'a> {
    let registry = checker.registry();
    Bearer {
        checker,
        registry,
        signal,
        kind: name,
        name,
        uses: None,
        forbidden: None,
        structured: false,
    }
}

/// Checks the resource of something that is ours.
pub(crate) fn resource(checker: &Checker, resource: Option<&Resource>, out: &mut Vec<Violation>) {
    let bearer = bearer(checker, Signal::Resource, "");
    let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
    bearer.check(attributes, out);
    for key in ASKED_OF_RESOURCES {
        if value::text(attributes, key).is_none_or(str::is_empty) {
            out.push(bearer.wrong(Class::MissingRequired, Some(key), "resources have it"));
        }
    }
}

/// Whether a scope is ours.
pub(crate) fn is_ours(checker: &Checker, scope: Option<&InstrumentationScope>) -> bool {
    scope.is_some_and(|scope| scope.name == checker.registry().scope)
}

/// Checks a scope that is ours.
pub(crate) fn scope(
    checker: &Checker,
    scope: Option<&InstrumentationScope>,
    schema_url: &str,
    out: &mut Vec<Violation>,
) {
    let Some(scope) = scope else { return };
    let bearer = bearer(checker, Signal::Scope, &scope.name);
    bearer.check(&scope.attributes, out);
    let version = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let numbers: Vec<_> = scope.version.split(['-', '+']).next().unwrap_or("").split('.').collect();
    if numbers.len() != 3 || !numbers.into_iter().all(version) {
        let detail = format!("{:?} is no version", scope.version);
        out.push(bearer.wrong(Class::ScopeVersion, None, detail));
    }
    let expected = &checker.registry().schema_url;
    if schema_url != expected {
        let detail = format!("{schema_url:?} instead of {expected:?}");
        out.push(bearer.wrong(Class::SchemaUrl, None, detail));
    }
}

/// What is under somebody else's scope is theirs, but for our names.
pub(crate) fn foreign(
    checker: &Checker,
    scope: Option<&InstrumentationScope>,
    name: &str,
    attributes: &[KeyValue],
    out: &mut Vec<Violation>,
) {
    let ours = attributes.iter().find(|attribute| attribute.key.starts_with("llmobs."));
    if name.starts_with("llmobs.") || ours.is_some() {
        let scope = scope.map(|scope| scope.name.as_str()).unwrap_or_default();
        let key = ours.map(|attribute| attribute.key.as_str());
        let detail = format!("{name} has our names under the scope {scope:?}");
        out.push(bearer(checker, Signal::Scope, scope).wrong(Class::ScopeName, key, detail));
    }
}

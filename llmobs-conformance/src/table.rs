//! Our own names as a page for readers.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::exceptions::Exception;
use crate::registry::{
    AttributeDef, AttributeUse, Level, MetricDef, Registry, RegistryError, Type,
};

const HEAD: &str = "# Names of llmobs on the wire

Spans, metrics and events follow the OpenTelemetry GenAI conventions, state of October 2026. What they
have no name for is under `llmobs.`, and is here. This page is made from
[`semconv/llmobs.json`](semconv/llmobs.json), which is a registry of the conventions' own form, and from
[`semconv/exceptions.json`](semconv/exceptions.json). Everything that tests and recordings produce is
checked against both.

A value that is not known is absent, and never zero or empty instead.
";

/// The page of our registry and of the declared exceptions, both as JSON texts.
///
/// # Errors
///
/// When one of them is not of its form.
pub fn markdown(registry: &str, exceptions: &str) -> Result<String, RegistryError> {
    // What it adds to the conventions' metrics and spans has no instrument or kind of its own.
    let ours: Registry = serde_json::from_str(registry)?;
    let exceptions: Vec<Exception> = serde_json::from_str(exceptions)?;
    let mut out = String::from(HEAD);
    let (compat, own): (BTreeMap<_, _>, BTreeMap<_, _>) = ours
        .attributes
        .iter()
        .filter(|(_, def)| !def.brief.is_empty())
        .partition(|(_, def)| def.compat.is_some());
    out.push_str("\n## Attributes\n\n| attribute | type | meaning |\n|---|---|---|\n");
    for (key, def) in own {
        row(&mut out, [attribute(key, def), kind(def), meaning(def)]);
    }
    members(&ours, &mut out);
    spans(&ours, &mut out);
    metrics(&ours, &mut out);
    events(&ours, &mut out);
    out.push_str(
        "\n## Names of backends\n\nSent only where `Otlp::compat` asks for them.\n\n\
         | attribute | read by | type | meaning |\n|---|---|---|---|\n",
    );
    for (key, def) in compat {
        let backend = def.compat.clone().unwrap_or_default();
        row(&mut out, [attribute(key, def), backend, kind(def), meaning(def)]);
    }
    deviations(&exceptions, &mut out);
    Ok(out)
}

fn row<const N: usize>(out: &mut String, cells: [String; N]) {
    let cells = cells.map(|cell| cell.replace('|', "\\|"));
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn attribute(key: &str, def: &AttributeDef) -> String {
    match def.kind {
        Some(Type::Template(_)) => code(&format!("{key}.<name>")),
        _ => code(key),
    }
}

fn kind(def: &AttributeDef) -> String {
    match &def.kind {
        None => String::new(),
        Some(Type::Any) => "JSON".into(),
        Some(Type::Plain(plain) | Type::Template(plain)) => plain.clone(),
        Some(Type::Enum(members)) => {
            members.iter().map(|member| code(member)).collect::<Vec<_>>().join(", ")
        }
    }
}

fn meaning(def: &AttributeDef) -> String {
    let mut meaning = def.brief.clone();
    if !def.note.is_empty() {
        let _ = write!(meaning, " {}", def.note);
    }
    meaning
}

/// Values that we add to enums of the conventions.
fn members(ours: &Registry, out: &mut String) {
    out.push_str("\n## Values of ours\n\n");
    for (key, def) in ours.attributes.iter().filter(|(_, def)| def.brief.is_empty()) {
        let _ = writeln!(out, "- {}, which is open: {}", code(key), kind(def));
    }
}

fn spans(ours: &Registry, out: &mut String) {
    out.push_str(
        "\n## Spans\n\nEach has the attributes of the conventions' span that it is one of, and those of \
         the groups below.\n\n| span | is one of | is | has |\n|---|---|---|---|\n",
    );
    for (id, span) in &ours.spans {
        let base = span.extends.as_deref().map(code).unwrap_or_else(|| "ours".into());
        let groups = span.groups.iter().map(|group| code(group)).collect::<Vec<_>>().join(", ");
        let mut which = span.brief.clone();
        let told = span.matches.iter().filter(|(_, values)| !values.is_empty());
        for (key, values) in told {
            let values = values.iter().map(|value| code(value)).collect::<Vec<_>>().join(", ");
            let _ = write!(which, " {} = {values}.", code(key));
        }
        let own = listed(&span.attributes);
        let has = [groups, own].into_iter().filter(|part| !part.is_empty());
        row(out, [code(id), base, which, has.collect::<Vec<_>>().join("; ")]);
    }
    out.push_str("\n### Groups of attributes\n\n");
    for (name, attributes) in &ours.groups {
        let _ = writeln!(out, "- {}: {}", code(name), listed(attributes));
    }
}

/// Attributes, each with how much it is asked for where that is more than when known.
fn listed(attributes: &BTreeMap<String, AttributeUse>) -> String {
    let one = |(key, usage): (&String, &AttributeUse)| {
        let when = usage.when.trim_end_matches('.');
        let level = match usage.level {
            Level::Required => "always".to_owned(),
            Level::OptIn => "where it is turned on".to_owned(),
            _ if when.is_empty() => return code(key),
            _ => format!(
                "{}{}",
                when.get(..1).unwrap_or("").to_lowercase(),
                when.get(1..).unwrap_or("")
            ),
        };
        format!("{} ({level})", code(key))
    };
    attributes.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn metrics(ours: &Registry, out: &mut String) {
    out.push_str(
        "\n## Metrics\n\n| metric | instrument | unit | meaning | attributes |\n|---|---|---|---|---|\n",
    );
    let (own, added): (Vec<_>, Vec<_>) =
        ours.metrics.iter().partition(|(_, metric)| !metric.instrument.is_empty());
    let has = |metric: &MetricDef| {
        let groups = metric.groups.iter().map(|group| code(group)).collect::<Vec<_>>().join(", ");
        let own = listed(&metric.attributes);
        let parts = [groups, own].into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("; ")
    };
    for (name, metric) in own {
        let cells = [&metric.instrument, &code(&metric.unit), &metric.brief].map(Clone::clone);
        let [instrument, unit, brief] = cells;
        row(out, [code(name), instrument, unit, brief, has(metric)]);
    }
    out.push_str("\nThe conventions' metrics have these besides:\n\n");
    for (name, metric) in added {
        let _ = writeln!(out, "- {}: {}", code(name), has(metric));
    }
}

fn events(ours: &Registry, out: &mut String) {
    out.push_str("\n## Events\n\n");
    for (name, event) in &ours.events {
        let groups = event.groups.iter().map(|group| code(group)).collect::<Vec<_>>().join(", ");
        let own = listed(&event.attributes);
        let parts = [groups, own].into_iter().filter(|part| !part.is_empty());
        let brief =
            if event.brief.is_empty() { String::new() } else { format!(" {}", event.brief) };
        let has = parts.collect::<Vec<_>>().join("; ");
        let _ = writeln!(out, "- {}:{brief} {has}", code(name));
    }
}

fn deviations(exceptions: &[Exception], out: &mut String) {
    out.push_str("\n## Where we do otherwise than the conventions\n\n");
    if exceptions.is_empty() {
        out.push_str("Nowhere.\n");
        return;
    }
    out.push_str("| what | where | why |\n|---|---|---|\n");
    for exception in exceptions {
        let codes =
            |list: &[String]| list.iter().map(|one| code(one)).collect::<Vec<_>>().join(", ");
        let class = exception.class.map(|class| class.name().replace('_', " "));
        let attributes = codes(&exception.attributes);
        let what = [class.unwrap_or_default(), attributes];
        let what = what.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
        row(out, [what, codes(&exception.kinds), exception.reason.clone()]);
    }
}

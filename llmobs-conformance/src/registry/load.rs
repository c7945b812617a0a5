//! Puts several files together and resolves what they refer to.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{AttributeUse, Registry, RegistryError, SpanDef};

pub(super) fn merged<'t>(
    texts: impl IntoIterator<Item = &'t str>,
) -> Result<Registry, RegistryError> {
    let mut whole = Value::Object(serde_json::Map::new());
    for text in texts {
        merge(&mut whole, serde_json::from_str(text)?);
    }
    let mut registry: Registry = serde_json::from_value(whole)?;
    registry.attributes.retain(|_, def| def.kind.is_some());
    // What only rules are known of is in none of the registries put together here.
    registry.metrics.retain(|_, def| !def.instrument.is_empty());
    registry.spans.retain(|_, def| !def.kind.is_empty() || def.extends.is_some());
    resolve(&mut registry)?;
    Ok(registry)
}

/// Objects are joined, lists are added to, and of anything else the later one stays.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(from)) => into.extend(from),
        (into, from) => *into = from,
    }
}

/// Writes out groups and what is extended.
fn resolve(registry: &mut Registry) -> Result<(), RegistryError> {
    let groups = std::mem::take(&mut registry.groups);
    for (name, metric) in &mut registry.metrics {
        include(name, &metric.groups, &groups, &mut metric.attributes)?;
    }
    for (name, event) in &mut registry.events {
        include(name, &event.groups, &groups, &mut event.attributes)?;
    }
    let bases = registry.spans.clone();
    for (name, span) in &mut registry.spans {
        include(name, &span.groups, &groups, &mut span.attributes)?;
        if let Some(extended) = &span.extends {
            let base = bases.get(extended).ok_or_else(|| dangling(name, extended))?.clone();
            extend(span, base);
        }
        if span.name.is_empty() {
            span.name = span.name_note.split('`').nth(1).unwrap_or_default().to_owned();
        }
    }
    registry.groups = groups;
    known(registry)
}

fn include(
    name: &str,
    included: &[String],
    groups: &BTreeMap<String, BTreeMap<String, AttributeUse>>,
    attributes: &mut BTreeMap<String, AttributeUse>,
) -> Result<(), RegistryError> {
    for group in included {
        let group = groups.get(group).ok_or_else(|| dangling(name, group))?;
        for (key, usage) in group {
            attributes.entry(key.clone()).or_insert_with(|| usage.clone());
        }
    }
    Ok(())
}

fn extend(span: &mut SpanDef, base: SpanDef) {
    for (key, usage) in base.attributes {
        // What the conventions ask for is asked for here, too.
        span.attributes.insert(key, usage);
    }
    for (key, reason) in base.forbidden {
        span.forbidden.entry(key).or_insert(reason);
    }
    let inherited = [
        (&mut span.kind, base.kind),
        (&mut span.kind_of, base.kind_of),
        (&mut span.name, base.name),
        (&mut span.name_note, base.name_note),
    ];
    for (own, base) in inherited {
        if own.is_empty() {
            *own = base;
        }
    }
}

/// Whether every attribute that is referred to is registered.
fn known(registry: &Registry) -> Result<(), RegistryError> {
    let spans = registry.spans.iter().map(|(name, span)| (name, &span.attributes));
    let metrics = registry.metrics.iter().map(|(name, metric)| (name, &metric.attributes));
    let events = registry.events.iter().map(|(name, event)| (name, &event.attributes));
    for (name, attributes) in spans.chain(metrics).chain(events) {
        let foreign = |key: &&String| {
            let ours = ["llmobs", "gen_ai", "openai"];
            key.split_once('.').is_some_and(|(start, _)| ours.contains(&start))
                && registry.attribute(key).is_none()
        };
        if let Some(key) = attributes.keys().find(foreign) {
            return Err(dangling(name, key));
        }
    }
    Ok(())
}

fn dangling(from: &str, to: &str) -> RegistryError {
    RegistryError::Dangling { from: from.to_owned(), to: to.to_owned() }
}

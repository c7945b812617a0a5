//! How registries are put together.

use llmobs_conformance::{Level, Registry, RegistryError, Type, markdown};

use crate::made::checker;

const BASE: &str = r#"{
    "attributes": {
        "a.kind": {"type": {"enum": ["x"]}, "stability": "stable", "brief": "b", "note": ""},
        "a.some": {"type": "template[string]"}
    },
    "spans": {"base": {"type": "base", "kind": "client", "name_note": "It is `{a.kind} z`.",
        "attributes": {"a.kind": {"level": "required", "sampling_relevant": true}}}}
}"#;

#[test]
fn a_later_registry_adds_to_those_before() {
    let ours = r#"{
        "attributes": {"a.kind": {"type": {"enum": ["y"]}}},
        "groups": {"g": {"a.some": {"level": "recommended"}}},
        "spans": {"ours": {"extends": "base", "groups": ["g"]}}
    }"#;
    let registry = Registry::of([BASE, ours]).expect("two registries");
    let (_, kind) = registry.attribute("a.kind").expect("it is registered");
    assert_eq!(kind.kind, Some(Type::Enum(vec!["x".into(), "y".into()])));
    let (name, _) = registry.attribute("a.some.thing").expect("a template's");
    assert_eq!(name, "a.some");
    let ours = registry.spans.get("ours").expect("it is there");
    assert_eq!((ours.kind.as_str(), ours.name.as_str()), ("client", "{a.kind} z"));
    assert_eq!(ours.attributes.get("a.kind").map(|it| it.level), Some(Level::Required));
    assert!(ours.attributes.contains_key("a.some"));
}

#[test]
fn what_refers_to_nothing_is_refused() {
    for ours in [
        r#"{"spans": {"ours": {"extends": "nobody"}}}"#,
        r#"{"spans": {"ours": {"kind": "client", "groups": ["nobody"]}}}"#,
        r#"{"spans": {"ours": {"kind": "client",
            "attributes": {"llmobs.nobody": {"level": "required"}}}}}"#,
    ] {
        let found = Registry::of([BASE, ours]);
        assert!(matches!(found, Err(RegistryError::Dangling { .. })), "{ours}");
    }
    assert!(matches!(Registry::of(["{"]), Err(RegistryError::Malformed(_))));
}

#[test]
fn every_registered_type_of_ours_is_of_a_known_kind() {
    let Some(checker) = checker() else { return };
    let registry = checker.registry();
    let plain = ["string", "int", "double", "boolean", "string[]", "int[]", "double[]"];
    for (key, def) in &registry.attributes {
        if let Some(Type::Plain(kind) | Type::Template(kind)) = &def.kind {
            assert!(plain.contains(&kind.as_str()), "{key} is a {kind}");
        }
    }
    for (id, span) in registry.spans.iter().filter(|(_, span)| !span.matches.is_empty()) {
        assert!(["client", "internal"].contains(&span.kind.as_str()), "{id}");
        assert!(!span.name.is_empty(), "{id} has no name");
    }
    assert!(registry.metrics.len() > 35 && checker.previous().metrics.len() > 15);
}

#[test]
fn the_page_says_everything_that_is_registered() {
    let registry = r#"{"attributes": {
        "llmobs.a": {"type": {"enum": ["x", "y"]}, "brief": "What | it is.", "note": "Or not."},
        "their.b": {"type": "int", "compat": "Somebody", "brief": "For them."}}}"#;
    let exceptions = r#"[{"class": "span_kind", "kinds": ["k"], "reason": "Because."}]"#;
    let page = markdown(registry, exceptions).expect("a page");
    assert!(page.contains(r"| `llmobs.a` | `x`, `y` | What \| it is. Or not. |"), "{page}");
    assert!(page.contains("| `their.b` | Somebody | int | For them. |"), "{page}");
    assert!(page.contains("| span kind | `k` | Because. |"), "{page}");
}

//! Declared exceptions.

use llmobs_conformance::{Class, Exceptions};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::made::{assert_only, chat, checker, traces};

#[test]
fn an_exception_covers_what_it_names_and_nothing_else() {
    let Some(checker) = checker() else { return };
    let text = r#"[
        {"class": "span_kind", "kinds": ["llmobs.inference.openai"], "reason": "A test's."},
        {"class": "span_name", "kinds": ["llmobs.embeddings"], "reason": "Never needed."}
    ]"#;
    let exceptions = Exceptions::of(text).expect("a list of exceptions");
    let span = Span { kind: SpanKind::Internal.into(), name: "x".into(), ..chat() };
    let found = checker.check_traces(&traces(vec![span]));
    assert_eq!(found.len(), 2);
    assert_only(&exceptions.undeclared(found), Class::SpanName, None);
    let used: Vec<_> = exceptions.used().map(|(_, used)| used).collect();
    assert_eq!(used, [1, 0], "one that is not needed shows");
}

#[test]
fn an_exception_has_a_known_class_and_a_reason() {
    assert!(Exceptions::of(r#"[{"class": "span_kind"}]"#).is_err());
    assert!(Exceptions::of(r#"[{"class": "everything", "reason": "None."}]"#).is_err());
    assert!(Exceptions::of(r#"[{"class": "span_kind", "what": 1, "reason": "R."}]"#).is_err());
}

//! What the conventions' registries have against what arrives.

use std::sync::OnceLock;

use llmobs_conformance::{Checker, Class, Exceptions, Violation};

use crate::receiver::Receiver;

/// The checker; `None`, loudly, where there are no registries.
pub(crate) fn checker() -> Option<&'static Checker> {
    static CHECKER: OnceLock<Option<Checker>> = OnceLock::new();
    let load = || {
        let checker = Checker::of_this_workspace().expect("the registries can be read");
        // What the application of the samples says of its steps.
        checker.map(|checker| checker.application(["cache.hit", "filter", "top_k"]))
    };
    CHECKER.get_or_init(load).as_ref()
}

/// The declared deviations, which count how often they were needed in this process.
pub(crate) fn exceptions() -> &'static Exceptions {
    static EXCEPTIONS: OnceLock<Exceptions> = OnceLock::new();
    EXCEPTIONS.get_or_init(|| Exceptions::of_this_workspace().expect("a list of exceptions"))
}

/// What a test's receiver makes of the conventions.
#[derive(Clone, Debug, Default)]
pub(crate) enum Conformance {
    /// Everything that arrives is checked.
    #[default]
    Checked,
    /// The same, by a checker that knows more of the test.
    By(Box<Checker>),
    /// Nothing is: the test sends odd things on purpose.
    Off,
}

/// What the conventions have against the samples' content, which golden files pin as it is: it is
/// shorter than real content.
const OF_SAMPLES: [&str; 3] = [
    r#"at /0/parts/0: "hello" is"#,
    r#"at /0/parts/0: "hi\r\n" is"#,
    r#"at /0: {"name":"weather"} is"#,
];

fn is_of_samples(violation: &Violation) -> bool {
    violation.class == Class::ContentSchema
        && OF_SAMPLES.iter().any(|start| violation.detail.starts_with(start))
}

/// Everything that is wrong with what arrived and is not declared.
pub(crate) fn undeclared(receiver: &Receiver, conformance: &Conformance) -> Vec<Violation> {
    let checker = match conformance {
        Conformance::Off => return Vec::new(),
        Conformance::By(checker) => Some(checker.as_ref()),
        Conformance::Checked => checker(),
    };
    checker.map_or_else(Vec::new, |checker| exceptions().undeclared(wrong(receiver, checker)))
}

/// Everything that is wrong with what arrived, declared or not.
pub(crate) fn wrong(receiver: &Receiver, checker: &Checker) -> Vec<Violation> {
    let mut wrong = Vec::new();
    for request in receiver.traces() {
        wrong.extend(checker.check_traces(&request));
    }
    for request in receiver.metric_requests() {
        wrong.extend(checker.check_metrics(&request));
    }
    for request in receiver.log_requests() {
        wrong.extend(checker.check_logs(&request));
    }
    wrong.retain(|violation| !is_of_samples(violation));
    wrong
}

/// Each violation once, with how often it was there.
pub(crate) fn told(violations: &[Violation]) -> String {
    let mut counts = std::collections::BTreeMap::new();
    for violation in violations {
        *counts.entry(violation.to_string()).or_insert(0_u32) += 1;
    }
    counts.into_iter().map(|(what, count)| format!("\n  {count} × {what}")).collect()
}

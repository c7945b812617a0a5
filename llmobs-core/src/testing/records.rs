//! What tests say about the records of a service.

use std::fmt::Write;
use std::ops::Deref;

use crate::record::{Kind, Outcome, Record};

/// Records of a test, with what is usually asked of them.
///
/// All of it panics at the caller's line, and shows the records as a tree when it does.
///
/// ```
/// use llmobs_core::testing::{AssertRecord, Recording};
/// use llmobs_core::{Outcome, Step, StepKind};
///
/// let recording = Recording::new();
/// recording.scope().run_sync(|| {
///     let answer = Step::start(StepKind::Workflow, "answer");
///     answer.run_sync(|| Step::start(StepKind::Retrieval, "find_documents").end());
///     answer.end();
/// });
///
/// let records = recording.observed();
/// let answer = records.named("answer");
/// records.named("find_documents").assert_child_of(answer).assert_outcome(Outcome::Completed);
/// records.assert_lacks("the secret question");
/// assert_eq!(
///     records.tree(),
///     "answer [workflow] completed\n  find_documents [retrieval] completed\n"
/// );
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records(Vec<Record>);

impl Records {
    /// The only record there is.
    ///
    /// # Panics
    ///
    /// When there is none, or more than one.
    #[track_caller]
    pub fn only(&self) -> &Record {
        match self.as_slice() {
            [record] => record,
            records => fail(&format!("expected one record, not {}", records.len()), self),
        }
    }

    /// The only record of this name: a step's name, or the operation of a call.
    ///
    /// # Panics
    ///
    /// When there is none, or more than one.
    #[track_caller]
    pub fn named(&self, name: &str) -> &Record {
        let mut named = self.iter().filter(|record| title(record) == name);
        match (named.next(), named.next()) {
            (Some(record), None) => record,
            (None, _) => fail(&format!("expected a record named `{name}`"), self),
            (Some(_), Some(_)) => fail(&format!("expected one record named `{name}`"), self),
        }
    }

    /// The calls to models.
    #[must_use]
    pub fn interactions(&self) -> Self {
        self.of_kind(Kind::Interaction)
    }

    /// The application's own steps.
    #[must_use]
    pub fn steps(&self) -> Self {
        self.of_kind(Kind::Step)
    }

    /// The records right below `parent`.
    #[must_use]
    pub fn children_of(&self, parent: &Record) -> Self {
        self.iter().filter(|record| is_child(record, parent)).cloned().collect()
    }

    /// The records as a tree, two spaces a level, in the order they began: for snapshots.
    pub fn tree(&self) -> String {
        let mut out = String::new();
        let mut roots: Vec<_> = self.iter().collect();
        roots.retain(|record| !self.iter().any(|parent| is_child(record, parent)));
        self.branch(roots, 0, &mut out);
        out
    }

    /// Asserts that a text is nowhere in the records: what is private has stayed so.
    ///
    /// # Panics
    ///
    /// When a record holds the text.
    #[track_caller]
    pub fn assert_lacks(&self, text: &str) {
        for record in self.iter() {
            record.assert_lacks(text);
        }
    }

    fn of_kind(&self, kind: Kind) -> Self {
        self.iter().filter(|record| record.kind == kind).cloned().collect()
    }

    fn branch(&self, mut records: Vec<&Record>, depth: usize, out: &mut String) {
        // A record below itself would be a bug to be shown, not one to hang on.
        if depth > self.len() {
            return;
        }
        records.sort_by_key(|record| (record.timestamp, record.span_id));
        for record in records {
            let _ = writeln!(out, "{:indent$}{}", "", summary(record), indent = 2 * depth);
            let children = self.iter().filter(|child| is_child(child, record)).collect();
            self.branch(children, depth + 1, out);
        }
    }
}

impl Deref for Records {
    type Target = Vec<Record>;

    fn deref(&self) -> &Vec<Record> {
        &self.0
    }
}

impl From<Vec<Record>> for Records {
    fn from(records: Vec<Record>) -> Self {
        Self(records)
    }
}

impl FromIterator<Record> for Records {
    fn from_iter<I: IntoIterator<Item = Record>>(records: I) -> Self {
        Self(records.into_iter().collect())
    }
}

impl IntoIterator for Records {
    type Item = Record;
    type IntoIter = std::vec::IntoIter<Record>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Assertions on one record; each gives the record back for the next.
pub trait AssertRecord {
    /// Asserts how the operation ended.
    #[track_caller]
    fn assert_outcome(&self, outcome: Outcome) -> &Self;

    /// Asserts that the record is right below `parent`, in the same trace.
    #[track_caller]
    fn assert_child_of(&self, parent: &Record) -> &Self;

    /// Asserts that the record has no parent.
    #[track_caller]
    fn assert_root(&self) -> &Self;

    /// Asserts that a text is nowhere in the record, however it is quoted.
    #[track_caller]
    fn assert_lacks(&self, text: &str) -> &Self;
}

impl AssertRecord for Record {
    #[track_caller]
    fn assert_outcome(&self, outcome: Outcome) -> &Self {
        if self.outcome != Some(outcome) {
            fail(&format!("expected the outcome `{}`", outcome.as_str()), &one(self));
        }
        self
    }

    #[track_caller]
    fn assert_child_of(&self, parent: &Record) -> &Self {
        if !is_child(self, parent) {
            let both = [parent.clone(), self.clone()].into_iter().collect();
            fail(&format!("expected a child of {}", summary(parent)), &both);
        }
        self
    }

    #[track_caller]
    fn assert_root(&self) -> &Self {
        if self.parent_span_id.is_some() {
            fail("expected a root", &one(self));
        }
        self
    }

    #[track_caller]
    fn assert_lacks(&self, text: &str) -> &Self {
        let value = serde_json::to_value(self).unwrap_or_default();
        if let Some(path) = find(&value, text, String::new()) {
            fail(&format!("expected `{text}` nowhere, it is in `{path}`"), &one(self));
        }
        self
    }
}

fn one(record: &Record) -> Records {
    Records(vec![record.clone()])
}

#[track_caller]
#[expect(clippy::panic, reason = "this is how assertions fail")]
fn fail(what: &str, records: &Records) -> ! {
    panic!("{what}; the records are\n{}", records.tree())
}

fn is_child(record: &Record, parent: &Record) -> bool {
    record.parent_span_id.is_some()
        && record.parent_span_id == parent.span_id
        && record.trace_id == parent.trace_id
}

fn title(record: &Record) -> &str {
    record.name.as_deref().or(record.operation.as_deref()).unwrap_or("?")
}

fn summary(record: &Record) -> String {
    let mut text = title(record).to_owned();
    if let Some(step) = record.step {
        let _ = write!(text, " [{}]", step.as_str());
    }
    if let Some(model) = &record.model {
        let _ = write!(text, " {model}");
    }
    if let Some(outcome) = record.outcome {
        let _ = write!(text, " {}", outcome.as_str());
    }
    if let Some(error) = &record.error {
        let _ = write!(text, " ({})", error.kind);
    }
    text
}

/// Where in a record a text is, if it is.
fn find(value: &serde_json::Value, text: &str, path: String) -> Option<String> {
    use serde_json::Value;

    match value {
        Value::String(held) => held.contains(text).then_some(path),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(n, item)| find(item, text, format!("{path}[{n}]")))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            let path = format!("{path}.{name}");
            if name.contains(text) { Some(path) } else { find(field, text, path) }
        }),
        _ => None,
    }
}

//! What is known to be wrong, and why it stays so.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;

use crate::violation::{Class, Signal, Violation};

/// The file of exceptions, as it is published.
const DECLARED: &str = include_str!("../../llmobs-otlp/semconv/exceptions.json");

/// One declared exception. What is left out fits anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Exception {
    /// The class it is an exception of.
    pub class: Option<Class>,
    /// Where.
    #[serde(default)]
    pub signal: Option<Signal>,
    /// Types of spans, or names of metrics or events, one of which it is for.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Keys of attributes, one of which it is for.
    #[serde(default)]
    pub attributes: Vec<String>,
    /// A part of the violation's detail.
    #[serde(default)]
    pub detail: String,
    /// Why it stays so.
    pub reason: String,
    /// It goes once something else is done.
    #[serde(default)]
    pub temporary: bool,
}

impl Exception {
    fn covers(&self, violation: &Violation) -> bool {
        let any = |list: &[String], found: &str| {
            list.is_empty() || list.iter().any(|known| known == found)
        };
        self.class.is_none_or(|class| class == violation.class)
            && self.signal.is_none_or(|signal| signal == violation.signal)
            && any(&self.kinds, &violation.kind)
            && any(&self.attributes, violation.attribute.as_deref().unwrap_or_default())
            && violation.detail.contains(&self.detail)
    }
}

/// The declared exceptions, and how often each was needed.
#[derive(Debug, Default)]
pub struct Exceptions {
    list: Vec<(Exception, AtomicUsize)>,
}

impl Exceptions {
    /// Those of this workspace.
    ///
    /// # Errors
    ///
    /// When the file is none of exceptions.
    pub fn of_this_workspace() -> Result<Self, serde_json::Error> {
        Self::of(DECLARED)
    }

    /// Those of a JSON text: a list of [`Exception`]s.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn of(text: &str) -> Result<Self, serde_json::Error> {
        let list: Vec<Exception> = serde_json::from_str(text)?;
        Ok(Self { list: list.into_iter().map(|one| (one, AtomicUsize::new(0))).collect() })
    }

    /// What no exception covers.
    pub fn undeclared(&self, violations: Vec<Violation>) -> Vec<Violation> {
        let declared = |violation: &Violation| {
            let mut covering = self.list.iter().filter(|(one, _)| one.covers(violation));
            let found = covering.next();
            if let Some((_, used)) = found {
                used.fetch_add(1, Ordering::Relaxed);
            }
            found.is_some()
        };
        violations.into_iter().filter(|violation| !declared(violation)).collect()
    }

    /// Each exception, and how many violations it has covered so far.
    pub fn used(&self) -> impl Iterator<Item = (&Exception, usize)> {
        self.list.iter().map(|(one, used)| (one, used.load(Ordering::Relaxed)))
    }
}

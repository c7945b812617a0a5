//! Text that is kept: ids and names always, but short; content only when asked, within a budget.

#[cfg_attr(feature = "content", path = "kept/enabled.rs")]
#[cfg_attr(not(feature = "content"), path = "kept/disabled.rs")]
mod text;

use std::borrow::Cow;

pub(super) use self::text::{Text, mark};

use super::json::{Raw, has_text, text};

/// Longest id or name that is kept; a longer one is no name.
const MAX_NAME: usize = 1024;
/// Longest identifier an error is known by.
const MAX_IDENTIFIER: usize = 128;
/// Content of one answer that is kept, in bytes.
const MAX_CONTENT: usize = 4 << 20;

/// A name sent again and again, of which one is kept without reading it each time.
#[derive(Debug, Default)]
pub(super) struct Name(String);

impl Name {
    /// Keeps the first that is not empty.
    pub(super) fn first(&mut self, raw: Raw<'_>) {
        if self.0.is_empty() {
            self.last(raw);
        }
    }

    /// Keeps the last that is not empty.
    pub(super) fn last(&mut self, raw: Raw<'_>) {
        if let Some(raw) = raw.filter(|_| has_text(raw)).map(|raw| raw.get())
            && raw != self.0
            && raw.len() <= MAX_NAME
        {
            raw.clone_into(&mut self.0);
        }
    }

    /// Whether this is what was kept.
    pub(super) fn is(&self, raw: Raw<'_>) -> bool {
        raw.is_some_and(|raw| raw.get() == self.0)
    }

    pub(super) fn get(&self) -> Option<String> {
        let raw = serde_json::from_str(&self.0).ok()?;
        text(Some(raw)).map(Cow::into_owned)
    }
}

/// How much content may still be kept.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
    /// Content seen, in bytes.
    pub(super) seen: u64,
    /// Content not kept for want of room, in bytes.
    pub(super) missing: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: MAX_CONTENT, seen: 0, missing: 0 }
    }
}

impl Budget {
    /// Takes the room that the names of one more thing may need.
    pub(super) fn take_names(&mut self) -> bool {
        let left = self.left.checked_sub(2 * MAX_NAME);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }
}

/// A value that looks like an identifier and not like something somebody said.
pub(crate) fn identifier(value: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
    (!value.is_empty() && value.len() <= MAX_IDENTIFIER && value.chars().all(plain))
        .then(|| value.to_owned())
}

/// A value of a vocabulary, if it is short enough to be one.
pub(super) fn word(value: Cow<'_, str>) -> Option<String> {
    (value.len() <= MAX_IDENTIFIER).then(|| value.into_owned())
}

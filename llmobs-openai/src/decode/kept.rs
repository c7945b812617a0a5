//! Text that is kept: ids and names always, but short; content only when asked, within a budget.

use std::borrow::Cow;

use llmobs_core::CutField;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::json::{Raw, has_text, text};
use super::media::hex;

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

/// A text that grows by pieces.
#[derive(Debug, Default)]
pub(super) struct Text {
    kept: String,
    /// Length of all that came, in bytes.
    seen: u64,
    /// Hash of all that came, once some of it is not kept.
    hash: Option<Box<Sha256>>,
}

impl Text {
    pub(super) fn push(&mut self, piece: &str, budget: &mut Budget) {
        let len = piece.len() as u64;
        budget.seen += len;
        self.seen += len;
        // After the first piece that finds no room none is taken: a text with a hole in it lies.
        if piece.len() <= budget.left && budget.missing == 0 {
            budget.left -= piece.len();
            self.kept.push_str(piece);
        } else {
            budget.missing += len;
            let kept = || Box::new(Sha256::new_with_prefix(&self.kept));
            self.hash.get_or_insert_with(kept).update(piece);
        }
    }

    /// Replaces what was kept by the whole.
    pub(super) fn replace(&mut self, whole: &str, budget: &mut Budget) {
        budget.left += self.kept.len();
        budget.seen -= self.seen;
        budget.missing -= self.missing();
        *self = Self::default();
        self.push(whole, budget);
    }

    /// Whether nothing came.
    pub(super) fn is_empty(&self) -> bool {
        self.seen == 0
    }

    fn missing(&self) -> u64 {
        self.seen - self.kept.len() as u64
    }

    /// The text as a part of a message; one that was cut says how long it was, and its hash.
    pub(super) fn into_part(mut self, kind: &str, name: &str) -> Value {
        let cut = self.take_cut();
        let mut part = json!({"type": kind, name: self.kept});
        mark(&mut part, cut);
        part
    }

    /// What is missing at the end, if something is.
    pub(super) fn take_cut(&mut self) -> Option<CutField> {
        let hash = self.hash.take()?;
        let sha256 = Some(hex(*hash));
        Some(CutField { bytes: self.seen, missing: self.missing(), sha256 })
    }

    pub(super) fn into_string(self) -> String {
        self.kept
    }
}

/// Says in a part of a message that its text was cut.
pub(super) fn mark(part: &mut Value, cut: Option<CutField>) {
    if let (Some(cut), Some(part)) = (cut, part.as_object_mut()) {
        let cut = json!({"bytes": cut.bytes, "missing": cut.missing, "sha256": cut.sha256});
        part.insert("cut".into(), cut);
    }
}

/// A value that looks like an identifier and not like something somebody said.
pub(super) fn identifier(value: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
    (!value.is_empty() && value.len() <= MAX_IDENTIFIER && value.chars().all(plain))
        .then(|| value.to_owned())
}

/// A value of a vocabulary, if it is short enough to be one.
pub(super) fn word(value: Cow<'_, str>) -> Option<String> {
    (value.len() <= MAX_IDENTIFIER).then(|| value.into_owned())
}

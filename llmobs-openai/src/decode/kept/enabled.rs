//! Texts that are kept, within a budget.

use llmobs_core::CutField;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Budget;
use crate::decode::media::hex;

/// A text that grows by pieces.
#[derive(Debug, Default)]
pub(in crate::decode) struct Text {
    kept: String,
    /// Length of all that came, in bytes.
    seen: u64,
    /// Hash of all that came, once some of it is not kept.
    hash: Option<Box<Sha256>>,
}

impl Text {
    pub(in crate::decode) fn push(&mut self, piece: &str, budget: &mut Budget) {
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
    pub(in crate::decode) fn replace(&mut self, whole: &str, budget: &mut Budget) {
        budget.left += self.kept.len();
        budget.seen -= self.seen;
        budget.missing -= self.missing();
        *self = Self::default();
        self.push(whole, budget);
    }

    /// Whether nothing came.
    pub(in crate::decode) fn is_empty(&self) -> bool {
        self.seen == 0
    }

    fn missing(&self) -> u64 {
        self.seen - self.kept.len() as u64
    }

    /// The text as a part of a message; one that was cut says how long it was, and its hash.
    pub(in crate::decode) fn into_part(mut self, kind: &str, name: &str) -> Value {
        let cut = self.take_cut();
        let mut part = json!({"type": kind, name: self.kept});
        mark(&mut part, cut);
        part
    }

    /// What is missing at the end, if something is.
    pub(in crate::decode) fn take_cut(&mut self) -> Option<CutField> {
        let hash = self.hash.take()?;
        let sha256 = Some(hex(*hash));
        Some(CutField { bytes: self.seen, missing: self.missing(), sha256 })
    }

    pub(in crate::decode) fn into_string(self) -> String {
        self.kept
    }
}

/// Says in a part of a message that its text was cut.
pub(in crate::decode) fn mark(part: &mut Value, cut: Option<CutField>) {
    if let (Some(cut), Some(part)) = (cut, part.as_object_mut()) {
        let cut = json!({"bytes": cut.bytes, "missing": cut.missing, "sha256": cut.sha256});
        part.insert("cut".into(), cut);
    }
}

//! Texts that are kept, within a budget.

use llmobs_core::CutField;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Budget;
use crate::decode::media::hex;

/// A text that grows by pieces. Most answers have one or two of the many that there may be, and as
/// long as nothing is kept they have none.
#[derive(Debug, Default)]
pub(in crate::decode) struct Text(Option<Box<Grown>>);

#[derive(Debug, Default)]
struct Grown {
    kept: String,
    /// Length of all that came, in bytes.
    seen: u64,
    /// Hash of all that came, once some of it is not kept.
    hash: Option<Box<Sha256>>,
}

impl Text {
    pub(in crate::decode) fn push(&mut self, piece: &str, budget: &mut Budget) {
        let Grown { kept, seen, hash } = &mut **self.0.get_or_insert_default();
        let len = piece.len() as u64;
        budget.seen += len;
        *seen += len;
        // After the first piece that finds no room none is taken: a text with a hole in it lies.
        if piece.len() <= budget.left && budget.missing == 0 {
            budget.left -= piece.len();
            kept.push_str(piece);
        } else {
            budget.missing += len;
            let before = || Box::new(Sha256::new_with_prefix(&kept));
            hash.get_or_insert_with(before).update(piece);
        }
    }

    /// Replaces what was kept by the whole.
    pub(in crate::decode) fn replace(&mut self, whole: &str, budget: &mut Budget) {
        if let Some(grown) = self.0.take() {
            budget.left += grown.kept.len();
            budget.seen -= grown.seen;
            budget.missing -= grown.missing();
        }
        self.push(whole, budget);
    }

    /// Whether nothing came.
    pub(in crate::decode) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|grown| grown.seen == 0)
    }

    /// The text as a part of a message; one that was cut says how long it was, and its hash.
    pub(in crate::decode) fn into_part(mut self, kind: &str, name: &str) -> Value {
        let cut = self.take_cut();
        let mut part = json!({"type": kind, name: self.into_string()});
        mark(&mut part, cut);
        part
    }

    /// What is missing at the end, if something is.
    pub(in crate::decode) fn take_cut(&mut self) -> Option<CutField> {
        let grown = self.0.as_mut()?;
        let hash = grown.hash.take()?;
        let sha256 = Some(hex(*hash));
        Some(CutField { bytes: grown.seen, missing: grown.missing(), sha256 })
    }

    pub(in crate::decode) fn into_string(self) -> String {
        self.0.map_or_else(String::new, |grown| grown.kept)
    }
}

impl Grown {
    fn missing(&self) -> u64 {
        self.seen - self.kept.len() as u64
    }
}

/// Says in a part of a message that its text was cut.
pub(in crate::decode) fn mark(part: &mut Value, cut: Option<CutField>) {
    if let (Some(cut), Some(part)) = (cut, part.as_object_mut()) {
        let cut = json!({"bytes": cut.bytes, "missing": cut.missing, "sha256": cut.sha256});
        part.insert("cut".into(), cut);
    }
}

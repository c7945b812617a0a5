//! The application's labels, within bounds.

use std::collections::BTreeMap;

/// Tags a scope may have.
const MAX_TAGS: usize = 64;
/// Longest name, in bytes.
const MAX_NAME: usize = 128;
/// Longest value, in bytes.
const MAX_VALUE: usize = 256;

/// Labels by name. Each record carries them all, so neither their number nor their length may grow
/// with what somebody sends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tags {
    list: BTreeMap<String, String>,
    /// Tags that were shortened or left out.
    cut: u64,
}

impl Tags {
    /// Adds a tag, or replaces its value.
    pub(super) fn insert(&mut self, name: String, value: String) {
        let (name, whole_name) = bounded(name, MAX_NAME);
        let (value, whole_value) = bounded(value, MAX_VALUE);
        let room = self.list.len() < MAX_TAGS || self.list.contains_key(&name);
        self.cut += u64::from(!(whole_name && whole_value && room));
        if room {
            self.list.insert(name, value);
        }
    }

    pub(crate) fn list(&self) -> &BTreeMap<String, String> {
        &self.list
    }

    pub(crate) fn cut(&self) -> u64 {
        self.cut
    }
}

/// Text without control characters, which some backends refuse whole batches for, and no longer than
/// `max` bytes; and whether it is still what it was.
fn bounded(text: String, max: usize) -> (String, bool) {
    let whole = text.len() <= max && !text.contains(char::is_control);
    if whole {
        return (text, true);
    }
    let cut = (0..=max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let kept = cut.and_then(|cut| text.get(..cut)).unwrap_or_default();
    (kept.replace(char::is_control, "\u{fffd}"), false)
}

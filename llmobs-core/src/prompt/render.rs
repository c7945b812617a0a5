//! Rendering, on the caller's task.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::ops::Range;

use super::Template;
use super::pieces::{Piece, Pieces};
use super::renderings::{Rendered, Witness};
use crate::record::Prompt;

/// Longest value that is kept of a variable, in bytes.
const MAX_VALUE: usize = 64 * 1024;

/// A template that `prompt!` has checked.
#[derive(Debug)]
pub struct StaticPrompt {
    /// Name of the template.
    pub name: &'static str,
    /// Its version, the short hash where none was given.
    pub version: &'static str,
    /// SHA-256 of the text, in lower-case hex.
    pub hash: &'static str,
    /// The text.
    pub text: &'static str,
}

/// Where a rendered text came from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Static(&'static StaticPrompt),
    Template(Template),
}

impl Source {
    /// Name, version and hash.
    pub(super) fn identity(&self) -> (&str, &str, &str) {
        match self {
            Self::Static(prompt) => (prompt.name, prompt.version, prompt.hash),
            Self::Template(template) => {
                (template.name(), template.version_or_hash(), template.hash())
            }
        }
    }

    pub(super) fn prompt(&self) -> Prompt {
        let (name, version, hash) = self.identity();
        Prompt {
            name: name.to_owned(),
            version: Some(version.to_owned()),
            hash: Some(hash.to_owned()),
            variables: BTreeMap::new(),
        }
    }
}

/// Values a template was filled with, as far as they are kept.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) kept: BTreeMap<String, String>,
    /// Bytes of the values, and bytes of them that were left out.
    pub(super) bytes: u64,
    pub(super) missing: u64,
}

/// What `prompt!` expands to.
pub fn render(prompt: &'static StaticPrompt, values: &[(&str, &dyn Display)]) -> String {
    let value =
        |name: &str| values.iter().find(|(given, _)| *given == name).map(|(_, value)| *value);
    // Not reached in the error's case: the macro has seen a value for each variable.
    render_from(prompt.text, value, || Source::Static(prompt)).unwrap_or_default()
}

/// Renders a template and remembers what came out, if anybody records here; else the names of the
/// variables that have no value.
pub(super) fn render_from<'v>(
    template: &str,
    value: impl Fn(&str) -> Option<&'v dyn Display>,
    source: impl FnOnce() -> Source,
) -> Result<String, Vec<String>> {
    let witness = Witness::here();
    let mut values = witness.as_ref().filter(|witness| witness.keeps_values()).map(|_| Vec::new());
    let mut text = String::with_capacity(template.len());
    let mut missing: Vec<String> = Vec::new();
    for piece in Pieces::of(template) {
        match piece {
            Ok(Piece::Text(piece)) => text.push_str(piece),
            Ok(Piece::Variable(name)) => match value(name) {
                Some(value) => {
                    let from = text.len();
                    // A `Display` that gives up has said what it has said.
                    let _ = write!(text, "{value}");
                    if let Some(values) = &mut values {
                        values.push((name, from..text.len()));
                    }
                }
                None if missing.iter().any(|known| known == name) => {}
                None => missing.push(name.to_owned()),
            },
            // Both kinds of templates were checked before.
            Err(_) => break,
        }
    }
    if !missing.is_empty() {
        return Err(missing);
    }
    if let Some(witness) = witness.filter(|_| !text.is_empty()) {
        let values = values.map(|values| keep(&values, &text)).unwrap_or_default();
        witness.remember(&text, Rendered { source: source(), values });
    }
    Ok(text)
}

fn keep(values: &[(&str, Range<usize>)], text: &str) -> Values {
    let mut all = Values::default();
    for (name, range) in values {
        if all.kept.contains_key(*name) {
            continue;
        }
        let value = text.get(range.clone()).unwrap_or_default();
        let kept = start(value, MAX_VALUE);
        all.bytes += value.len() as u64;
        all.missing += (value.len() - kept.len()) as u64;
        all.kept.insert((*name).to_owned(), kept.to_owned());
    }
    all
}

/// The start of a text, cut between characters.
fn start(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

//! Texts of JSON, and what should have been: strings are looked at as what they mean, and written so
//! that JSON stays JSON. All else stays as it was sent, byte by byte.

use serde_json::{Map, Value};

use super::Redact;
use super::text::Counts;

/// How many texts of JSON may lie in one another.
pub(super) const DEPTH: usize = 4;
/// How deep a value may be; what is deeper is left out.
const MAX_LEVELS: usize = 256;
/// Digits that a number needs to be looked at: sums and times have fewer, or no issuer.
const MIN_DIGITS: usize = 12;

/// The text with findings replaced; `None` where nothing was found.
pub(super) fn redacted(
    redact: &Redact,
    text: &str,
    counts: &mut Counts,
    depth: usize,
) -> Option<String> {
    let mut out: Option<String> = None;
    let mut at = 0;
    // Copies what was left alone only once something was not.
    let mut replace = |range: std::ops::Range<usize>, with: &str, at: &mut usize| {
        let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
        out.push_str(text.get(*at..range.start).unwrap_or_default());
        out.push_str(with);
        *at = range.end;
    };
    let mut from = 0;
    while from < text.len() {
        let rest = text.get(from..).unwrap_or_default();
        let open = rest.find('"').unwrap_or(rest.len());
        let between = rest.get(..open).unwrap_or_default();
        if let Some(with) = outside(redact, between, counts) {
            replace(from..from + open, &with, &mut at);
        }
        let literal = rest.get(open..).unwrap_or_default();
        if literal.is_empty() {
            break;
        }
        let (end, closed) = literal_end(literal);
        let literal = literal.get(..end).unwrap_or_default();
        if let Some(with) = string(redact, literal, closed, counts, depth) {
            replace(from + open..from + open + end, &with, &mut at);
        }
        from += open + end;
    }
    let mut out = out?;
    out.push_str(text.get(at..).unwrap_or_default());
    Some(out)
}

/// Length of the string that `literal` begins with, its quotes included, and whether it is whole.
fn literal_end(literal: &str) -> (usize, bool) {
    let mut escaped = false;
    for (at, byte) in literal.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return (at + 1, true),
            _ => {}
        }
    }
    (literal.len(), false)
}

/// What is between two strings: numbers, and what is no JSON at all.
fn outside(redact: &Redact, text: &str, counts: &mut Counts) -> Option<String> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain = text.bytes().all(|byte| {
        byte.is_ascii_whitespace() || byte.is_ascii_digit() || b"{}[],:.-+eE".contains(&byte)
    });
    if !plain {
        return redact.plain(text, counts);
    }
    if digits < MIN_DIGITS {
        return None;
    }
    let mut out: Option<String> = None;
    let mut at = 0;
    let number = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
    let mut from = 0;
    for part in text.split_inclusive(|c| !number(c)) {
        let written = part.trim_end_matches(|c| !number(c));
        let whole = written.len() >= MIN_DIGITS;
        if let Some(with) = whole.then(|| redact.plain(written, counts)).flatten() {
            let out = out.get_or_insert_default();
            out.push_str(text.get(at..from).unwrap_or_default());
            out.push_str(&Value::String(with).to_string());
            at = from + written.len();
        }
        from += part.len();
    }
    let mut out = out?;
    out.push_str(text.get(at..).unwrap_or_default());
    Some(out)
}

fn string(
    redact: &Redact,
    literal: &str,
    closed: bool,
    counts: &mut Counts,
    depth: usize,
) -> Option<String> {
    // A string that was cut may end within an escape.
    let whole = if closed { literal.to_owned() } else { format!("{literal}\"") };
    match serde_json::from_str::<String>(&whole) {
        Ok(said) => {
            let mut with = Value::String(redact.nested(&said, counts, depth)?).to_string();
            if !closed {
                with.pop();
            }
            Some(with)
        }
        Err(_) => redact.plain(literal, counts),
    }
}

impl Redact {
    /// Redacts all texts of a value, names of members included.
    pub(super) fn value(&self, value: &mut Value, counts: &mut Counts) {
        self.level(value, counts, MAX_LEVELS);
    }

    fn level(&self, value: &mut Value, counts: &mut Counts, levels: usize) {
        match value {
            Value::String(text) => {
                if let Some(redacted) = self.redacted(text, counts) {
                    *text = redacted;
                }
            }
            Value::Number(number) => {
                let written = number.to_string();
                if written.len() >= MIN_DIGITS
                    && let Some(redacted) = self.plain(&written, counts)
                {
                    *value = Value::String(redacted);
                }
            }
            Value::Array(_) | Value::Object(_) if levels == 0 => {
                *value = Value::String("[redacted:depth]".into());
            }
            Value::Array(items) => {
                items.iter_mut().for_each(|item| self.level(item, counts, levels - 1));
            }
            Value::Object(members) => {
                members.values_mut().for_each(|member| self.level(member, counts, levels - 1));
                let is_found = |name: &String| self.plain(name, &mut Counts::default()).is_some();
                if members.keys().any(is_found) {
                    *members = self.names(std::mem::take(members), counts);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Redacts the names of members; those that become the same are numbered.
    fn names(&self, members: Map<String, Value>, counts: &mut Counts) -> Map<String, Value> {
        let mut named = Map::new();
        for (name, value) in members {
            let plain = self.plain(&name, counts).unwrap_or(name);
            let mut name = plain.clone();
            let mut number = 1;
            while named.contains_key(&name) {
                number += 1;
                name = format!("{plain} {number}");
            }
            named.insert(name, value);
        }
        named
    }
}

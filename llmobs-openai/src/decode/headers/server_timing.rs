//! The `Server-Timing` header.

use super::super::timing::{MAX_TOLD, Timing};

/// Longest name of a metric that is kept; a longer one is no name.
const MAX_NAME: usize = 40;

/// Reads the metrics of one header that have a duration: `cache;desc="a, b";dur=1.5, db;dur=53`.
pub(super) fn read(value: &str, timing: &mut Timing) {
    for metric in split(value, b',').take(4 * MAX_TOLD) {
        let mut parts = split(metric, b';');
        let name = parts.next().and_then(name);
        let durations = parts.filter_map(|part| {
            let (key, value) = part.split_once('=')?;
            key.trim().eq_ignore_ascii_case("dur").then_some(value.trim().trim_matches('"'))
        });
        let millis = durations.map(str::parse).next().and_then(Result::ok);
        if let (Some(name), Some(millis)) = (name, millis) {
            timing.told(name, millis);
        }
    }
}

/// A metric's name as ours are: `cfOrigin` is `cf_origin_ms`.
fn name(sent: &str) -> Option<String> {
    let sent = sent.trim();
    if sent.len() > MAX_NAME {
        return None;
    }
    let mut name = String::with_capacity(sent.len() + 8);
    let mut lower = false;
    for c in sent.chars() {
        let apart = c.is_ascii_uppercase() && lower;
        if (apart || !c.is_ascii_alphanumeric()) && !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        }
        lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    let end = name.trim_end_matches('_').len();
    name.truncate(end);
    if name.is_empty() {
        return None;
    }
    if !name.ends_with("_ms") {
        name.push_str("_ms");
    }
    Some(name)
}

/// The parts of a value between separators that are not inside quotes.
fn split(value: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let value = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let end = value.bytes().position(|byte| {
            let ends = byte == separator && !quoted;
            quoted ^= byte == b'"' && !escaped;
            escaped = byte == b'\\' && quoted && !escaped;
            ends
        });
        let (part, after) = match end {
            Some(end) => (value.get(..end)?, value.get(end + 1..)),
            None => (value, None),
        };
        rest = after;
        Some(part)
    })
}

//! Text and numbers in columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::style::Style;

/// What stands in for anything a terminal would act upon.
const REPLACEMENT: char = '\u{fffd}';
/// Names longer than this many bytes are shortened where they are kept.
const NAME_BYTES: usize = 256;

/// A name from a file, safe to keep and to print: bounded, and without control characters.
///
/// Names come from requests and answers; an escape sequence in one must not reach the terminal.
pub(crate) fn clean(name: &str) -> String {
    let mut kept = String::with_capacity(name.len().min(NAME_BYTES));
    for c in name.chars() {
        if kept.len() + c.len_utf8() > NAME_BYTES {
            kept.push('…');
            break;
        }
        kept.push(if acts(c) { REPLACEMENT } else { c });
    }
    kept
}

/// Control characters, and those that turn the direction of writing.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(crate) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// `text` on at most `columns` columns; what is too long loses its middle, since models differ at
/// both ends.
pub(crate) fn fit(text: &str, columns: usize, style: &Style) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(1);
    let tail_room = room / 3;
    let head = take(text.chars(), room - tail_room);
    let tail: String = take(text.chars().rev(), tail_room).chars().rev().collect();
    if columns == 0 { String::new() } else { format!("{head}{}{tail}", style.pick("…", "~")) }
}

fn take(chars: impl Iterator<Item = char>, columns: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= columns
        })
        .collect()
}

pub(crate) fn left(text: &str, columns: usize) -> String {
    let pad = columns.saturating_sub(width(text));
    format!("{text}{:pad$}", "")
}

pub(crate) fn right(text: &str, columns: usize) -> String {
    let pad = columns.saturating_sub(width(text));
    format!("{:pad$}{text}", "")
}

/// A count with its thousands apart.
pub(crate) fn count(n: u64) -> String {
    thousands(&n.to_string())
}

/// A count and what was counted.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(n))
}

/// A number with its thousands apart and this many decimals.
pub(crate) fn decimal(value: f64, decimals: usize) -> String {
    // Beyond this, digits are noise and the column would burst.
    if value.abs() >= 1e12 {
        return format!("{value:.2e}");
    }
    let text = format!("{value:.decimals$}");
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}", thousands(whole))
}

fn thousands(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// One unit and one number of decimals for times that stand below each other: milliseconds under
/// ten seconds, then seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeScale {
    seconds: bool,
    decimals: usize,
}

impl TimeScale {
    /// The scale for times up to `highest` milliseconds, with one decimal below `fine`.
    pub(crate) fn new(highest: f64, fine: f64) -> Self {
        let seconds = highest.abs() >= 9_999.5;
        let decimals = match highest.abs() {
            _ if seconds => 2,
            ms if ms < fine => 1,
            _ => 0,
        };
        Self { seconds, decimals }
    }

    pub(crate) fn unit(self) -> &'static str {
        if self.seconds { "s" } else { "ms" }
    }

    /// The number alone.
    pub(crate) fn number(self, ms: f64) -> String {
        decimal(if self.seconds { ms / 1_000.0 } else { ms }, self.decimals)
    }

    /// The number and its unit; what would round to nothing is said to be less than the least.
    pub(crate) fn time(self, ms: f64) -> String {
        let number = self.number(ms);
        let nothing = ms > 0.0 && number.chars().all(|c| matches!(c, '0' | '.'));
        let unit = self.unit();
        match (nothing, self.decimals) {
            (false, _) => format!("{number} {unit}"),
            (true, 0) => format!("<1 {unit}"),
            (true, 1) => format!("<0.1 {unit}"),
            (true, _) => format!("<0.01 {unit}"),
        }
    }
}

/// The highest of some times, regardless of sign; zero when there are none.
pub(crate) fn highest(times: impl Iterator<Item = f64>) -> f64 {
    times.map(f64::abs).fold(0.0, f64::max)
}

/// `parts` in lines of at most `columns` columns, `gap` columns between them, indented by `indent`
/// from the second line on.
pub(crate) fn flow(
    parts: &[String],
    gap: usize,
    indent: usize,
    columns: usize,
) -> Vec<Vec<String>> {
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut used = 0;
    for part in parts {
        let more = gap + width(part);
        match lines.last_mut() {
            Some(line) if used + more <= columns => {
                line.push(part.clone());
                used += more;
            }
            last => {
                used = width(part) + if last.is_some() { indent } else { 0 };
                lines.push(vec![part.clone()]);
            }
        }
    }
    lines
}

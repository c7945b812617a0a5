//! Telephone numbers: international ones with their `+`, and those of North America as they are
//! usually written.

use std::ops::Range;

use memchr::memchr_iter;

use super::bytes::{begins, digit_runs, digits, ends, number_begins, number_ends};

/// Digits of an international number; shorter ones are rather sums.
const DIGITS: std::ops::RangeInclusive<usize> = 9..=15;

pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    for at in memchr_iter(b'+', bytes) {
        if let Some(end) = international(bytes, at) {
            found(at..end);
        }
    }
    for at in digit_runs(bytes) {
        if let Some(range) = north_american(bytes, at) {
            found(range);
        }
    }
}

fn international(bytes: &[u8], plus: usize) -> Option<usize> {
    let sum = plus.checked_sub(1).and_then(|at| bytes.get(at)) == Some(&b'+');
    if sum || !begins(bytes, plus) || !matches!(bytes.get(plus + 1), Some(b'1'..=b'9')) {
        return None;
    }
    let (mut at, mut end, mut count, mut gap) = (plus + 1, plus + 1, 0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'0'..=b'9' => {
                (count, gap, end) = (count + 1, 0, at + 1);
                if count > *DIGITS.end() {
                    return None;
                }
            }
            b' ' | b'-' | b'.' | b'(' | b')' | b'/' if gap < 2 => gap += 1,
            _ => break,
        }
        at += 1;
    }
    (DIGITS.contains(&count) && ends(bytes, end)).then_some(end)
}

/// `(415) 555-0132`, `415-555-0132`, `415.555.0132`.
fn north_american(bytes: &[u8], area: usize) -> Option<Range<usize>> {
    let opens = |at: usize| matches!(bytes.get(at), Some(b'2'..=b'9'));
    if !opens(area) || digits(bytes, area, 4) != 3 || !number_begins(bytes, area) {
        return None;
    }
    let parenthesis = area.checked_sub(1).filter(|at| bytes.get(*at) == Some(&b'('));
    let (begin, exchange, separator) = match (parenthesis, bytes.get(area + 3)?) {
        (Some(begin), b')') if bytes.get(area + 4) == Some(&b' ') => (begin, area + 5, b'-'),
        (Some(begin), b')') => (begin, area + 4, b'-'),
        (None, separator @ (b'-' | b'.')) => (area, area + 4, *separator),
        _ => return None,
    };
    let line = exchange + 4;
    let whole = opens(exchange)
        && digits(bytes, exchange, 4) == 3
        && bytes.get(exchange + 3) == Some(&separator)
        && digits(bytes, line, 5) == 4
        && number_ends(bytes, line + 4)
        && bytes.get(line + 4) != Some(&b'-');
    let joined = begin.checked_sub(1).and_then(|at| bytes.get(at)) == Some(&b'-');
    (whole && !joined).then_some(begin..line + 4)
}

//! Numbers of payment cards: a known issuer's prefix, its length, and the check digit (Luhn).

use std::ops::Range;

use super::bytes::{digit_runs, digits, number_begins, number_ends};

/// Longest number.
const MAX: usize = 19;
/// How numbers are written in groups.
const GROUPINGS: [&[usize]; 6] =
    [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 4, 4, 1], &[4, 6, 5], &[4, 6, 4], &[6, 13]];

pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    let mut after = 0;
    for at in digit_runs(bytes) {
        if at >= after
            && number_begins(bytes, at)
            && let Some(end) = card(bytes, at)
        {
            found(at..end);
            after = end;
        }
    }
}

fn card(bytes: &[u8], at: usize) -> Option<usize> {
    let run = digits(bytes, at, MAX + 1);
    if (13..=MAX).contains(&run) {
        return is_card(bytes, at, at + run).then_some(at + run);
    }
    let separator = bytes.get(at + run).filter(|byte| matches!(byte, b' ' | b'-'))?;
    GROUPINGS.iter().find_map(|grouping| {
        let mut end = at;
        for (n, group) in grouping.iter().enumerate() {
            if n > 0 {
                bytes.get(end).filter(|byte| *byte == separator)?;
                end += 1;
            }
            (digits(bytes, end, group + 1) == *group).then_some(())?;
            end += group;
        }
        is_card(bytes, at, end).then_some(end)
    })
}

fn is_card(bytes: &[u8], at: usize, end: usize) -> bool {
    let mut number = [0; MAX];
    let mut len = 0;
    let sent = bytes.get(at..end).unwrap_or_default().iter().filter(|byte| byte.is_ascii_digit());
    for (place, digit) in number.iter_mut().zip(sent) {
        *place = *digit - b'0';
        len += 1;
    }
    let number = number.get(..len).unwrap_or_default();
    number_ends(bytes, end) && is_issued(number) && checks(number)
}

/// Whether an issuer has numbers that begin like this and are so long.
fn is_issued(number: &[u8]) -> bool {
    let head = number.iter().take(4).fold(0, |head, digit| head * 10 + u32::from(*digit));
    matches!(
        (number.len(), head),
        (13 | 16 | 19, 4000..=4999)
            | (15, 3400..=3499 | 3700..=3799)
            | (14, 3000..=3059 | 3095 | 3600..=3699 | 3800..=3999)
            | (16, 5100..=5599 | 2200..=2204 | 2221..=2720)
            | (16..=19, 6011 | 6440..=6599 | 6200..=6299 | 8100..=8171 | 3528..=3589)
            | (16..=19, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763)
    )
}

/// The check of ISO/IEC 7812.
fn checks(number: &[u8]) -> bool {
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit < 5 => digit * 2,
            (_, digit) => digit * 2 - 9,
        })
        .sum();
    sum.is_multiple_of(10) && number.iter().any(|digit| *digit != 0)
}

//! International bank account numbers: the country's length and the check of ISO 7064.

use std::ops::Range;

use super::bytes::{begins, digit_runs, ends};

/// Lengths by country, as the registry of ISO 13616 has them.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    let mut after = 0;
    // The two check digits come third: runs of digits are rarer than words.
    for digit in digit_runs(bytes) {
        if let Some(at) = digit.checked_sub(2)
            && at >= after
            && begins(bytes, at)
            && let Some(end) = iban(bytes, at)
        {
            found(at..end);
            after = end;
        }
    }
}

fn iban(bytes: &[u8], at: usize) -> Option<usize> {
    let country = bytes.get(at..at + 2)?.to_ascii_uppercase();
    let length = LENGTHS.iter().find(|(code, _)| code[..] == country[..])?.1;
    let mut number = [0; 34];
    let mut end = at;
    for place in 0..length {
        // In groups of four, or without a gap.
        if place > 0 && place % 4 == 0 && matches!(bytes.get(end), Some(b' ' | b'-')) {
            end += 1;
        }
        let byte = bytes.get(end).filter(|byte| byte.is_ascii_alphanumeric())?;
        *number.get_mut(place)? = byte.to_ascii_uppercase();
        end += 1;
    }
    let number = number.get(..length)?;
    let checked = number.get(2..4)?.iter().all(u8::is_ascii_digit);
    (checked && ends(bytes, end) && remainder(number) == Some(1)).then_some(end)
}

/// The number, its first four characters last, modulo 97.
fn remainder(number: &[u8]) -> Option<u32> {
    let (head, tail) = number.split_at_checked(4)?;
    tail.iter().chain(head).try_fold(0, |rest, byte| {
        let value = char::from(*byte).to_digit(36)?;
        let shift = if value < 10 { 10 } else { 100 };
        Some((rest * shift + value) % 97)
    })
}

//! Social security numbers of the United States, as they are written: `078-05-1120`.

use std::ops::Range;

use super::bytes::{digit_runs, digits, number_begins, number_ends};

pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    for at in digit_runs(bytes) {
        let written = digits(bytes, at, 4) == 3
            && bytes.get(at + 3) == Some(&b'-')
            && digits(bytes, at + 4, 3) == 2
            && bytes.get(at + 6) == Some(&b'-')
            && digits(bytes, at + 7, 5) == 4;
        let joined = at.checked_sub(1).and_then(|at| bytes.get(at)) == Some(&b'-')
            || bytes.get(at + 11) == Some(&b'-');
        if written
            && !joined
            && number_begins(bytes, at)
            && number_ends(bytes, at + 11)
            && is_given(text.get(at..at + 11).unwrap_or_default())
        {
            found(at..at + 11);
        }
    }
}

/// Whether the number lies in the ranges that are given out.
fn is_given(number: &str) -> bool {
    let part = |range: Range<usize>| number.get(range).and_then(|part| part.parse::<u32>().ok());
    let area = part(0..3).is_some_and(|area| (1..=899).contains(&area) && area != 666);
    area && part(4..6) != Some(0) && part(7..11) != Some(0)
}

//! What surrounds a finding, byte by byte.

/// Whether the byte at `at` ends a JSON escape such as `\n`: it is no part of the word after it.
pub(super) fn escaped(bytes: &[u8], at: usize) -> bool {
    let is = |at: Option<usize>, of: &[u8]| {
        at.and_then(|at| bytes.get(at)).is_some_and(|byte| of.contains(byte))
    };
    is(Some(at), b"nrt") && is(at.checked_sub(1), b"\\")
}

/// Whether a word may begin at `at`: no letter, digit or underscore is before it.
pub(super) fn begins(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else { return true };
    let word = bytes.get(before).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    !word || escaped(bytes, before)
}

/// Whether a word may end before `at`: no letter, digit or underscore is there.
pub(super) fn ends(bytes: &[u8], at: usize) -> bool {
    !bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Whether a number may begin at `at`: no part of a longer number or of a name is before it.
pub(super) fn number_begins(bytes: &[u8], at: usize) -> bool {
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let before = at.checked_sub(1).and_then(|at| bytes.get(at));
    begins(bytes, at) && !(matches!(before, Some(b'.' | b',')) && digit(at.checked_sub(2)))
}

/// Whether a number may end before `at`.
pub(super) fn number_ends(bytes: &[u8], at: usize) -> bool {
    let digit = bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
    ends(bytes, at) && !(matches!(bytes.get(at), Some(b'.')) && digit)
}

/// The places where a run of digits begins.
pub(super) fn digit_runs(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let mut before = false;
    bytes.iter().enumerate().filter_map(move |(at, byte)| {
        let digit = byte.is_ascii_digit();
        let begins = digit && !before;
        before = digit;
        begins.then_some(at)
    })
}

/// Digits from `at` on, at most `most`.
pub(super) fn digits(bytes: &[u8], at: usize, most: usize) -> usize {
    let run = bytes.get(at..).unwrap_or_default().iter().take(most);
    run.take_while(|byte| byte.is_ascii_digit()).count()
}

/// Whether a character may be in a name of the Latin script.
pub(super) fn is_label(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || ('\u{c0}'..='\u{24f}').contains(&c)
}

/// Length of the letters that a text begins with.
pub(super) fn letters(text: &str) -> usize {
    let letter = |c: char| c.is_ascii_alphabetic() || ('\u{c0}'..='\u{24f}').contains(&c);
    text.find(|c| !letter(c)).unwrap_or(text.len())
}

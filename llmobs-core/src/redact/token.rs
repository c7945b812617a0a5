//! Tokens: JSON web tokens, and whatever follows `Bearer`.

use std::ops::Range;

use memchr::memmem;

use super::bytes::begins;

/// Shortest token after `Bearer`.
const MIN_BEARER: usize = 16;

pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    let mut after = 0;
    // `{"` in base64.
    for at in memmem::find_iter(bytes, b"eyJ") {
        if at < after || !begins(bytes, at) {
            continue;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        if let Some(len) = web_token(rest) {
            found(at..at + len);
            after = at + len;
        } else {
            // What begins later in the same run ends where it ends, and is none either.
            after = at + run(rest, 0);
        }
    }
    let mut after = 0;
    for scheme in memmem::find_iter(bytes, b"earer ") {
        let at = scheme + b"earer ".len();
        let named = scheme.checked_sub(1).and_then(|at| bytes.get(at));
        if at < after || !matches!(named, Some(b'B' | b'b')) {
            continue;
        }
        let part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
        let token = bytes.get(at..).unwrap_or_default();
        let len = token.iter().take_while(part).count();
        let token = token.get(..len).unwrap_or_default();
        if len >= MIN_BEARER && token.iter().any(u8::is_ascii_digit) {
            found(at..at + len);
        }
        after = at + len;
    }
}

/// Length of what is written in base64 from `at` on.
fn run(rest: &[u8], at: usize) -> usize {
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    rest.get(at..).unwrap_or_default().iter().take_while(part).count()
}

/// Length of the token that `rest` begins with: two objects and a signature.
fn web_token(rest: &[u8]) -> Option<usize> {
    let head = run(rest, 0);
    let claims = rest.get(head..)?.strip_prefix(b".")?;
    (head >= 10 && claims.starts_with(b"eyJ")).then_some(())?;
    let end = head + 1 + run(rest, head + 1);
    let signed = rest.get(end) == Some(&b'.');
    Some(if signed { end + 1 + run(rest, end + 1) } else { end })
}

//! Private keys in PEM, from their first line to their last.

use std::ops::Range;

use memchr::memmem;

/// Longest label of a key, such as `ENCRYPTED PRIVATE KEY`.
const MAX_LABEL: usize = 64;

pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>)) {
    let mut after = 0;
    for at in memmem::find_iter(text.as_bytes(), b"-----BEGIN ") {
        if at < after {
            continue;
        }
        let Some(label) = text.as_bytes().get(at + b"-----BEGIN ".len()..) else { continue };
        let label = label.get(..label.len().min(MAX_LABEL)).unwrap_or_default();
        let named = memmem::find(label, b"-----").and_then(|end| label.get(..end));
        if named.is_none_or(|label| memmem::find(label, b"PRIVATE KEY").is_none()) {
            continue;
        }
        // A key without an end was cut off: all that is left of it goes.
        let rest = text.get(at..).unwrap_or_default();
        let end = rest.find("-----END ").map_or(rest.len(), |end| {
            let last = rest.get(end + "-----END ".len()..).unwrap_or_default();
            let closed = last.get(..).and_then(|last| last.find("-----"));
            match closed.filter(|closed| *closed <= MAX_LABEL) {
                Some(closed) => end + "-----END ".len() + closed + "-----".len(),
                None => rest.len(),
            }
        });
        found(at..at + end);
        after = at + end;
    }
}

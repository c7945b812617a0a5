//! Addresses of e-mail.

use std::ops::Range;

use memchr::memchr_iter;

use super::bytes::{escaped, is_label, letters};

/// Longest local part by RFC 5321.
const MAX_LOCAL: usize = 64;
/// Longest domain by RFC 5321.
const MAX_DOMAIN: usize = 253;

pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>)) {
    for at in memchr_iter(b'@', text.as_bytes()) {
        let (Some(before), Some(after)) = (text.get(..at), text.get(at + 1..)) else { continue };
        if let (Some(local), Some(domain)) = (local(before), domain(after)) {
            // `git@host:path` is a repository.
            let remote = local == 3 && before.ends_with("git");
            if !(remote && after.as_bytes().get(domain) == Some(&b':')) {
                found(at - local..at + 1 + domain);
            }
        }
    }
}

/// Length of the local part that `before` ends with.
fn local(before: &str) -> Option<usize> {
    let mut start = before.len();
    for (at, c) in before.char_indices().rev() {
        let part = is_label(c) || "._%+'".contains(c);
        if !part || escaped(before.as_bytes(), at) {
            break;
        }
        start = at;
        if before.len() - start > MAX_LOCAL {
            return None;
        }
    }
    let local = before.get(start..)?;
    let begin = local.find(is_label)?;
    Some(local.len() - begin)
}

/// Length of the domain that `after` begins with.
fn domain(after: &str) -> Option<usize> {
    let mut end = 0;
    for (at, c) in after.char_indices() {
        if !(is_label(c) || c == '.') {
            break;
        }
        end = at + c.len_utf8();
        if end > MAX_DOMAIN {
            return None;
        }
    }
    let domain = after.get(..end)?;
    // A picture's name at twice its size, as in `icon@2x.png`.
    let first = domain.split('.').next()?;
    if first.len() == 2 && first.ends_with('x') && first.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut labels = 0;
    let mut whole = None;
    let mut at = 0;
    for label in domain.split('.') {
        if label.is_empty() || label.starts_with('-') {
            break;
        }
        labels += 1;
        let top = letters(label);
        if labels > 1 && top >= 2 && matches!(label.as_bytes().get(top), None | Some(b'-')) {
            whole = Some(at + top);
        }
        at += label.len() + 1;
    }
    whole
}

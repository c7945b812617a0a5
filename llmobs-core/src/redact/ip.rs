//! Addresses of the internet protocol, but for those that name no host in particular.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use memchr::memchr;

use super::bytes::{begins, digit_runs, digits, ends, number_begins, number_ends};

/// Longest text of an address of version 6.
const MAX_V6: usize = 45;

pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    for at in digit_runs(bytes) {
        if number_begins(bytes, at)
            && let Some(end) = v4(text, at)
        {
            found(at..end);
        }
    }
    let mut from = 0;
    while let Some(colon) = bytes.get(from..).and_then(|rest| memchr(b':', rest)) {
        let colon = from + colon;
        let part = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
        let left = bytes.get(from..colon).unwrap_or_default().iter().rev();
        let begin = colon - left.take(MAX_V6).take_while(part).count();
        let right = bytes.get(colon..).unwrap_or_default().iter();
        // Whatever is longer is no address, and all of it is passed over.
        let end = colon + right.take_while(part).count();
        if let Some(range) = v6(text, begin..end) {
            found(range);
        }
        from = end;
    }
}

fn v4(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut end = at;
    for octet in 0..4 {
        if octet > 0 {
            bytes.get(end).filter(|byte| **byte == b'.')?;
            end += 1;
        }
        let len = digits(bytes, end, 4);
        (1..=3).contains(&len).then_some(())?;
        end += len;
    }
    let address: Ipv4Addr = text.get(at..end)?.parse().ok()?;
    // A browser's version, a network, a mask: `120.0.0.0`, `255.255.255.0`.
    let [first, rest @ ..] = address.octets();
    let nobody = address.is_loopback() || address.is_unspecified() || first == 255;
    (number_ends(bytes, end) && !nobody && rest != [0, 0, 0]).then_some(end)
}

fn v6(text: &str, mut range: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if range.len() > MAX_V6 + 1 {
        return None;
    }
    let address = loop {
        let written = text.get(range.clone())?;
        if written.len() < 4 {
            return None;
        }
        match written.parse::<Ipv6Addr>() {
            Ok(address) => break address,
            Err(_) if written.ends_with(['.', ':']) => range.end -= 1,
            Err(_) if written.starts_with([':', '.']) => range.start += 1,
            Err(_) => return None,
        }
    };
    let written = text.get(range.clone())?;
    let groups = written.split(':').filter(|group| !group.is_empty());
    // What two names of a program with `::` between look like is none, unless it begins as they do.
    let first = groups.clone().next()?.len();
    let sure = groups.count() > 2 || first > 2;
    let nobody = address.is_loopback() || address.is_unspecified();
    let digit = written.contains(|c: char| c.is_ascii_digit());
    let apart = begins(bytes, range.start) && ends(bytes, range.end);
    (sure && digit && apart && !nobody).then_some(range)
}

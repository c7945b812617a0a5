//! Events that are like the one before but for a text.
//!
//! Most events of a stream are the same bytes again around the next piece of text. Reading all of them
//! takes many times longer than seeing that they are the same.

use memchr::memmem::find;
use serde_json::value::RawValue;

use super::json::Raw;

/// Longest event that is remembered: an open stream holds one.
const MAX_EVENT: usize = 1024;

/// Members that change from event to event and that nobody reads, up to where their values begin.
const UNREAD: [(&[u8], Hole); 4] = [
    (b"\"obfuscation\":\"", Hole::Text),
    (b"\"obfuscation\": \"", Hole::Text),
    (b"\"sequence_number\":", Hole::Digits),
    (b"\"created\":", Hole::Digits),
];

/// The last event, and `T`: what the text in it was.
///
/// An event that differs from it in nothing but what stands inside of strings, and in whole numbers, is
/// JSON of the same structure, with the same members. Where nothing else in the event said anything
/// that saying it again would add to, the text is all there is to read.
#[derive(Debug)]
pub(super) struct Repeat<T> {
    name: Vec<u8>,
    event: Vec<u8>,
    /// Where it may differ: at the text alone, or at every one of the holes, in order.
    told: Place,
    holes: Vec<Place>,
    /// Nothing is remembered without.
    what: Option<T>,
}

/// Where a hole begins and ends, in bytes: an event that is remembered is short.
type Place = (u16, u16, Hole);

/// A string as it was sent, quotes and all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Literal<'a>(&'a [u8]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hole {
    /// The text that tells something, with its quotes.
    Told,
    /// The inside of a string.
    Text,
    /// A whole number.
    Digits,
}

impl<T> Default for Repeat<T> {
    fn default() -> Self {
        Self {
            name: Vec::new(),
            event: Vec::new(),
            told: (0, 0, Hole::Told),
            holes: Vec::new(),
            what: None,
        }
    }
}

impl<T> Repeat<T> {
    /// Forgets the event: another one has been read since.
    pub(super) fn forget(&mut self) {
        self.what = None;
    }

    /// Remembers an event that has been read in full; `text` is the string in it that told something,
    /// and `what` says what it was.
    pub(super) fn remember(&mut self, name: &[u8], event: &[u8], text: &RawValue, what: T) {
        self.what = None;
        let text = text.get().as_bytes();
        let start = text.as_ptr().addr().wrapping_sub(event.as_ptr().addr());
        let end = start.saturating_add(text.len());
        // It is part of another text where the event was no UTF-8.
        if event.len() > MAX_EVENT || event.get(start..end) != Some(text) || name == b"error" {
            return;
        }
        let place = |start: usize, end: usize, hole| (start as u16, end as u16, hole);
        self.told = place(start, end, Hole::Told);
        self.holes.clear();
        self.holes.push(self.told);
        for (member, hole) in UNREAD {
            for (from, to) in [(0, start), (end, event.len())] {
                let part = event.get(from..to).unwrap_or_default();
                let Some(found) = find(part, member) else { continue };
                let value = part.get(found + member.len()..).unwrap_or_default();
                if let Some(len) = hole.len(value) {
                    let start = from + found + member.len();
                    self.holes.push(place(start, start + len, hole));
                }
            }
        }
        self.holes.sort_unstable_by_key(|(start, ..)| *start);
        self.name.clear();
        self.name.extend_from_slice(name);
        self.event.clear();
        self.event.extend_from_slice(event);
        self.what = Some(what);
    }

    /// The text of an event that is like the one remembered.
    pub(super) fn text<'e>(&self, name: &[u8], event: &'e [u8]) -> Option<(&T, Literal<'e>)> {
        let what = self.what.as_ref().filter(|_| name == self.name)?;
        let text = self.told(event, &[self.told]);
        let text = text.or_else(|| self.told(event, &self.holes).filter(|_| self.holes.len() > 1));
        Some((what, text?))
    }

    /// The text of an event that differs in `holes` alone.
    fn told<'e>(&self, event: &'e [u8], holes: &[Place]) -> Option<Literal<'e>> {
        let (mut known, mut rest, mut told) = (0, event, None);
        for (start, end, hole) in holes {
            rest = rest.strip_prefix(self.event.get(known..usize::from(*start))?)?;
            let (value, after) = rest.split_at_checked(hole.len(rest)?)?;
            if *hole == Hole::Told {
                told = Some(Literal(value));
            }
            (known, rest) = (usize::from(*end), after);
        }
        told.filter(|_| self.event.get(known..) == Some(rest))
    }
}

impl Hole {
    /// Length of such a value at the beginning of `bytes`; `None` where it has to be read with care.
    fn len(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Told => literal(bytes),
            Self::Text => {
                let len = plain(bytes)?;
                (bytes.get(len) == Some(&b'"')).then_some(len)
            }
            Self::Digits => {
                let len = bytes.iter().position(|byte| !byte.is_ascii_digit())?;
                // JSON has no numbers like `007`.
                (len == 1 || (len > 1 && bytes.first() != Some(&b'0'))).then_some(len)
            }
        }
    }
}

/// Length of what stands for itself in a string.
fn plain(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| !(b' '..=b'~').contains(byte) || matches!(byte, b'"' | b'\\'))
}

/// Length of the string literal at the beginning of `bytes`; `None` when it is none by JSON's own
/// rules. Pieces are short: a loop over bytes is faster than what is made for long texts.
fn literal(bytes: &[u8]) -> Option<usize> {
    let inner = bytes.strip_prefix(b"\"")?;
    let len = plain(inner)?;
    if inner.get(len) == Some(&b'"') {
        return Some(len + 2);
    }
    let mut escaped = false;
    let end = inner.iter().position(|byte| {
        let end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        end
    });
    let json = std::str::from_utf8(bytes.get(..end? + 2)?).ok()?;
    serde_json::from_str::<&RawValue>(json).is_ok().then_some(json.len())
}

impl<'a> Literal<'a> {
    /// Whether the string is empty.
    pub(super) fn is_empty(self) -> bool {
        self.0.len() <= 2
    }

    /// The string as a member.
    pub(super) fn raw(self) -> Raw<'a> {
        serde_json::from_slice(self.0).ok()
    }
}

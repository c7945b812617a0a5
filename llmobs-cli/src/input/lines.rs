//! One reader's lines.

use std::fmt;
use std::io::{self, BufRead, Read};

use llmobs_core::{Kind, Record};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The longest line that is read, in bytes; longer ones count as damaged.
pub const LINE_BYTES: usize = 64 * 1024 * 1024;

/// A buffer larger than this is given back after the line that needed it.
const KEPT_BYTES: usize = 1024 * 1024;

/// Why a line is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// It is not text.
    NotUtf8,
    /// It is text, and no JSON.
    NotJson,
    /// It is JSON of another shape.
    NotARecord,
    /// It is no exchange, where one is expected.
    NotAnExchange,
    /// It is an exchange of no format that can be read.
    UnknownFormat,
    /// Reading the exchange went wrong.
    Unreadable,
    /// The file ends inside it.
    Torn,
    /// It is longer than [`LINE_BYTES`].
    TooLong,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "not UTF-8",
            Self::NotJson => "not JSON",
            Self::NotARecord => "not a record",
            Self::NotAnExchange => "not an exchange",
            Self::UnknownFormat => "of no known format",
            Self::Unreadable => "unreadable",
            Self::Torn => "torn",
            Self::TooLong => "too long",
        })
    }
}

/// A line's number, from 1, and what it tells.
type Line<T> = (u64, Result<T, Damage>);

pub(super) struct Lines<R> {
    reader: R,
    number: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, number: 0, buffer: Vec::new() }
    }

    /// The next line that is not blank, as `parse` reads it.
    pub(super) fn next<T>(
        &mut self,
        parse: impl Fn(&[u8]) -> Result<T, Damage>,
    ) -> io::Result<Option<Line<T>>> {
        loop {
            self.buffer.clear();
            self.buffer.shrink_to(KEPT_BYTES);
            let limit = LINE_BYTES as u64 + 1;
            let read = self.reader.by_ref().take(limit).read_until(b'\n', &mut self.buffer)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            let ended = self.buffer.last() == Some(&b'\n');
            if !ended && read > LINE_BYTES {
                self.reader.skip_until(b'\n')?;
                return Ok(Some((self.number, Err(Damage::TooLong))));
            }
            // Windows tools put a mark before the first line.
            let line = match self.buffer.strip_prefix(b"\xef\xbb\xbf") {
                Some(rest) if self.number == 1 => rest,
                _ => &self.buffer,
            };
            if !line.trim_ascii().is_empty() {
                let read = parse(line).map_err(|damage| match damage {
                    Damage::NotJson | Damage::NotUtf8 if !ended => Damage::Torn,
                    damage => damage,
                });
                return Ok(Some((self.number, read)));
            }
        }
    }
}

pub(super) fn record(line: &[u8]) -> Result<Box<Record>, Damage> {
    let record: Box<Record> = object(line, Damage::NotARecord)?;
    // `kind` is always written, yet reads as an interaction when it is not there: another
    // program's log line must not count as a call.
    let bare = record.kind == Kind::Interaction && record.request_id.is_none();
    if bare && !serde_json::from_slice::<Stated>(line).is_ok_and(|line| line.kind.is_some()) {
        return Err(Damage::NotARecord);
    }
    Ok(record)
}

/// Reads a JSON object; `other` is what JSON of another shape counts as.
pub(super) fn object<T: DeserializeOwned>(line: &[u8], other: Damage) -> Result<T, Damage> {
    let line = std::str::from_utf8(line).map_err(|_| Damage::NotUtf8)?;
    // Deriving accepts an array of the fields' values as well.
    if !line.trim_ascii_start().starts_with('{') {
        let json = serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok();
        return Err(if json { other } else { Damage::NotJson });
    }
    serde_json::from_str(line).map_err(|err| match err.classify() {
        serde_json::error::Category::Data => other,
        _ => Damage::NotJson,
    })
}

#[derive(Deserialize)]
struct Stated {
    kind: Option<serde::de::IgnoredAny>,
}

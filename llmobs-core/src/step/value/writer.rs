//! JSON text that stops where it is told to.

use std::fmt::{self, Display};
use std::io::Write as _;

use serde::ser::Error;

use super::prefix;

/// Levels of arrays and objects that are followed.
const MAX_DEPTH: u32 = 64;

/// Why a value is not told further.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// The limit is reached.
    Full,
    /// The value cannot be told.
    Refused,
}

impl Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the limit of a captured value is reached",
            Self::Refused => "the value cannot be written as JSON",
        })
    }
}

impl std::error::Error for Stop {}

impl Error for Stop {
    // The message is not kept: it may quote the value.
    fn custom<T: Display>(_message: T) -> Self {
        Self::Refused
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
    limit: usize,
    pub(super) depth: u32,
    pub(super) full: bool,
    /// Bytes of the text that did not fit.
    beyond: u64,
}

pub(super) type Written = Result<(), Stop>;

impl Writer {
    pub(super) fn new(limit: usize) -> Self {
        Self { out: Vec::with_capacity(64.min(limit)), limit, depth: 0, full: false, beyond: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn into_parts(self) -> (Vec<u8>, u64) {
        (self.out, self.beyond)
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) -> Written {
        if self.full {
            return Err(Stop::Full);
        }
        let room = self.limit - self.out.len().min(self.limit);
        match bytes.get(..room) {
            Some(fits) if room < bytes.len() => {
                self.out.extend_from_slice(fits);
                self.stop(bytes.len() - room)
            }
            _ => {
                self.out.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    fn stop(&mut self, beyond: usize) -> Written {
        self.full = true;
        self.beyond = self.beyond.saturating_add(beyond as u64);
        Err(Stop::Full)
    }

    pub(super) fn display(&mut self, value: impl Display) -> Written {
        if self.full {
            return Err(Stop::Full);
        }
        // Numbers: as short as they are.
        let begin = self.out.len();
        let _ = write!(self.out, "{value}");
        if self.out.len() > self.limit {
            let beyond = self.out.len() - self.limit;
            self.out.truncate(self.limit.max(begin));
            return self.stop(beyond);
        }
        Ok(())
    }

    /// The inside of a string; what cannot fit is not even looked at.
    pub(super) fn escaped(&mut self, text: &str) -> Written {
        if self.full {
            return Err(Stop::Full);
        }
        let fits = prefix(text, self.limit - self.out.len().min(self.limit));
        let written = self.escape(fits.as_bytes());
        match text.len() - written {
            0 => Ok(()),
            beyond => {
                self.beyond = 0;
                self.stop(beyond)
            }
        }
    }

    /// Writes bytes of a string, and says how many of them there was room for.
    fn escape(&mut self, text: &[u8]) -> usize {
        let mut plain = 0;
        for (at, byte) in text.iter().enumerate() {
            let escape: &[u8] = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                b'\n' => b"\\n",
                b'\r' => b"\\r",
                b'\t' => b"\\t",
                0..=0x1f | 0x7f => &format!("\\u{byte:04x}").into_bytes(),
                _ => continue,
            };
            let written = self.raw(text.get(plain..at).unwrap_or_default());
            if written.and_then(|()| self.raw(escape)).is_err() {
                return plain;
            }
            plain = at + 1;
        }
        match self.raw(text.get(plain..).unwrap_or_default()) {
            Ok(()) => text.len(),
            Err(_) => plain,
        }
    }

    pub(super) fn open(&mut self, bytes: &[u8]) -> Written {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.stop(0);
        }
        self.raw(bytes)
    }

    /// `{"variant":` and what follows.
    pub(super) fn variant(&mut self, variant: &str, open: &[u8]) -> Written {
        self.open(b"{")?;
        self.raw(b"\"")?;
        self.escaped(variant)?;
        self.raw(b"\":")?;
        self.raw(open)
    }
}

/// Writes what a `Display` or `Debug` gives into a string, and stops it when that is full.
pub(super) struct Text<'w>(pub(super) &'w mut Writer);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.escaped(text).map_err(|_| fmt::Error)
    }
}

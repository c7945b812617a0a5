//! What the hot path does with a body: note the time, keep the bytes.

use std::fmt;

use bytes::Bytes;

use super::{BodyEnd, CallRef};
use crate::queue::BUFFER;
use crate::recorder::contained;
use crate::worker::Message;

/// Frames up to this size are copied; larger ones are kept by reference, which pins the buffer of
/// the client they are a slice of.
const COPY: usize = 4 * 1024;
/// Bytes kept back for more to join them, at most this long.
const HOLD_NANOS: u64 = 50_000_000;

const HEAD: u8 = 1;
const DATA: u8 = 2;
const GAP: u8 = 3;
/// Kind, time, length.
const PREFIX: usize = 1 + 8 + 4;

/// Watches one response body.
///
/// [`data`](Tap::data) reads the clock and copies the bytes into a buffer that goes to the worker
/// when it is full or old. Nothing is parsed here. Dropping the tap means the reader has left.
pub struct Tap {
    call: CallRef,
    attempt: u32,
    buffer: Vec<u8>,
    sent: u64,
    /// Bytes not kept since the last frame that was.
    missing: u64,
    ended: bool,
}

impl Tap {
    /// A tap that watches, unless the body is nobody's from the start: it has `ended` then.
    pub(super) fn new(call: CallRef, attempt: u32, now: u64, ended: bool) -> Self {
        Self { call, attempt, buffer: Vec::new(), sent: now, missing: 0, ended }
    }

    pub(super) fn head<'h>(
        &mut self,
        now: u64,
        status: u16,
        headers: impl Iterator<Item = (&'h str, &'h [u8])>,
    ) {
        if self.ended || !self.room(0) {
            return;
        }
        let start = self.buffer.len();
        frame(&mut self.buffer, HEAD, now, 0);
        self.buffer.extend_from_slice(&status.to_le_bytes());
        for (name, value) in headers {
            let line = name.len() + value.len() + 3;
            // Without these two the body cannot be read.
            let needed = matches!(name, "content-type" | "content-encoding");
            let most = if needed { BUFFER } else { BUFFER / 2 };
            let fits = self.buffer.len() + line <= most;
            if fits && (needed || self.wants(name)) && keeps(name, value) {
                self.buffer.extend_from_slice(name.as_bytes());
                self.buffer.extend_from_slice(b": ");
                self.buffer.extend_from_slice(value);
                self.buffer.push(b'\n');
            }
        }
        let len = (self.buffer.len() - start - PREFIX) as u32;
        if let Some(place) = self.buffer.get_mut(start + 9..start + PREFIX) {
            place.copy_from_slice(&len.to_le_bytes());
        }
    }

    fn wants(&self, name: &str) -> bool {
        contained(|| self.call.0.decoder.wants(name)) == Some(true)
    }

    /// Takes the bytes of one read.
    pub fn data(&mut self, bytes: &Bytes) {
        if self.ended {
            return;
        }
        let now = self.call.0.recorder.elapsed();
        if bytes.len() > COPY {
            self.large(now, bytes);
        } else {
            self.small(now, bytes);
        }
    }

    /// Takes bytes that nobody else holds, read at `now`.
    pub(crate) fn copied(&mut self, now: u64, bytes: &[u8]) {
        if self.ended {
        } else if bytes.len() > COPY {
            self.large(now, &Bytes::copy_from_slice(bytes));
        } else {
            self.small(now, bytes);
        }
    }

    fn small(&mut self, now: u64, bytes: &[u8]) {
        if self.room(bytes.len()) {
            frame(&mut self.buffer, DATA, now, bytes.len() as u32);
            self.buffer.extend_from_slice(bytes);
            if now.saturating_sub(self.sent) >= HOLD_NANOS {
                self.flush(now);
            }
        } else {
            self.miss(bytes.len());
        }
    }

    /// The body has ended; whatever is called after the first time changes nothing.
    pub fn end(&mut self, end: BodyEnd) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let now = self.call.0.recorder.elapsed();
        self.flush(now);
        self.call.0.body_ended(self.attempt, end, self.missing, now);
    }

    /// Makes room for a frame of `len` bytes; `false` when there is none to be had.
    fn room(&mut self, len: usize) -> bool {
        if !self.buffer.is_empty() && self.buffer.len() + PREFIX + len > BUFFER {
            let now = self.call.0.recorder.elapsed();
            self.flush(now);
        }
        if self.buffer.is_empty() {
            let recorder = &self.call.0.recorder;
            if !recorder.queue().reserve_bytes(BUFFER) {
                return false;
            }
            self.buffer = recorder.pool().get();
            self.gap();
        }
        true
    }

    fn gap(&mut self) {
        if self.missing > 0 {
            frame(&mut self.buffer, GAP, self.missing, 0);
            self.missing = 0;
        }
    }

    fn large(&mut self, now: u64, bytes: &Bytes) {
        // What is missing before these bytes is told before them, or they are missing too.
        let told = self.missing == 0 || self.room(0);
        self.flush(now);
        if !told || !self.call.0.recorder.queue().reserve_bytes(bytes.len()) {
            self.miss(bytes.len());
            return;
        }
        let (call, attempt) = (std::sync::Arc::clone(&self.call.0), self.attempt);
        let message = Message::Large { call, attempt, at: now, bytes: bytes.clone() };
        self.call.0.recorder.send(message);
    }

    fn miss(&mut self, len: usize) {
        self.missing += len as u64;
        self.call.0.recorder.count_missing(len as u64);
    }

    fn flush(&mut self, now: u64) {
        self.sent = now;
        if self.buffer.is_empty() {
            return;
        }
        let buffer = std::mem::take(&mut self.buffer);
        let (call, attempt) = (std::sync::Arc::clone(&self.call.0), self.attempt);
        self.call.0.recorder.send(Message::Piece { call, attempt, buffer });
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.end(BodyEnd::Dropped);
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").field("call", &self.call).finish_non_exhaustive()
    }
}

fn keeps(name: &str, value: &[u8]) -> bool {
    !secret(name) && std::str::from_utf8(value).is_ok_and(|value| !value.contains('\n'))
}

/// Whether a header may hold a secret. Such headers are not kept, whatever a decoder wants.
fn secret(name: &str) -> bool {
    const WORDS: [&[u8]; 5] = [b"cookie", b"auth", b"api-key", b"secret", b"session"];
    // A general search sets itself up for each word anew, which takes longer than the search.
    let mut rest = name.as_bytes();
    while let [first, after @ ..] = rest {
        if matches!(first, b'a' | b'c' | b's') && WORDS.iter().any(|word| rest.starts_with(word)) {
            return true;
        }
        rest = after;
    }
    false
}

fn frame(buffer: &mut Vec<u8>, kind: u8, time: u64, len: u32) {
    buffer.push(kind);
    buffer.extend_from_slice(&time.to_le_bytes());
    buffer.extend_from_slice(&len.to_le_bytes());
}

/// One entry of a buffer.
pub(crate) enum Frame<'a> {
    Head { status: u16, lines: &'a str },
    Data { at: u64, bytes: &'a [u8] },
    Gap { missing: u64 },
}

/// Reads a buffer back.
pub(crate) fn frames(mut buffer: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    std::iter::from_fn(move || {
        let (kind, rest) = buffer.split_first()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let time = u64::from_le_bytes(*time);
        let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        buffer = rest;
        Some(match *kind {
            HEAD => {
                let (status, lines) = bytes.split_first_chunk::<2>()?;
                let lines = std::str::from_utf8(lines).unwrap_or_default();
                Frame::Head { status: u16::from_le_bytes(*status), lines }
            }
            DATA => Frame::Data { at: time, bytes },
            _ => Frame::Gap { missing: time },
        })
    })
}

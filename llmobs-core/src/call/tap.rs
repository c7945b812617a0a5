//! What the hot path does with a body: note the time, keep the bytes.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::{BodyEnd, CallRef, CallShared};
use crate::contain::contained;
use crate::queue::{BUFFER, Urgency, lock};
use crate::worker::Message;

/// Frames up to this size are copied; larger ones are kept by reference, which pins the buffer of
/// the client they are a slice of.
const COPY: usize = 4 * 1024;

const HEAD: u8 = 1;
const DATA: u8 = 2;
const GAP: u8 = 3;
/// Kind, time, length.
const PREFIX: usize = 1 + 8 + 4;

/// Watches one response body.
///
/// [`data`](Tap::data) reads the clock and copies the bytes into a buffer that goes to the worker
/// when it is full; where many calls are open, the worker takes it before. Nothing is parsed here.
/// Dropping the tap means the reader has left.
pub struct Tap {
    call: CallRef,
    attempt: u32,
    /// Bytes not kept since the last frame that was.
    missing: u64,
    /// Set for a body that is only counted.
    counted: Option<Counted>,
    ended: bool,
}

/// What is known of a body that is only counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) bytes: u64,
    /// When the first of them came.
    pub(crate) first: Option<u64>,
}

/// What the worker has not been told of a body at its end.
pub(super) struct Rest {
    pub(super) missing: u64,
    pub(super) counted: Option<Counted>,
}

/// What a tap keeps back for more to join it. It is the call's, so that the worker finds it there: when
/// it looks at what many calls keep back, and when a recorder shuts down.
#[derive(Debug, Default)]
pub(crate) struct Held {
    attempt: u32,
    /// Empty when nothing is kept back; else of the pool, with room reserved in the queue.
    buffer: Vec<u8>,
}

impl Held {
    /// Takes what is kept back, with the attempt it belongs to.
    pub(crate) fn take(&mut self) -> Option<(u32, Vec<u8>)> {
        let buffer = std::mem::take(&mut self.buffer);
        (!buffer.is_empty()).then_some((self.attempt, buffer))
    }

    /// Adds a read to what is kept back; tells whether it could join.
    fn join(&mut self, attempt: u32, now: u64, bytes: &[u8]) -> bool {
        let joins = self.attempt == attempt
            && !self.buffer.is_empty()
            && self.buffer.len() + PREFIX + bytes.len() <= BUFFER;
        if joins {
            read(&mut self.buffer, now, bytes);
        }
        joins
    }

    /// Sends what is kept back. Whoever asks holds the lock meanwhile, so that it comes after all that
    /// was sent before it, and before all that is sent after it.
    pub(crate) fn send(&mut self, call: &Arc<CallShared>) {
        let Some((attempt, buffer)) = self.take() else { return };
        let message = Message::Piece { call: Arc::clone(call), attempt, buffer };
        // Nobody reads what comes after the end of the queue, but whoever ends it looks here.
        if let Err(Message::Piece { buffer, .. }) =
            call.recorder.queue().push(message, Urgency::Now)
        {
            self.buffer = buffer;
        }
    }
}

impl Tap {
    /// A tap that watches, unless the body is nobody's from the start: it has `ended` then.
    pub(super) fn new(call: CallRef, attempt: u32, ended: bool) -> Self {
        Self { call, attempt, missing: 0, counted: None, ended }
    }

    pub(super) fn head<'h>(
        &mut self,
        now: u64,
        status: u16,
        mut headers: impl Iterator<Item = (&'h str, &'h [u8])>,
    ) {
        if self.ended {
            return;
        }
        let Some(mut buffer) = self.begin() else {
            self.count_if_binary(headers.find(is_content_type));
            return;
        };
        let start = buffer.len();
        frame(&mut buffer, HEAD, now, 0);
        buffer.extend_from_slice(&status.to_le_bytes());
        let mut content_type = None;
        for (name, value) in headers {
            if content_type.is_none() {
                content_type = Some((name, value)).filter(is_content_type);
            }
            let line = name.len() + value.len() + 3;
            // Without these two the body cannot be read.
            let needed = matches!(name, "content-type" | "content-encoding");
            let most = if needed { BUFFER } else { BUFFER / 2 };
            let fits = buffer.len() + line <= most;
            if fits && (needed || self.wants(name)) && keeps(name, value) {
                buffer.extend_from_slice(name.as_bytes());
                buffer.extend_from_slice(b": ");
                buffer.extend_from_slice(value);
                buffer.push(b'\n');
            }
        }
        let len = (buffer.len() - start - PREFIX) as u32;
        if let Some(place) = buffer.get_mut(start + 9..start + PREFIX) {
            place.copy_from_slice(&len.to_le_bytes());
        }
        self.hold(buffer);
        self.count_if_binary(content_type);
        if self.counted.is_some() {
            // Nothing will come to fill the buffer.
            self.flush();
        }
    }

    fn count_if_binary(&mut self, content_type: Option<(&str, &[u8])>) {
        let content_type = content_type.and_then(|(_, value)| std::str::from_utf8(value).ok());
        let call = &self.call.0;
        let counts = contained(|| call.decoder.counts(&call.route, content_type)) == Some(true);
        self.counted = counts.then(Counted::default);
    }

    fn wants(&self, name: &str) -> bool {
        contained(|| self.call.0.decoder.wants(name)) == Some(true)
    }

    /// Takes the bytes of one read.
    pub fn data(&mut self, bytes: &Bytes) {
        if self.ended {
            return;
        }
        if let Some(counted) = &mut self.counted {
            counted.bytes += bytes.len() as u64;
            counted.first.get_or_insert_with(|| self.call.0.recorder.elapsed());
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
        if lock(&self.call.0.held).join(self.attempt, now, bytes) {
            return;
        }
        match self.begin() {
            Some(mut buffer) => {
                read(&mut buffer, now, bytes);
                self.hold(buffer);
            }
            None => self.miss(bytes.len()),
        }
    }

    /// The body has ended; whatever is called after the first time changes nothing.
    pub fn end(&mut self, end: BodyEnd) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let now = self.call.0.recorder.elapsed();
        self.flush();
        let rest = Rest { missing: self.missing, counted: self.counted };
        self.call.0.body_ended(self.attempt, end, rest, now);
    }

    /// A buffer to fill and [`hold`](Self::hold), after all that was kept back; `None` when there
    /// is no room for one.
    fn begin(&mut self) -> Option<Vec<u8>> {
        self.flush();
        let recorder = &self.call.0.recorder;
        if !recorder.queue().reserve_bytes(BUFFER) {
            return None;
        }
        let mut buffer = recorder.pool().get();
        if self.missing > 0 {
            frame(&mut buffer, GAP, self.missing, 0);
            self.missing = 0;
        }
        Some(buffer)
    }

    /// Keeps a buffer back, for more to join it.
    fn hold(&self, buffer: Vec<u8>) {
        let held = Held { attempt: self.attempt, buffer };
        // Another attempt may have come between.
        let other = std::mem::replace(&mut *lock(&self.call.0.held), held).take();
        self.send(other);
    }

    fn large(&mut self, now: u64, bytes: &Bytes) {
        // What is missing before these bytes is told before them, or they are missing too.
        let told = self.missing == 0
            || self.begin().is_some_and(|buffer| {
                self.hold(buffer);
                true
            });
        self.flush();
        if !told || !self.call.0.recorder.queue().reserve_bytes(bytes.len()) {
            self.miss(bytes.len());
            return;
        }
        let (call, attempt) = (Arc::clone(&self.call.0), self.attempt);
        let message = Message::Large { call, attempt, at: now, bytes: bytes.clone() };
        self.call.0.recorder.send(message);
    }

    fn miss(&mut self, len: usize) {
        self.missing += len as u64;
        self.call.0.recorder.count_missing(len as u64);
    }

    fn flush(&self) {
        let held = lock(&self.call.0.held).take();
        self.send(held);
    }

    fn send(&self, held: Option<(u32, Vec<u8>)>) {
        let Some((attempt, buffer)) = held else { return };
        let call = Arc::clone(&self.call.0);
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

fn is_content_type((name, _): &(&str, &[u8])) -> bool {
    *name == "content-type"
}

fn keeps(name: &str, value: &[u8]) -> bool {
    !secret(name) && std::str::from_utf8(value).is_ok_and(|value| !value.contains('\n'))
}

/// Whether a header may hold a secret. Such headers are not kept, whatever a decoder wants.
fn secret(name: &str) -> bool {
    // A general search sets itself up for each word anew, which takes longer than the search.
    let mut rest = name.as_bytes();
    while let [first, after @ ..] = rest {
        let found = match first {
            b'a' => rest.starts_with(b"auth") || rest.starts_with(b"api-key"),
            b'c' => rest.starts_with(b"cookie"),
            b's' => rest.starts_with(b"secret") || rest.starts_with(b"session"),
            _ => false,
        };
        if found {
            return true;
        }
        rest = after;
    }
    false
}

fn frame(buffer: &mut Vec<u8>, kind: u8, time: u64, len: u32) {
    let mut prefix = [kind; PREFIX];
    let (_, rest) = prefix.split_at_mut(1);
    let (time_place, len_place) = rest.split_at_mut(8);
    time_place.copy_from_slice(&time.to_le_bytes());
    len_place.copy_from_slice(&len.to_le_bytes());
    // In one piece: each has to find out first whether there is room for it.
    buffer.extend_from_slice(&prefix);
}

fn read(buffer: &mut Vec<u8>, time: u64, bytes: &[u8]) {
    frame(buffer, DATA, time, bytes.len() as u32);
    buffer.extend_from_slice(bytes);
}

/// One entry of a buffer.
pub(crate) enum Frame<'a> {
    Head { at: u64, status: u16, lines: &'a str },
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
                Frame::Head { at: time, status: u16::from_le_bytes(*status), lines }
            }
            DATA => Frame::Data { at: time, bytes },
            _ => Frame::Gap { missing: time },
        })
    })
}

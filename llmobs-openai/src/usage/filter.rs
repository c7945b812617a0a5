//! A stream without the events that only our question brought.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use memchr::memchr2;
use pin_project_lite::pin_project;

use super::event::{Candidate, is_usage};

/// Longest event that is taken for one with usage, and so the most that is ever held back.
pub(super) const LIMIT: usize = 16 * 1024;

pin_project! {
    /// A body without its first events that have empty `choices` and usage.
    ///
    /// Everything else passes in order, byte for byte. Bytes of an event are held back only while it
    /// can still be one of those. Once as many as were expected are out, nothing is looked at.
    pub(crate) struct Unasked<B: Body> {
        #[pin]
        inner: B,
        scan: Scan,
        out: VecDeque<Bytes>,
        // What comes after `out`: trailers, or an error.
        then: Option<Result<Frame<Bytes>, B::Error>>,
        ended: bool,
    }
}

impl<B: Body> Unasked<B> {
    /// Takes up to `events` events out of `inner`.
    pub(crate) fn new(inner: B, events: u32) -> Self {
        Self { inner, scan: Scan::new(events), out: VecDeque::new(), then: None, ended: false }
    }
}

impl<B: Body<Data = Bytes>> Body for Unasked<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        loop {
            if let Some(bytes) = this.out.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if let Some(then) = this.then.take() {
                return Poll::Ready(Some(then));
            }
            if *this.ended {
                return Poll::Ready(None);
            }
            match std::task::ready!(this.inner.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => this.scan.feed(&bytes, this.out),
                    Err(trailers) => {
                        this.scan.release(this.out);
                        *this.then = Some(Ok(trailers));
                    }
                },
                Some(Err(err)) => {
                    this.scan.release(this.out);
                    *this.then = Some(Err(err));
                }
                None => {
                    this.scan.release(this.out);
                    *this.ended = true;
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        // A reader that is told of the end does not come back for what is held.
        self.out.is_empty()
            && self.then.is_none()
            && self.scan.held.is_empty()
            && (self.ended || self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let sure = self.out.iter().map(Bytes::len).sum::<usize>() as u64;
        let held = self.scan.held.len() as u64;
        let inner = if self.ended { SizeHint::with_exact(0) } else { self.inner.size_hint() };
        let mut hint = SizeHint::new();
        // Of what is still to come, any part may be taken out.
        hint.set_lower(sure);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(sure + held));
        }
        hint
    }
}

impl<B: Body> fmt::Debug for Unasked<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unasked").field("scan", &self.scan).finish_non_exhaustive()
    }
}

/// Finds the events in a stream that is cut anywhere.
#[derive(Debug)]
pub(super) struct Scan {
    /// Events still to be taken out.
    left: u32,
    /// The event under way is none of them.
    passing: bool,
    line: Line,
    candidate: Candidate,
    /// Bytes of the event under way, while it may be one of them.
    len: usize,
    /// Those that came in earlier reads.
    held: BytesMut,
    /// The last byte was a CR, and an LF after it belongs to the same line end.
    after_cr: bool,
    /// That CR went out with its event.
    cr_taken: bool,
}

/// Where in a line the last byte was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Nowhere: it has not begun.
    Empty,
    /// In the first bytes of `data:`.
    Name(usize),
    Data,
    Comment,
    Other,
}

const DATA: &[u8] = b"data:";

impl Scan {
    pub(super) fn new(events: u32) -> Self {
        Self {
            left: events,
            passing: false,
            line: Line::Empty,
            candidate: Candidate::default(),
            len: 0,
            held: BytesMut::new(),
            after_cr: false,
            cr_taken: false,
        }
    }

    /// Takes a read; what the application gets of it, and of earlier ones, is added to `out`.
    pub(super) fn feed(&mut self, bytes: &Bytes, out: &mut VecDeque<Bytes>) {
        // Bytes before it have been handed on or taken out.
        let mut start = 0;
        // Where the event under way begins, if not in an earlier read.
        let mut event = 0;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if std::mem::take(&mut self.after_cr) && byte == b'\n' {
                if std::mem::take(&mut self.cr_taken) {
                    hand_on(bytes, start, at, out);
                    start = at + 1;
                }
                self.len += usize::from(self.len > 0);
                at += 1;
                continue;
            }
            self.cr_taken = false;
            if self.left == 0 {
                break;
            }
            if self.passing {
                at = self.pass(bytes, at);
                continue;
            }
            if self.len == 0 {
                event = at;
            }
            at += 1;
            if byte == b'\r' || byte == b'\n' {
                self.after_cr = byte == b'\r';
                if self.ends_event() && self.take_out(bytes.get(event..at).unwrap_or_default()) {
                    hand_on(bytes, start, event, out);
                    start = at;
                    self.cr_taken = self.after_cr;
                }
            } else if !self.may_be(byte) {
                self.passing = true;
            }
            if self.passing || self.len == 0 {
                self.release(out);
            }
        }
        let end = if self.len > 0 && !self.passing { event } else { bytes.len() };
        hand_on(bytes, start, end, out);
        self.held.extend_from_slice(bytes.get(end..).unwrap_or_default());
    }

    /// Hands on what is held: it is no event to be taken out.
    pub(super) fn release(&mut self, out: &mut VecDeque<Bytes>) {
        if !self.held.is_empty() {
            out.push_back(self.held.split().freeze());
        }
    }

    /// Passes the next line, or what has come of it; gives where the next one begins.
    fn pass(&mut self, bytes: &Bytes, at: usize) -> usize {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(end) = memchr2(b'\r', b'\n', rest) else {
            self.line = Line::Other;
            return bytes.len();
        };
        self.after_cr = rest.get(end) == Some(&b'\r');
        if end == 0 && self.line == Line::Empty {
            self.begin();
        }
        self.line = Line::Empty;
        at + end + 1
    }

    fn begin(&mut self) {
        (self.passing, self.len, self.candidate) = (false, 0, Candidate::default());
    }

    /// Takes the end of a line; tells whether it ends an event.
    fn ends_event(&mut self) -> bool {
        let line = std::mem::replace(&mut self.line, Line::Empty);
        // Comments and empty lines between events are no part of them.
        if self.len > 0 {
            self.len += 1;
        }
        line == Line::Empty && self.len > 0
    }

    /// Takes a byte within a line; `false` when the event is none to be taken out.
    fn may_be(&mut self, byte: u8) -> bool {
        if self.line == Line::Comment || (self.line == Line::Empty && self.len == 0 && byte == b':')
        {
            self.line = Line::Comment;
            return true;
        }
        self.len += 1;
        let matched = match self.line {
            Line::Data => return self.len < LIMIT && self.candidate.take(byte),
            Line::Name(matched) => matched,
            Line::Empty => 0,
            Line::Other | Line::Comment => return self.len < LIMIT,
        };
        self.line = match DATA.get(matched) {
            Some(expected) if *expected == byte && matched + 1 == DATA.len() => Line::Data,
            Some(expected) if *expected == byte => Line::Name(matched + 1),
            _ => Line::Other,
        };
        // `event`, `id` and `retry` may stand in any event.
        self.line != Line::Other || (matched == 0 && b"eir".contains(&byte))
    }

    /// Whether the event that ends with `tail` is to be taken out; in any case the next one begins.
    fn take_out(&mut self, tail: &[u8]) -> bool {
        let held = self.held.len();
        let found = self.candidate.is_whole() && {
            self.held.extend_from_slice(tail);
            let found = is_usage(&self.held);
            self.held.truncate(if found { 0 } else { held });
            found
        };
        self.left -= u32::from(found);
        self.begin();
        found
    }
}

fn hand_on(bytes: &Bytes, from: usize, to: usize, out: &mut VecDeque<Bytes>) {
    if from < to && to <= bytes.len() {
        out.push_back(bytes.slice(from..to));
    }
}

//! Server-sent events, by the WHATWG rules, from pieces cut anywhere.

use memchr::memchr2;

use crate::decoder::Event;

/// Bytes kept of the end of an event that was too large, within the limit for events.
const TAIL: usize = 4 * 1024;

/// Splits a byte stream into server-sent events.
///
/// Line ends may be CR, LF or CRLF; a byte order mark at the start is skipped; fields other than
/// `data` and `event` are ignored. An event that lies whole in one piece is handed on without a
/// copy. One that grows over the limit is skipped to its end and handed on with no more than the end
/// of its data.
///
/// ```
/// use llmobs_core::SseParser;
///
/// let mut parser = SseParser::new(1 << 20);
/// let mut seen = Vec::new();
/// for piece in ["da", "ta: a\n", "data: b\n\nda"] {
///     parser.feed(piece.as_bytes(), |event| seen.push(event.data.to_vec()));
/// }
/// assert_eq!(seen, [b"a\nb"]);
/// ```
#[derive(Debug)]
pub struct SseParser {
    /// The line that has not ended yet.
    partial: Vec<u8>,
    /// Data of the event that has not ended yet.
    data: Vec<u8>,
    name: Vec<u8>,
    has_data: bool,
    /// The last byte was a CR whose LF, if it has one, is still to come.
    after_cr: bool,
    at_start: bool,
    /// Bytes of the current event, while it is being skipped.
    skipping: Option<u64>,
    /// The last of what was skipped.
    tail: Vec<u8>,
    /// The event being skipped was not seen from its beginning.
    lost: bool,
    limit: usize,
    comments: u64,
}

impl SseParser {
    /// A parser that keeps events of up to `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            partial: Vec::new(),
            data: Vec::new(),
            name: Vec::new(),
            has_data: false,
            after_cr: false,
            at_start: true,
            skipping: None,
            tail: Vec::new(),
            lost: false,
            limit,
            comments: 0,
        }
    }

    /// Comment lines so far.
    pub fn comments(&self) -> u64 {
        self.comments
    }

    /// Bytes held for an event that has not ended.
    pub fn held(&self) -> usize {
        let buffers = [&self.partial, &self.data, &self.name, &self.tail];
        buffers.iter().map(|buffer| buffer.capacity()).sum()
    }

    /// Takes the next bytes; `on_event` is called for each event that ends in them.
    pub fn feed(&mut self, mut bytes: &[u8], mut on_event: impl FnMut(Event<'_>)) {
        if bytes.is_empty() {
            // Nothing has come: an LF that belongs to a CR may still do so.
            return;
        }
        if std::mem::take(&mut self.after_cr) && bytes.first() == Some(&b'\n') {
            bytes = bytes.get(1..).unwrap_or_default();
        }
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            let (line, rest) = bytes.split_at(end);
            let cr = rest.first() == Some(&b'\r');
            bytes = rest.get(1..).unwrap_or_default();
            if cr {
                match bytes.first() {
                    Some(b'\n') => bytes = bytes.get(1..).unwrap_or_default(),
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            if self.partial.is_empty() && self.skipping.is_none() {
                // The common shape: one data line and the empty line after it, both in this piece.
                if !self.has_data
                    && line.len() <= self.limit
                    && let Some((data, rest)) = whole_event(line, bytes)
                {
                    self.at_start = false;
                    on_event(Event { name: &self.name, data, missing: 0 });
                    self.name.clear();
                    bytes = rest;
                    continue;
                }
                self.line(line, &mut on_event);
            } else {
                self.keep(line);
                let partial = std::mem::take(&mut self.partial);
                self.line(&partial, &mut on_event);
                self.partial = emptied(partial);
            }
        }
        self.keep(bytes);
    }

    /// Ends the stream: an event that lacks only its last empty line is handed on.
    pub fn finish(&mut self, mut on_event: impl FnMut(Event<'_>)) {
        let partial = std::mem::take(&mut self.partial);
        if !partial.is_empty() {
            self.line(&partial, &mut on_event);
        }
        self.line(b"", &mut on_event);
    }

    /// Forgets the event under way, since bytes of it are missing; the next one starts at the next
    /// empty line.
    pub fn resync(&mut self) {
        self.partial.clear();
        self.data.clear();
        self.name.clear();
        self.has_data = false;
        self.after_cr = false;
        self.at_start = false;
        self.skipping = Some(0);
        self.tail = Vec::new();
        self.lost = true;
    }

    fn keep(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if let Some(skipped) = &mut self.skipping {
            *skipped += bytes.len() as u64;
            self.keep_end(bytes);
            // Whether the line is empty is all that matters now.
            if self.partial.is_empty() {
                self.partial.push(b'x');
            }
        } else if self.partial.len() + self.data.len() + bytes.len() > self.limit {
            let partial = std::mem::take(&mut self.partial);
            self.skip(partial.len() + bytes.len());
            // However the line was cut, it has one end.
            self.keep_end(&partial);
            self.keep_end(bytes);
            self.partial.push(b'x');
        } else {
            self.partial.extend_from_slice(bytes);
        }
    }

    /// Keeps the end of what is skipped, unless not even its beginning was seen.
    fn keep_end(&mut self, bytes: &[u8]) {
        if self.lost {
            return;
        }
        let most = TAIL.min(self.limit);
        let end = bytes.get(bytes.len().saturating_sub(most)..).unwrap_or_default();
        if self.tail.len() + end.len() > 2 * most {
            let over = (self.tail.len() + end.len()).saturating_sub(most).min(self.tail.len());
            self.tail.drain(..over);
        }
        self.tail.extend_from_slice(end);
    }

    fn skip(&mut self, more: usize) {
        self.skipping = Some((self.data.len() + more) as u64);
        // Give the memory back, not only the length.
        self.data = Vec::new();
        self.partial = Vec::new();
        self.has_data = false;
    }

    fn line(&mut self, line: &[u8], on_event: &mut impl FnMut(Event<'_>)) {
        // A byte order mark counts, as it does while its line is incomplete.
        let (len, whole) = (line.len(), line);
        let mut line = line;
        if std::mem::take(&mut self.at_start) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if let Some(skipped) = self.skipping {
            if line.is_empty() {
                self.skipping = None;
                let tail = std::mem::take(&mut self.tail);
                if !std::mem::take(&mut self.lost) {
                    let start = tail.len().saturating_sub(TAIL.min(self.limit));
                    let data = tail.get(start..).unwrap_or_default();
                    on_event(Event { name: &self.name, data, missing: skipped });
                }
                self.name.clear();
            }
            return;
        }
        if line.is_empty() {
            if std::mem::take(&mut self.has_data) {
                on_event(Event { name: &self.name, data: &self.data, missing: 0 });
            }
            self.data = emptied(std::mem::take(&mut self.data));
            self.name.clear();
        } else if self.data.len() + len > self.limit {
            self.skip(len);
            self.keep_end(whole);
        } else if line.starts_with(b":") {
            self.comments += 1;
        } else if let Some(data) = field(line, b"data") {
            if std::mem::replace(&mut self.has_data, true) {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(data);
        } else if let Some(name) = field(line, b"event") {
            self.name.clear();
            self.name.extend_from_slice(name.get(..name.len().min(256)).unwrap_or(name));
        }
    }
}

/// The buffer for the next line or event; one that had to grow far goes back, so that an open stream
/// holds no more than this between events.
fn emptied(mut buffer: Vec<u8>) -> Vec<u8> {
    const HELD: usize = 8 * 1024;
    if buffer.capacity() > HELD {
        return Vec::new();
    }
    buffer.clear();
    buffer
}

/// The data of an event made of `line` alone, when `rest` begins with the empty line that ends it.
fn whole_event<'a>(line: &'a [u8], rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"))?;
    Some((field(line, b"data")?, rest))
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

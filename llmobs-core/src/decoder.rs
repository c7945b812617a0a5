//! The provider seam: from the bytes of a wire format to the facts of a record.

use std::fmt;

use crate::capture::Capture;
use crate::record::Record;

/// A wire format. The first of the four seams.
///
/// A decoder is pure: it sees bytes and fills fields. Time, ids, threads, drops and the end of a
/// call are the recorder's. [`route`](Decoder::route) runs on the caller's task and must be cheap;
/// all else runs on the recorder's thread. A decoder that panics loses the facts of that call,
/// nothing else.
pub trait Decoder: fmt::Debug + Send + Sync + 'static {
    /// Whether an exchange is in this format, and what it is; `None` leaves it to the next decoder.
    fn route(&self, target: &Target<'_>) -> Option<Route>;

    /// The deployment of a model that a request's path names, as on Azure. By default none. Runs on
    /// the caller's task.
    fn deployment<'a>(&self, target: &Target<'a>) -> Option<&'a str> {
        let _ = target;
        None
    }

    /// The stored thing that a request's path names: the answer that is read, the store that is
    /// searched. Asked of those two operations only. By default none. Runs on the caller's task.
    fn subject<'a>(&self, target: &Target<'a>) -> Option<&'a str> {
        let _ = target;
        None
    }

    /// What an exchange is that no decoder's [`route`](Decoder::route) knows, of a client that
    /// speaks to nothing but model providers; by default nothing. Runs on the caller's task.
    fn route_other(&self, target: &Target<'_>) -> Option<Route> {
        let _ = target;
        None
    }

    /// Whether an answer's body is no more than counted: what it is made of says nothing to anybody
    /// here, as with sound and pictures. None of it is kept then, and [`Fold`] sees the headers
    /// alone. By default everything is read. Runs on the caller's task.
    fn counts(&self, route: &Route, content_type: Option<&str>) -> bool {
        let _ = (route, content_type);
        false
    }

    /// Whether [`Fold::headers`] should see a response header; `name` is in lower case. By default,
    /// those that proxies, limiters and caches commonly set. Runs on the caller's task.
    fn wants(&self, name: &str) -> bool {
        const PREFIXES: &[&str] =
            &["x-", "content-", "retry-after", "ratelimit", "server-timing", "cache", "cf-", "via"];
        PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    }

    /// Fills in what the request says. `record` holds nothing before: what the call itself knows, such as
    /// ids, provider and host, is added at the end, where this has not told otherwise.
    fn request(&self, route: &Route, body: &[u8], capture: Capture, record: &mut Record);

    /// Hands over the texts of a request that a prompt may have been rendered to, whole and as the
    /// model gets them: each message that is a text, each text part of one. Not what the model or a
    /// tool said. Called only where prompts are rendered. By default, none.
    fn texts(&self, route: &Route, body: &[u8], visit: &mut dyn FnMut(Text<'_>)) {
        let _ = (route, body, visit);
    }

    /// Begins to read one answer to the request that `record` holds.
    fn fold(&self, route: &Route, record: &Record, capture: Capture) -> Box<dyn Fold>;
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// HTTP method, in upper case.
    pub method: &'a str,
    /// Host name or address, without port.
    pub host: &'a str,
    /// Port, where one is known.
    pub port: Option<u16>,
    /// Path, without query.
    pub path: &'a str,
}

/// What an exchange is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Operation, one of [`operation`](crate::semconv::operation) where it has one.
    pub operation: &'static str,
    /// Wire format, the record's `api`.
    pub api: &'static str,
    /// Provider by the registry's names. `None` lets the host stand in, unless the user named it or
    /// [`Fold::finish`] finds a better name; one that is given here stays.
    pub provider: Option<&'static str>,
}

/// A text of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// The text, unescaped.
    pub text: &'a str,
    /// When it was said.
    pub turn: Turn,
}

/// When a text of a request was said, and how much it tells of what the request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Turn {
    /// Before the last turn of the user's: it is there for what follows it.
    Earlier,
    /// In instructions that stand over all turns.
    Instructions,
    /// In the last turn of the user's, which the model answers, by steps of its own perhaps.
    Latest,
}

/// One answer being read, piece by piece, while it arrives.
pub trait Fold: fmt::Debug + Send {
    /// Takes the response's headers, as `name: value` lines with lower-case names.
    fn headers(&mut self, status: u16, headers: &Headers<'_>) {
        let _ = (status, headers);
    }

    /// Takes one event of a stream.
    fn event(&mut self, event: &Event<'_>) -> EventFacts;

    /// Takes note of an event that was too large to keep: its name, where that came first, its end
    /// and how long it was are all there is. By default it says nothing.
    fn skipped(&mut self, event: &Event<'_>) -> EventFacts {
        let _ = event;
        EventFacts::default()
    }

    /// Takes a body that is no stream, or an error's, whole. `false` when it cannot be read.
    fn body(&mut self, body: &[u8]) -> bool;

    /// Drops the content kept so far and keeps no more: it was forbidden. By default it is only left
    /// out of the record.
    fn forget(&mut self) {}

    /// Fills in what the answer said, however far it came.
    fn finish(self: Box<Self>, record: &mut Record) -> Closing;
}

/// Response headers the tap kept: those a decoder may want, never cookies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a>(pub(crate) &'a str);

impl<'a> Headers<'a> {
    /// Reads `name: value` lines with lower-case names.
    pub fn parse(lines: &'a str) -> Self {
        Self(lines)
    }

    /// The first value of a header; `name` in lower case.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        // A decoder asks for many, and most are not there: do not take each line apart for that.
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// All headers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let mut rest = self.0;
        let lines = std::iter::from_fn(move || {
            let (line, after) = cut(rest, b'\n').unwrap_or((rest, ""));
            (!std::mem::replace(&mut rest, after).is_empty()).then_some(line)
        });
        let parts = |line| cut(line, b':').map(|(name, value)| (name, value.trim_ascii()));
        lines.filter_map(parts)
    }
}

/// What stands before and after an ASCII byte.
fn cut(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(byte, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// One server-sent event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The `event:` field; empty when there was none.
    pub name: &'a [u8],
    /// The `data:` lines, joined by line feeds. Of an event that was too large to keep, no more than
    /// the end, from anywhere in it, as it stood on the wire.
    pub data: &'a [u8],
    /// Bytes of an event that was too large to keep.
    pub missing: u64,
}

/// What one event was, for the marks of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventFacts {
    /// It was the stream's end marker and carries no data; it is not counted as an event.
    pub marker: bool,
    /// It could not be read.
    pub malformed: bool,
    /// It carried generated output: text, reasoning, refusal, a tool call, audio.
    pub output: bool,
}

/// What is known of an answer once nothing more will come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closing {
    /// The answer is an error, or holds one.
    pub failed: bool,
    /// The answer came to its own end: an end marker, or a finish reason for every choice.
    pub complete: bool,
    /// The stream's own end marker was seen; `None` where the format has none.
    pub end_marker: Option<bool>,
    /// Choices that carried output.
    pub choices: u32,
    /// Output events of the choice that had the most.
    pub output_events_per_choice: u64,
    /// What was seen of the model's reasoning.
    pub reasoning: Reasoning,
}

/// What was seen of a model's reasoning in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reasoning {
    /// Nothing: what there was came before the first token.
    #[default]
    Hidden,
    /// All of it, as output.
    Streamed,
    /// Parts of it, a summary, or more of it after output had begun: its share of the decode time
    /// is unknown.
    Mixed,
}

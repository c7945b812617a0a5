mod shape;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use crate::gate::Gate;

/// One thing the server does while it answers.
#[derive(Clone, Debug)]
pub enum Step {
    /// Hands these bytes to the socket in one write (one chunk, if chunked) and flushes.
    Write(Bytes),
    /// Does nothing for this long.
    Pause(Duration),
    /// Does nothing until the gate is open.
    Wait(Gate),
    /// Opens a gate: tells the test that the script has come this far.
    Open(Gate),
    /// Closes the connection here; in the middle of a framed body the client sees an error,
    /// after every byte that was written.
    Cut,
    /// Resets the connection (RST); bytes not yet read by the client may be lost.
    Reset,
}

/// How the client learns where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Chunked,
    Length,
    Declared(u64),
    UntilClose,
    Raw,
}

/// A step as it is played.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Once(Step),
    Endless(Vec<Step>),
}

/// A scripted answer: status, headers, and a body as a list of steps.
///
/// Methods that add to the body (`write`, `pause`, `wait`, `cut` …) do so in the order of the
/// calls. The body ends after the last step.
#[derive(Clone, Debug)]
#[must_use]
pub struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) framing: Framing,
    pub(crate) before_head: Vec<Step>,
    pub(crate) body: Vec<Act>,
    pub(crate) repeat: bool,
    pub(crate) close: bool,
}

impl Answer {
    /// An empty answer with this status, sent with a content length.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            framing: Framing::Length,
            before_head: Vec::new(),
            body: Vec::new(),
            repeat: false,
            close: false,
        }
    }

    /// A JSON body.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::bytes(status, "application/json", value.to_string())
    }

    /// A plain text body.
    pub fn text(status: u16, text: &str) -> Self {
        Self::bytes(status, "text/plain; charset=utf-8", text.to_owned())
    }

    /// A body of any type, in one write.
    pub fn bytes(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::status(status).header("content-type", content_type).write(body)
    }

    /// A chunked `text/event-stream`: each item as `data: …` and a blank line, one write each.
    pub fn sse(events: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        events.into_iter().fold(Self::stream("text/event-stream"), |answer, event| {
            answer.write(format!("data: {}\n\n", event.as_ref()))
        })
    }

    /// An empty chunked body of this type with status 200, for steps to be added.
    pub fn stream(content_type: &str) -> Self {
        Self::status(200).chunked().header("content-type", content_type)
    }

    /// Bytes sent as they are, without a status line or headers; then the connection is closed.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        let mut answer = Self::status(200).write(bytes);
        answer.framing = Framing::Raw;
        answer
    }

    /// Replaces the status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Sets a header, replacing one of the same name.
    ///
    /// The headers that frame the body are the server's: see [`chunked`](Self::chunked).
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.add_header(name, value)
    }

    /// Adds a header, also where one of that name is there already.
    pub fn add_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends the body chunked, each write one chunk.
    pub fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    /// Sends the body with the sum of its writes as content length (an endless part counts nothing).
    pub fn content_length(mut self) -> Self {
        self.framing = Framing::Length;
        self
    }

    /// Claims this content length, whatever is written; the connection is closed where they differ.
    pub fn declared_length(mut self, bytes: u64) -> Self {
        self.framing = Framing::Declared(bytes);
        self
    }

    /// Sends neither length nor chunks: the body ends with the connection.
    pub fn until_close(mut self) -> Self {
        self.framing = Framing::UntilClose;
        self
    }

    /// Ends the connection after this answer, and says so in a header.
    pub fn close(mut self) -> Self {
        self.close = true;
        self
    }

    /// Sends the headers this much later.
    pub fn delay_headers(mut self, delay: Duration) -> Self {
        self.before_head.push(Step::Pause(delay));
        self
    }

    /// Sends nothing at all, headers included, until the gate is open.
    pub fn hang(mut self, gate: &Gate) -> Self {
        self.before_head.push(Step::Wait(gate.clone()));
        self
    }

    /// Closes the connection instead of sending headers.
    pub fn close_before_headers(mut self) -> Self {
        self.before_head.push(Step::Cut);
        self
    }

    /// Adds any step.
    pub fn step(mut self, step: Step) -> Self {
        self.body.push(Act::Once(step));
        self
    }

    /// Adds one write.
    pub fn write(self, bytes: impl Into<Bytes>) -> Self {
        self.step(Step::Write(bytes.into()))
    }

    /// Adds a pause.
    pub fn pause(self, duration: Duration) -> Self {
        self.step(Step::Pause(duration))
    }

    /// Adds a wait for a gate.
    pub fn wait(self, gate: &Gate) -> Self {
        self.step(Step::Wait(gate.clone()))
    }

    /// Opens a gate here, for a test that waits until the script has come this far.
    pub fn open(self, gate: &Gate) -> Self {
        self.step(Step::Open(gate.clone()))
    }

    /// Breaks the connection here; see [`Step::Cut`].
    pub fn cut(self) -> Self {
        self.step(Step::Cut)
    }

    /// Resets the connection here; see [`Step::Reset`].
    pub fn reset(self) -> Self {
        self.step(Step::Reset)
    }

    /// Repeats these steps until the client leaves; nothing after them is reached.
    pub fn endless(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.body.push(Act::Endless(steps.into_iter().collect()));
        self
    }

    /// Ends the body. Says what happens anyway, for scripts that read better with it.
    pub fn end(self) -> Self {
        self
    }

    /// Gives this answer again and again, once its turn has come.
    pub fn repeat(mut self) -> Self {
        self.repeat = true;
        self
    }

    /// The bytes the body's writes add up to, without an endless part.
    #[must_use]
    pub fn body_bytes(&self) -> Bytes {
        let mut all = BytesMut::new();
        for act in &self.body {
            if let Act::Once(Step::Write(bytes)) = act {
                all.extend_from_slice(bytes);
            }
        }
        all.freeze()
    }
}

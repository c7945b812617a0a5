//! Streams seen where the application reads them.

mod own;
mod stacked;

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use llmobs_core::testing::Recording;
use llmobs_core::{
    Attempt, Call, CallStart, Capture, Closing, Consumer, Decoder, Event, EventFacts, Fold, Notes,
    ObservedStream, Record, Recorder, Route, StreamObserver, StreamStart, Tap, Target,
    observe_opening, observe_stream,
};

/// A wire format of JSON strings: `"."` ends the stream.
#[derive(Debug)]
struct Words;

impl Decoder for Words {
    fn route(&self, target: &Target<'_>) -> Option<Route> {
        let api = match target.path {
            "/words" => "words",
            "/other" => "other",
            _ => return None,
        };
        Some(Route { operation: "chat", api, provider: None })
    }

    fn request(&self, _: &Route, body: &[u8], _: Capture, record: &mut Record) {
        record.model = std::str::from_utf8(body).ok().map(str::to_owned);
    }

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(WordsFold { complete: false, words: 0 })
    }
}

#[derive(Debug)]
struct WordsFold {
    complete: bool,
    words: u64,
}

impl Fold for WordsFold {
    fn event(&mut self, event: &Event<'_>) -> EventFacts {
        if event.data == b"\".\"" {
            self.complete = true;
            return EventFacts { marker: true, ..EventFacts::default() };
        }
        let malformed = !event.data.starts_with(b"\"");
        self.words += u64::from(!malformed);
        EventFacts { malformed, output: !malformed, marker: false }
    }

    fn body(&mut self, _: &[u8]) -> bool {
        false
    }

    fn finish(self: Box<Self>, record: &mut Record) -> Closing {
        record.output_tokens = Some(self.words);
        Closing { complete: self.complete, end_marker: Some(self.complete), ..Closing::default() }
    }
}

/// Tells its items in the format of words.
#[derive(Debug)]
struct InWords;

impl StreamObserver<&'static str> for InWords {
    fn start(&self) -> StreamStart {
        StreamStart::in_format("POST", "/words").request("model")
    }

    fn item(&mut self, item: &&'static str, notes: &mut Notes<'_>) {
        match *item {
            "error" => notes.failed("bad word"),
            "panic" => std::panic::resume_unwind(Box::new("as the test says")),
            item => notes.event(item),
        }
    }
}

/// What a stream does at a poll.
type Turn = Poll<Option<&'static str>>;

/// A stream that does as it is told.
struct Script(VecDeque<Turn>);

impl Stream for Script {
    type Item = &'static str;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Turn {
        self.0.pop_front().unwrap_or(Poll::Ready(None))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (3, Some(7))
    }
}

const WAIT: Turn = Poll::Pending;

fn item(text: &'static str) -> Turn {
    Poll::Ready(Some(text))
}

fn script<const N: usize>(turns: [Turn; N]) -> Script {
    Script(turns.into())
}

fn recording() -> Recording {
    Recording::with(|builder| builder.decoder(Words))
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn poll<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing in it waits"),
    }
}

fn observed(
    recorder: &Recorder,
    turns: impl IntoIterator<Item = Turn>,
) -> ObservedStream<Script, InWords> {
    let stream = Script(turns.into_iter().collect());
    llmobs_core::scope().recorder(recorder).run_sync(|| observe_stream(stream, InWords))
}

fn consumer(record: &Record) -> &Consumer {
    record.consumer.as_deref().expect("somebody read")
}

fn target(path: &str) -> Target<'_> {
    Target { method: "POST", host: "llm.example", port: Some(443), path }
}

/// A call as an observed client makes it.
fn call(recorder: &Recorder, path: &str) -> Call {
    let start = CallStart { target: target(path), body: None, body_len: None };
    recorder.call(start).expect("it is observed")
}

fn answered(call: Call) -> Tap {
    let attempt: Attempt = call.handle().attempt();
    let tap = attempt.headers(200, [("content-type", b"text/event-stream".as_slice())].into_iter());
    call.returned();
    tap
}

const ANSWER: &[u8] = b"data: \"a\"\n\ndata: \"b\"\n\ndata: \".\"\n\n";

/// A stream below which a call is observed, and the tap on that call's body.
fn stacked(
    recorder: &Recorder,
    turns: impl IntoIterator<Item = Turn>,
) -> (ObservedStream<Script, InWords>, Tap) {
    llmobs_core::scope().recorder(recorder).run_sync(|| {
        let mut tap = None;
        let opening = async {
            tap = Some(answered(call(recorder, "/words")));
            Ok::<_, ()>(Script(turns.into_iter().collect()))
        };
        let stream = ready(observe_opening(opening, InWords)).expect("it opens");
        (stream, tap.expect("the call was answered"))
    })
}

fn sends(tap: &mut Tap, body: &'static [u8]) {
    tap.data(&body.into());
}

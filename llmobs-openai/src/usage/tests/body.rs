use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::usage::Unasked;

const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"a\":1}}\n\n";

/// Frames in turn; an error where there is none.
struct Frames {
    frames: VecDeque<Result<Frame<Bytes>, &'static str>>,
    knows_its_end: bool,
}

impl Frames {
    fn new(data: &[&'static str]) -> Self {
        let frames = data.iter().map(|text| Ok(Frame::data(Bytes::from_static(text.as_bytes()))));
        Self { frames: frames.collect(), knows_its_end: false }
    }

    fn then(mut self, frame: Result<Frame<Bytes>, &'static str>) -> Self {
        self.frames.push_back(frame);
        self
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.frames.pop_front())
    }

    fn is_end_stream(&self) -> bool {
        self.knows_its_end && self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let data = self.frames.iter().flatten().filter_map(Frame::data_ref);
        SizeHint::with_exact(data.map(Bytes::len).sum::<usize>() as u64)
    }
}

/// Reads as a client does that stops when it is told of the end; notes what comes.
fn read(frames: Frames) -> Vec<String> {
    let mut body = Unasked::new(frames, 1);
    let mut seen = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    let mut expected = body.size_hint();
    while !body.is_end_stream() {
        let Poll::Ready(polled) = Pin::new(&mut body).poll_frame(&mut cx) else { break };
        seen.push(match polled {
            None => break,
            Some(Err(err)) => format!("error: {err}"),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    let (len, upper) = (data.len() as u64, expected.upper().expect("known"));
                    assert!(len <= upper, "more than the hint said");
                    String::from_utf8(data.to_vec()).expect("text")
                }
                Err(frame) => format!("trailers: {}", frame.into_trailers().expect("some").len()),
            },
        });
        expected = body.size_hint();
    }
    assert_eq!(body.size_hint().exact(), Some(0));
    seen
}

fn trailers() -> Frame<Bytes> {
    Frame::trailers(HeaderMap::from_iter([(
        http::header::SERVER,
        http::HeaderValue::from_static("s"),
    )]))
}

#[test]
fn what_is_held_comes_before_whatever_ends_the_body() {
    let half = "data: {\"choices\":[],";
    assert_eq!(read(Frames::new(&[half])), [half]);
    assert_eq!(read(Frames::new(&[half]).then(Err("broken"))), [half, "error: broken"]);
    assert_eq!(read(Frames::new(&[half]).then(Ok(trailers()))), [half, "trailers: 1"]);
    let mut knows = Frames::new(&["data: 1\n\n", half]);
    knows.knows_its_end = true;
    assert_eq!(read(knows), ["data: 1\n\n", half]);
}

#[test]
fn a_body_goes_on_behind_what_was_taken_out() {
    let body = Frames::new(&["data: 1\n\n", USAGE, "data: [DONE]\n\n"]).then(Ok(trailers()));
    assert_eq!(read(body), ["data: 1\n\n", "data: [DONE]\n\n", "trailers: 1"]);
    let mut last = Frames::new(&["data: 1\n\n", USAGE]);
    last.knows_its_end = true;
    assert_eq!(read(last), ["data: 1\n\n"]);
    assert_eq!(read(Frames::new(&[USAGE])), [""; 0]);
}

#[test]
fn the_length_is_no_longer_exact() {
    let body = Unasked::new(Frames::new(&["data: 1\n\n", USAGE]), 1);
    let hint = body.size_hint();
    assert_eq!((hint.lower(), hint.upper()), (0, Some(9 + USAGE.len() as u64)));
}

//! A wire format, a body and a service, each as simple as can be.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use llmobs_core::testing::Recording;
use llmobs_core::{
    Capture, Closing, Decoder, Event, EventFacts, Fold, Limits, Record, Route, Target,
};

/// The request's body is the model; an answer that is no stream is the id of the answer.
#[derive(Debug, Default)]
pub(crate) struct Toy {
    id: Option<String>,
}

impl Decoder for Toy {
    fn route(&self, target: &Target<'_>) -> Option<Route> {
        let known = target.path == "/chat";
        known.then_some(Route { operation: "chat", api: "toy", provider: None })
    }

    fn request(&self, _: &Route, body: &[u8], _: Capture, record: &mut Record) {
        record.model = std::str::from_utf8(body).ok().map(str::to_owned);
    }

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(Self::default())
    }
}

impl Fold for Toy {
    fn event(&mut self, _: &Event<'_>) -> EventFacts {
        EventFacts { output: true, ..EventFacts::default() }
    }

    fn body(&mut self, body: &[u8]) -> bool {
        self.id = std::str::from_utf8(body).ok().map(str::to_owned);
        true
    }

    fn finish(self: Box<Self>, record: &mut Record) -> Closing {
        record.response_id = self.id;
        Closing::default()
    }
}

pub(crate) fn recording() -> Recording {
    Recording::with(|builder| builder.decoder(Toy::default()))
}

pub(crate) fn recording_with(limits: Limits) -> Recording {
    Recording::with(|builder| builder.decoder(Toy::default()).limits(limits))
}

/// A body that comes in pieces, and says nothing of its length.
#[derive(Debug)]
pub(crate) struct Pieces(VecDeque<Bytes>);

impl Pieces {
    pub(crate) fn new(pieces: impl IntoIterator<Item = &'static str>) -> Self {
        Self(pieces.into_iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect())
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

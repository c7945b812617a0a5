//! A wire format of one field: events are words, `.` ends the stream.

use llmobs_core::testing::kit::Exchange;
use llmobs_core::{
    Capture, Closing, Content, Decoder, Event, EventFacts, Fold, Record, Route, Target,
};

/// The decoder, with a fault to choose.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Toy {
    pub(super) leaks: bool,
    pub(super) panics: bool,
    pub(super) stranger: bool,
}

pub(super) fn exchange() -> Exchange<'static> {
    Exchange {
        target: Target { method: "POST", host: "toy.example", port: None, path: "/toy" },
        request: b"{\"say\":\"secret\"}",
        status: 200,
        headers: &[("content-type", "text/event-stream")],
        response: b"data: the\n\ndata: secret\n\n: wait\n\ndata: word\n\ndata: .\n\n",
        private: &["secret"],
    }
}

impl Decoder for Toy {
    fn route(&self, target: &Target<'_>) -> Option<Route> {
        let known = target.path == "/toy" && !self.stranger;
        known.then_some(Route { operation: "chat", api: "toy", provider: None })
    }

    fn request(&self, _: &Route, _: &[u8], _: Capture, record: &mut Record) {
        record.stream = Some(true);
    }

    fn fold(&self, _: &Route, _: &Record, capture: Capture) -> Box<dyn Fold> {
        let keeps = capture.has_output() || self.leaks;
        Box::new(ToyFold { words: Vec::new(), keeps, panics: self.panics, complete: false })
    }
}

#[derive(Debug)]
struct ToyFold {
    words: Vec<String>,
    keeps: bool,
    panics: bool,
    complete: bool,
}

impl Fold for ToyFold {
    fn event(&mut self, event: &Event<'_>) -> EventFacts {
        // Not every word is whole when an answer is cut short.
        assert!(!self.panics || event.data != b"sec", "half a word");
        if event.data == b"." {
            self.complete = true;
            return EventFacts { marker: true, ..EventFacts::default() };
        }
        self.words.push(String::from_utf8_lossy(event.data).into_owned());
        EventFacts { output: true, ..EventFacts::default() }
    }

    fn body(&mut self, _: &[u8]) -> bool {
        false
    }

    fn finish(self: Box<Self>, record: &mut Record) -> Closing {
        record.output_tokens = Some(self.words.len() as u64);
        if self.keeps {
            let content = record.content.get_or_insert_default();
            **content = Content { output_messages: Some(self.words.into()), ..Content::default() };
        }
        Closing { complete: self.complete, ..Closing::default() }
    }
}

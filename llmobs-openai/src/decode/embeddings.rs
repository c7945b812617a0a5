//! Answers of `/embeddings`. The vectors are skipped, in whichever encoding they come.

use llmobs_core::{Capture, Closing, Event, EventFacts, Fold, Headers, Record};

use super::answer::Answer;
use super::error::ErrorFacts;
use super::estimate::Meter;
use super::json::{Raw, has_members, has_text, object};
use super::usage::{Place, UsageFold};

object! {
    struct Embeddings<'a> {
        id: Raw<'a> = "id",
        model: Raw<'a> = "model",
        usage: Raw<'a> = "usage",
        error: Raw<'a> = "error",
    }
}

/// Reads one answer.
#[derive(Debug)]
pub(super) struct EmbeddingsFold {
    answer: Answer,
    capture: Capture,
    usage: UsageFold,
    meter: Meter,
}

impl EmbeddingsFold {
    pub(super) fn new(capture: Capture, meter: Meter) -> Self {
        Self { answer: Answer::new(capture), capture, usage: UsageFold::default(), meter }
    }
}

impl Fold for EmbeddingsFold {
    fn headers(&mut self, status: u16, headers: &Headers<'_>) {
        self.answer.head(status, headers);
    }

    fn event(&mut self, _: &Event<'_>) -> EventFacts {
        EventFacts { malformed: true, ..EventFacts::default() }
    }

    fn body(&mut self, body: &[u8]) -> bool {
        let json = super::json::utf8(body);
        if self.answer.failed_by_status(&json) {
            return true;
        }
        let Some(sent) = super::json::read::<Embeddings<'_>>(&json) else { return false };
        self.answer.id.first(sent.id);
        self.answer.model.last(sent.model);
        self.usage.take(sent.usage, Place::Whole, &mut self.answer.headers.timing);
        if has_members(sent.error) || has_text(sent.error) {
            self.answer.error(ErrorFacts::of_object(&json, true, self.capture));
        }
        true
    }

    fn forget(&mut self) {
        self.answer.forget();
        self.capture = Capture::NONE;
    }

    fn finish(self: Box<Self>, record: &mut Record) -> Closing {
        let failed = self.answer.has_failed();
        self.usage.finish(1, record);
        self.answer.finish(false, record);
        self.meter.finish(failed, record);
        Closing { failed, ..Closing::default() }
    }
}

//! What answers of all APIs have in common.

use llmobs_core::{Capture, CutField, Headers, Record};
use serde_json::Value;

use super::error::ErrorFacts;
use super::headers::HeaderFacts;
use super::kept::{Budget, Name};
use super::safety::Filters;

/// Facts of any answer.
#[derive(Debug)]
pub(super) struct Answer {
    capture: Capture,
    status: u16,
    error: Option<Box<ErrorFacts>>,
    pub(super) headers: HeaderFacts,
    pub(super) id: Name,
    pub(super) model: Name,
    pub(super) tier: Name,
    pub(super) filters: Filters,
}

impl Answer {
    pub(super) fn new(capture: Capture) -> Self {
        Self {
            capture,
            status: 0,
            error: None,
            headers: HeaderFacts::default(),
            id: Name::default(),
            model: Name::default(),
            tier: Name::default(),
            filters: Filters::default(),
        }
    }

    pub(super) fn head(&mut self, status: u16, headers: &Headers<'_>) {
        self.status = status;
        self.headers = HeaderFacts::read(headers);
    }

    /// Reads the body as an error's when the status says that it is one.
    pub(super) fn failed_by_status(&mut self, body: &str) -> bool {
        let failed = self.status >= 400;
        if failed {
            self.error(Some(ErrorFacts::of_body(body, self.capture)));
        }
        failed
    }

    /// Takes an error; the first one counts.
    pub(super) fn error(&mut self, error: Option<ErrorFacts>) {
        if let Some(error) = error
            && self.error.is_none()
        {
            self.filters.merge(error.filters);
            self.error = Some(Box::new(error));
        }
    }

    /// Drops the content kept so far and keeps no more.
    pub(super) fn forget(&mut self) {
        self.capture = Capture::NONE;
        if let Some(error) = &mut self.error {
            error.forget();
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.error.is_some() || self.status >= 400
    }

    pub(super) fn finish(self, refused: bool, record: &mut Record) {
        record.response_id = self.id.get().or(record.response_id.take());
        record.model_version = self.model.get();
        self.headers.finish(record);
        record.service_tier = self.tier.get();
        record.error = self.error.map(|error| Box::new(error.failure()));
        self.filters.finish(refused, record);
    }
}

/// Writes the messages generated, and what of them was left out.
pub(super) fn write_messages(messages: Vec<Value>, budget: &Budget, record: &mut Record) {
    let cut = cut(&messages, budget);
    if !messages.is_empty() {
        record.content.get_or_insert_default().output_messages = Some(Value::Array(messages));
    }
    if cut.is_some() {
        record.cut.get_or_insert_default().content = cut;
    }
}

/// What was left out of all texts; with its hash where it was one text that came.
fn cut(messages: &[Value], budget: &Budget) -> Option<CutField> {
    let (bytes, missing) = (budget.seen, budget.missing);
    let parts = messages.iter().filter_map(|message| message.get("parts")?.as_array()).flatten();
    let alone = |cut: &&Value| cut.get("bytes").and_then(Value::as_u64) == Some(bytes);
    let cut = parts.filter_map(|part| part.get("cut")).find(alone);
    let sha256 = cut.and_then(|cut| cut.get("sha256")?.as_str()).map(str::to_owned);
    (missing > 0).then_some(CutField { bytes, missing, sha256 })
}

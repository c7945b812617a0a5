//! Errors, in the many shapes servers give them.

use std::borrow::Cow;

use llmobs_core::{Capture, Failure};

use super::json::{Maybe, Raw, array, has_members, has_text, list, member, number, object, text};
use super::kept::{identifier, word};
use super::safety::Filters;

object! {
    /// The outside of an error, whichever shape it has.
    struct Outside<'a> {
        error: Raw<'a> = "error",
        errors: Raw<'a> = "errors",
        detail: Raw<'a> = "detail",
        message: Raw<'a> = "message",
        kind: Raw<'a> = "type",
        code: Raw<'a> = "code",
        object: Raw<'a> = "object",
    }
}

object! {
    struct Inside<'a> {
        kind: Raw<'a> = "type",
        code: Raw<'a> = "code",
        status: Raw<'a> = "status",
        message: Raw<'a> = "message",
        inner: Raw<'a> = "innererror",
    }
}

/// Longest error message that is kept, in bytes.
const MAX_MESSAGE: usize = 16 * 1024;

/// An error an answer told of.
#[derive(Debug, Default)]
pub(super) struct ErrorFacts {
    kind: Option<String>,
    code: Option<String>,
    message: Option<String>,
    /// What the error says of content filters.
    pub(super) filters: Filters,
}

impl ErrorFacts {
    /// Drops what may quote content.
    pub(super) fn forget(&mut self) {
        self.message = None;
        for named in [&mut self.kind, &mut self.code] {
            *named = named.as_deref().and_then(identifier);
        }
    }

    /// Reads the body of an answer that is an error by its status.
    pub(super) fn of_body(body: &str, capture: Capture) -> Self {
        if let Some(outside) = super::json::read::<Outside<'_>>(body) {
            return outside.facts(capture);
        }
        // A list of errors, of which the first speaks.
        if body.trim_start().starts_with('[')
            && let Some(first) = array::<Raw<'_>>(body).iter().next()
            && let Some(outside) = member::<Outside<'_>>(*first)
        {
            return outside.facts(capture);
        }
        let message = Cow::Borrowed(body.trim());
        Self { message: said(Some(message), capture), ..Self::default() }
    }

    /// Reads an object that may or may not be an error; `is_one` is for what is one by its place.
    pub(super) fn of_object(json: &str, is_one: bool, capture: Capture) -> Option<Self> {
        let outside = super::json::read::<Outside<'_>>(json)?;
        let named = has_members(outside.error)
            || has_text(outside.error)
            || text(outside.object).is_some_and(|object| object == "error");
        (named || is_one).then(|| outside.facts(capture))
    }

    /// Reads the data of an event that is an error by its name.
    pub(super) fn of_event(data: &str, capture: Capture) -> Self {
        let facts = Self::of_object(data, true, capture);
        facts.unwrap_or_else(|| Self::of_body(data, capture)).without_event_type()
    }

    /// Reads an error object that stands where errors stand.
    pub(super) fn of_member(raw: Raw<'_>, capture: Capture) -> Option<Self> {
        if has_text(raw) {
            return Some(Self { message: said(text(raw), capture), ..Self::default() });
        }
        has_members(raw).then(|| member::<Inside<'_>>(raw))?.map(|inside| inside.facts(capture))
    }

    /// The `type` of an event that is an error says no more than that.
    pub(super) fn without_event_type(mut self) -> Self {
        self.kind = self.kind.filter(|kind| kind != "error");
        self
    }

    pub(super) fn failure(self) -> Failure {
        let kind = self.kind.or_else(|| self.code.clone()).unwrap_or_default();
        Failure { kind: kind.into(), code: self.code, message: self.message, ..Failure::default() }
    }
}

impl Outside<'_> {
    fn facts(&self, capture: Capture) -> ErrorFacts {
        let own = Inside {
            kind: self.kind,
            code: self.code,
            status: None,
            message: self.message,
            inner: None,
        };
        if let Some(inside) = member::<Inside<'_>>(self.error) {
            return inside.facts(capture);
        }
        let first = list::<Maybe<Inside<'_>>>(self.errors);
        if let Some(Maybe(Some(inside))) = first.iter().next() {
            return inside.facts(capture);
        }
        if let Some(inside) = member::<Inside<'_>>(self.detail) {
            return inside.facts(capture);
        }
        let mut facts = own.facts(capture);
        let message = text(self.error).or_else(|| text(self.detail));
        // A validation error is a list of findings: kept as it is.
        let message = message.or_else(|| Some(Cow::Borrowed(self.detail?.get())));
        facts.message = facts.message.or_else(|| said(message, capture));
        facts
    }
}

impl Inside<'_> {
    fn facts(&self, capture: Capture) -> ErrorFacts {
        let mut filters = Filters::default();
        filters.add(self.inner);
        ErrorFacts {
            // A number there is the HTTP status once more, of which a code says more.
            kind: named(self.kind, capture)
                .or_else(|| named(text(self.status).and(self.status), capture))
                .filter(|kind| kind.parse::<u16>().is_err()),
            code: named(self.code, capture),
            message: said(text(self.message), capture),
            filters,
        }
    }
}

/// A type or code. Some servers put sentences there: without leave, only what cannot be one passes.
fn named(raw: Raw<'_>, capture: Capture) -> Option<String> {
    let value = text(raw).or_else(|| number(raw).and(raw).map(|raw| Cow::Borrowed(raw.get())))?;
    if value.is_empty() {
        None
    } else if capture.has_errors() {
        word(value)
    } else {
        identifier(&value)
    }
}

fn said(message: Option<Cow<'_, str>>, capture: Capture) -> Option<String> {
    let message = message.filter(|message| capture.has_errors() && !message.is_empty())?;
    let end =
        (0..=MAX_MESSAGE.min(message.len())).rev().find(|at| message.is_char_boundary(*at))?;
    message.get(..end).map(str::to_owned)
}

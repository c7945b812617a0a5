//! Scopes that come from another service, and go to one: W3C Trace Context and Baggage.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::{Attributes, Scope};
use crate::id::{SpanId, TraceId};
use crate::semconv::baggage::{SESSION_ID, TAG_PREFIX, USER_ID};
use crate::span::{OpenSpan, SpanIdentity};

/// Longest baggage that is read or written, in bytes: what the recommendation asks everybody to
/// carry.
const MAX_BAGGAGE: usize = 8192;
/// Longest value taken from baggage, in bytes: it is somebody else's.
const MAX_VALUE: usize = 256;

/// What may not stand in a baggage value as it is, by the recommendation's `baggage-octet`.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'%');
/// What may not stand in a key, by its `token`.
const ESCAPED_KEY: &AsciiSet = &ESCAPED
    .add(b'(')
    .add(b')')
    .add(b'/')
    .add(b':')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b']')
    .add(b'{')
    .add(b'}');

impl Scope {
    /// Continues the trace of a caller: `header` is the `traceparent` of its request, by [W3C Trace
    /// Context](https://www.w3.org/TR/trace-context/). One that is not valid changes nothing.
    ///
    /// Where a span is open here, that one is nearer and stays the parent: the server span of a
    /// service that uses OpenTelemetry continues the caller's trace already.
    ///
    /// ```
    /// let scope = llmobs_core::scope()
    ///     .traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    ///     .baggage("session.id=s-1,user.id=u-7,llmobs.tag.tenant=acme");
    /// assert_eq!(scope.session_id(), Some("s-1"));
    /// assert_eq!(scope.to_baggage().as_deref(), Some("session.id=s-1,user.id=u-7,llmobs.tag.tenant=acme"));
    /// ```
    #[must_use]
    pub fn traceparent(mut self, header: &str) -> Self {
        if self.span.is_none() {
            self.span = parse(header).map(OpenSpan::remote);
        }
        self
    }

    /// Takes session, user and tags from the `baggage` of a caller's request, by [W3C
    /// Baggage](https://www.w3.org/TR/baggage/): `session.id`, `user.id` and `llmobs.tag.NAME`.
    /// Whatever else is in there is not ours. Values over 256 bytes are left out.
    ///
    /// Only call it for callers you trust: they say who the calls are for.
    #[must_use]
    pub fn baggage(mut self, header: &str) -> Self {
        let Some(header) = header.get(..header.len().min(MAX_BAGGAGE)) else { return self };
        let attributes = self.edit();
        for member in header.split(',') {
            // Properties after a semicolon are about the member, and none is ours.
            let pair = member.split(';').next().unwrap_or_default();
            let Some((key, value)) = pair.split_once('=') else { continue };
            let key = percent_decode_str(key.trim()).decode_utf8_lossy();
            let Ok(value) = percent_decode_str(value.trim()).decode_utf8() else { continue };
            if value.is_empty() || value.len() > MAX_VALUE || value.contains(char::is_control) {
                continue;
            }
            attributes.carry(&key, value.into_owned());
        }
        self
    }

    /// The `traceparent` for requests of yours to another service; `None` without a span here.
    pub fn to_traceparent(&self) -> Option<String> {
        self.span.as_ref().map(|span| traceparent(&span.identity))
    }

    /// Session, user and tags as `baggage` for requests of yours to another service; `None` when
    /// there are none. A user's id goes as it is: mind who the other service is.
    ///
    /// What would make it longer than 8,192 bytes is left out.
    pub fn to_baggage(&self) -> Option<String> {
        let Attributes { session_id, user_id, tags, .. } = &*self.attributes;
        let named = [(SESSION_ID, session_id), (USER_ID, user_id)];
        let named = named.into_iter().filter_map(|(key, value)| Some((key, "", value.as_ref()?)));
        let tags = tags.list().iter().map(|(name, value)| (TAG_PREFIX, name.as_str(), value));
        let mut out = String::new();
        for (key, rest, value) in named.chain(tags) {
            let before = out.len();
            let comma = if out.is_empty() { "" } else { "," };
            let rest = utf8_percent_encode(rest, ESCAPED_KEY);
            let value = utf8_percent_encode(value, ESCAPED);
            // Writing to a string cannot fail.
            let _ = write!(out, "{comma}{key}{rest}={value}");
            if out.len() > MAX_BAGGAGE {
                out.truncate(before);
            }
        }
        (!out.is_empty()).then_some(out)
    }
}

impl Attributes {
    fn carry(&mut self, key: &str, value: String) {
        match (key, key.strip_prefix(TAG_PREFIX)) {
            (SESSION_ID, _) => self.session_id = Some(value),
            (USER_ID, _) => self.user_id = Some(value),
            (_, Some(name)) if !name.is_empty() => self.tags.insert(name.to_owned(), value),
            _ => {}
        }
    }
}

/// A span's ids as `traceparent`.
pub(crate) fn traceparent(span: &SpanIdentity) -> String {
    format!("00-{}-{}-{:02x}", span.trace_id, span.span_id, u8::from(span.sampled))
}

/// The ids in a `traceparent`: version 00 in full, later versions as far as they are alike.
fn parse(header: &str) -> Option<SpanIdentity> {
    let mut parts = header.trim().split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str| {
        text.len() == 2 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    if !hex(version)
        || version == "ff"
        || !hex(flags)
        || (version == "00" && parts.next().is_some())
    {
        return None;
    }
    let lower = |text: &str| !text.bytes().any(|byte| byte.is_ascii_uppercase());
    if !lower(trace) || !lower(span) {
        return None;
    }
    let (trace_id, span_id): (TraceId, SpanId) = (trace.parse().ok()?, span.parse().ok()?);
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    Some(SpanIdentity { trace_id, span_id, sampled })
}

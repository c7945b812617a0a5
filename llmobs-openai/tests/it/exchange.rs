//! One exchange, written by hand, observed as a client would make it.

use std::time::Duration;

use bytes::Bytes;
use llmobs_core::testing::Recording;
use llmobs_core::{BodyEnd, CallStart, Capture, Target};
use llmobs_openai::OpenAi;
use serde_json::Value;

/// An exchange; what is left as it is is a chat with a good answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) request: &'a str,
    pub(crate) status: u16,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) response: &'a str,
    pub(crate) end: BodyEnd,
    pub(crate) capture: Capture,
}

impl Default for Exchange<'_> {
    fn default() -> Self {
        Self {
            method: "POST",
            host: "host.test",
            path: "/v1/chat/completions",
            request: "{}",
            status: 200,
            headers: &[],
            response: "",
            end: BodyEnd::Complete,
            capture: Capture::ALL,
        }
    }
}

impl Exchange<'_> {
    /// The line of the record it makes.
    pub(crate) fn line(self) -> Value {
        let recording = Recording::with(|builder| builder.decoder(OpenAi).capture(self.capture));
        let target =
            Target { method: self.method, host: self.host, port: Some(443), path: self.path };
        let body = Some(Bytes::copy_from_slice(self.request.as_bytes()));
        let start = CallStart { target, body, body_len: None };
        let call = recording.recorder().call_to_provider(start);
        let call = call.expect("the exchange is observed");
        let headers = self.headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let mut tap = call.handle().attempt().headers(self.status, headers);
        call.returned();
        for event in self.response.split_inclusive("\n\n") {
            recording.clock().advance(Duration::from_millis(10));
            tap.data(&Bytes::copy_from_slice(event.as_bytes()));
        }
        tap.end(self.end);
        let records = recording.records();
        assert_eq!(records.len(), 1, "one record per exchange");
        serde_json::to_value(records.first()).expect("records are JSON")
    }
}

/// The line of a streamed chat with these events; `[DONE]` is sent when it is among them.
pub(crate) fn streamed(request: &str, events: &[&str]) -> Value {
    let response: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let headers = &[("content-type", "text/event-stream")];
    Exchange { request, headers, response: &response, ..Exchange::default() }.line()
}

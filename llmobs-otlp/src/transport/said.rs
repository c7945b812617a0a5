//! What an endpoint says of an error, in one line.

use std::time::Duration;

use prost::Message;
use serde_json::Value;

/// Characters of an error's message that are passed on.
const MAX_MESSAGE: usize = 300;

/// The words of an endpoint, and the pause it asks for in them.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) message: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

/// `google.rpc.Status`: what OTLP servers answer errors with.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`, its duration included.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<Delay>,
}

#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// `google.rpc.BadRequest`.
#[derive(Clone, PartialEq, Message)]
struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    violations: Vec<Violation>,
}

#[derive(Clone, PartialEq, Message)]
struct Violation {
    #[prost(string, tag = "1")]
    field: String,
    #[prost(string, tag = "2")]
    description: String,
}

/// `google.rpc.ErrorInfo`, as far as it tells anything.
#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
}

impl Said {
    pub(super) fn over_http(content_type: &str, body: &[u8]) -> Self {
        if content_type.contains("protobuf") {
            return Status::decode(body).map(Self::of_status).unwrap_or_default();
        }
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start_matches('\u{feff}').trim();
        let message = if let Some(title) = page(body) {
            Some(title)
        } else if content_type.contains("html") {
            title(text).or_else(|| Some(text.to_owned()))
        } else {
            serde_json::from_str(text)
                .ok()
                .and_then(|json| of_json(&json))
                .or(Some(text.to_owned()))
        };
        Self { message: message.and_then(|message| line(&message)), retry_after: None }
    }

    /// Of a gRPC status: its message, and its details in the encoding of `google.rpc.Status`.
    #[cfg(feature = "grpc")]
    pub(super) fn over_grpc(message: &str, details: &[u8]) -> Self {
        let status = Status::decode(details).unwrap_or_default();
        Self::of_status(Status { message: message.to_owned(), ..status })
    }

    fn of_status(status: Status) -> Self {
        let mut said = Self::default();
        let mut message = status.message;
        for Any { type_url, value } in status.details {
            let value = value.as_slice();
            let added = match type_url.rsplit('/').next().unwrap_or_default() {
                "google.rpc.RetryInfo" => {
                    said.retry_after = RetryInfo::decode(value).ok().and_then(RetryInfo::pause);
                    None
                }
                "google.rpc.BadRequest" => BadRequest::decode(value).ok().map(BadRequest::text),
                "google.rpc.ErrorInfo" => ErrorInfo::decode(value).ok().map(|info| info.reason),
                _ => None,
            };
            if let Some(added) = added.filter(|added| !added.is_empty()) {
                message = if message.is_empty() { added } else { format!("{message} ({added})") };
            }
        }
        said.message = line(&message);
        said
    }

    /// Whether what is said is that the body's encoding was not understood.
    pub(super) fn is_about_encoding(&self) -> bool {
        let message = self.message.as_deref().unwrap_or_default().to_ascii_lowercase();
        ["gzip", "content-encoding", "content encoding", "compress"]
            .iter()
            .any(|word| message.contains(word))
    }
}

impl RetryInfo {
    fn pause(self) -> Option<Duration> {
        let Delay { seconds, nanos } = self.delay?;
        Some(Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?))
    }
}

impl BadRequest {
    fn text(self) -> String {
        let texts = self.violations.into_iter().map(|Violation { field, description }| {
            match (field.is_empty(), description.is_empty()) {
                (true, _) => description,
                (_, true) => field,
                _ => format!("{field}: {description}"),
            }
        });
        texts.collect::<Vec<_>>().join(", ")
    }
}

/// Where error bodies in JSON have their text.
fn of_json(json: &Value) -> Option<String> {
    match json {
        Value::String(text) => Some(text.clone()),
        Value::Array(all) => {
            let texts: Vec<_> = all.iter().filter_map(of_json).collect();
            (!texts.is_empty()).then(|| texts.join(", "))
        }
        Value::Object(object) => {
            const NAMES: [&str; 7] =
                ["message", "error", "detail", "msg", "errors", "error_message", "title"];
            let text = NAMES.iter().find_map(|name| object.get(*name).and_then(of_json))?;
            // FastAPI says what its message is about beside it.
            let place = object.get("loc").and_then(Value::as_array).and_then(|loc| loc.last());
            match place.and_then(Value::as_str) {
                Some(place) => Some(format!("{place}: {text}")),
                None => Some(text),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The title of an answer that is a web page; `None` when it is none.
pub(super) fn page(body: &[u8]) -> Option<String> {
    const STARTS: [&[u8]; 2] = [b"<!doctype html", b"<html"];
    let body = body.trim_ascii_start();
    let is_html = STARTS
        .iter()
        .any(|start| body.get(..start.len()).is_some_and(|b| b.eq_ignore_ascii_case(start)));
    let title = || title(&String::from_utf8_lossy(body)).and_then(|title| line(&title));
    is_html.then(|| title().unwrap_or_else(|| "an HTML page".to_owned()))
}

fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let from = open + lower.get(open..)?.find('>')? + 1;
    let to = from + lower.get(from..)?.find("</title")?;
    page.get(from..to).map(str::to_owned)
}

/// One line that can be shown; `None` when there is nothing in it.
fn line(text: &str) -> Option<String> {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let mut line = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if let Some((end, _)) = line.char_indices().nth(MAX_MESSAGE) {
            line.truncate(end);
            line.push('…');
            break;
        }
    }
    (!line.is_empty()).then_some(line)
}

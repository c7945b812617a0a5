//! What the fuzz is made of: pieces of the formats, and what may happen to them.

use std::io::Write;

use llmobs_core::BodyEnd;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A method and path of each format.
const ROUTES: &[(&str, &str)] = &[
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/responses"),
    ("GET", "/v1/responses/resp_1"),
    ("POST", "/v1/images/generations"),
    ("POST", "/v1/audio/speech"),
    ("POST", "/v1/audio/transcriptions"),
    ("POST", "/v1/moderations"),
];

/// What bodies are made of, so that noise gets past the first byte.
const WORDS: &[&str] = &[
    "data: ",
    "data:",
    "event: ",
    "id: 7",
    "retry: 1",
    ": hello",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "[DONE]",
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "1e999",
    "0",
    "\\u00",
    "\\",
    "\u{feff}",
    "\u{1f600}",
    "\u{0}",
];

/// Whole pieces of the formats.
const EVENTS: &[&str] = &[
    r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"Hel"}}]}"#,
    r#"{"choices":[{"index":1,"delta":{"content":[{"type":"text","text":"lo"}]}}]}"#,
    r#"{"choices":[{"index":4294967295,"delta":{"content":"far"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hm","refusal":"no"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{"}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":99999999999,"function":{"arguments":"}"}}]}}]}"#,
    r#"{"choices":[{"index":0,"text":"legacy","finish_reason":"length","logprobs":{"tokens":["a"],"token_logprobs":[-0.1]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop","logprobs":{"content":[{"logprob":-1e308}]}}]}"#,
    r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":18446744073709551615,"total_tokens":5}}"#,
    r#"{"choices":[{"index":0,"message":{"content":"whole","tool_calls":[]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#,
    r#"{"object":"list","data":[{"embedding":[0.1,0.2],"index":0}],"model":"e","usage":{"prompt_tokens":2,"total_tokens":2}}"#,
    r#"{"error":{"type":"server_error","code":500,"message":"it broke"}}"#,
    r#"{"type":"response.created","response":{"id":"r","status":"in_progress","model":"m","output":[]}}"#,
    r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"c","name":"f"}}"#,
    r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Hi"}"#,
    r#"{"type":"response.function_call_arguments.delta","output_index":7000000000,"delta":"{}"}"#,
    r#"{"type":"response.completed","response":{"id":"r","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":1,"output_tokens":2}}}"#,
    r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"x","message":"it broke"}}}"#,
    r#"{"type":"speech.audio.delta","audio":"AAAA"}"#,
    r#"{"type":"transcript.text.delta","delta":"Hel"}"#,
    r#"{"type":"transcript.text.done","text":"Hello","usage":{"type":"tokens","input_tokens":1,"output_tokens":2}}"#,
    r#"{"type":"image_generation.partial_image","b64_json":"AAAA"}"#,
    r#"{"type":"image_edit.completed","b64_json":"AAAA","usage":{"input_tokens":1,"input_tokens_details":{"image_tokens":9}}}"#,
    r#"{"created":1,"data":[{"b64_json":"AAAA"},{"url":"u"},7],"results":[{"flagged":true},{}],"text":"Hello","duration":"2.5"}"#,
    r#"{"text":"Hello","duration":-1,"usage":{"type":"duration","seconds":1e999}}"#,
];

const REQUESTS: &[&str] = &[
    "",
    "{",
    "{}",
    r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"#,
    r#"{"model":"m","n":4294967296,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"tools":[{}]}"#,
    r#"{"model":"m","stream":true,"input":[{"role":"user","content":"hi"}],"previous_response_id":"r"}"#,
    r#"{"model":"m","prompt":["a","b"],"input":[[1,2],[3]],"encoding_format":"base64","stop":"x"}"#,
    r#"{"model":"m","prompt":"a","stream_format":"sse","response_format":"b64_json"}"#,
];

/// Headers that say something of a call, or that say how to read its body.
const HEADERS: &[&str] = &[
    "content-type",
    "retry-after",
    "retry-after-ms",
    "x-request-id",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "openai-processing-ms",
    "server-timing",
    "cf-ray",
    "x-cache",
];

const VALUES: &[&str] = &[
    "text/event-stream; charset=utf-8",
    "application/json",
    "",
    "0",
    "-1",
    "1e309",
    "NaN",
    "inf",
    "99999999999999999999999",
    "1h2m3.5s",
    "Wed, 21 Oct 2015 07:28:00 GMT",
    "queue;dur=1.5, total;dur=NaN;desc=\"x\"",
    "HIT",
    ";;;=,=",
];

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) route: (&'static str, &'static str),
    pub(super) request: Vec<u8>,
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) end: BodyEnd,
    /// As it goes over the wire.
    pub(super) body: Vec<u8>,
    pub(super) cuts: Vec<Index>,
    pub(super) tight: bool,
}

/// What may happen to bytes.
#[derive(Clone, Debug)]
enum Harm {
    Set(Index, u8),
    Insert(Index, &'static str),
    Delete(Index, u8),
    Repeat(Index, u8),
    Swap(Index, Index),
    End(Index),
}

impl Harm {
    fn does(self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let some = |at: usize, len: u8| at..(at + usize::from(len)).min(bytes.len());
        match self {
            Self::Set(at, byte) => {
                let at = at.index(bytes.len());
                bytes.splice(at..=at, [byte]);
            }
            Self::Insert(at, word) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, word.bytes());
            }
            Self::Delete(at, len) => {
                let range = some(at.index(bytes.len()), len);
                bytes.drain(range);
            }
            Self::Repeat(at, len) => {
                let range = some(at.index(bytes.len()), len);
                let again: Vec<u8> = bytes.drain(range.clone()).collect();
                bytes.splice(range.start..range.start, again.repeat(2));
            }
            Self::Swap(one, other) => {
                let (one, other) = (one.index(bytes.len()), other.index(bytes.len()));
                bytes.swap(one, other);
            }
            Self::End(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        any::<(Index, u8)>().prop_map(|(at, byte)| Harm::Set(at, byte)),
        (any::<Index>(), select(WORDS)).prop_map(|(at, word)| Harm::Insert(at, word)),
        any::<(Index, u8)>().prop_map(|(at, len)| Harm::Delete(at, len)),
        any::<(Index, u8)>().prop_map(|(at, len)| Harm::Repeat(at, len)),
        any::<(Index, Index)>().prop_map(|(one, other)| Harm::Swap(one, other)),
        any::<Index>().prop_map(Harm::End),
    ]
}

/// None at all in half of the cases, so that what lies behind good bytes is reached too.
fn harmed(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let harms = prop_oneof![Just(Vec::new()), prop::collection::vec(harm(), 1..4)];
    (bytes, harms).prop_map(|(mut bytes, harms)| {
        harms.into_iter().for_each(|harm| harm.does(&mut bytes));
        bytes
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let event = || select(EVENTS).prop_map(|event| format!("data: {event}\n\n").into_bytes());
    let named = (select(&["error", "ping", "response.failed"][..]), select(EVENTS))
        .prop_map(|(name, event)| format!("event: {name}\r\ndata: {event}\r\n\r\n").into_bytes());
    let word = || select(WORDS).prop_map(|word| word.as_bytes().to_vec());
    let torn = (select(EVENTS), any::<Index>()).prop_map(|(event, at)| {
        let at = at.index(event.len());
        event.as_bytes().iter().take(at).copied().collect::<Vec<u8>>()
    });
    let bytes = prop::collection::vec(any::<u8>(), 0..40);
    let part = prop_oneof![6 => event(), 1 => named, 4 => word(), 2 => torn, 1 => bytes];
    let stream = prop::collection::vec(part, 0..30).prop_map(|parts| parts.concat());
    let whole = select(EVENTS).prop_map(|event| event.as_bytes().to_vec());
    harmed(prop_oneof![2 => stream.boxed(), 1 => whole.boxed()])
}

/// A body in an encoding.
fn encoded(coding: &'static str, body: Vec<u8>) -> Vec<u8> {
    let done = "a buffer takes all";
    match coding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
            encoder.write_all(&body).expect(done);
            encoder.finish().expect(done)
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Default::default());
            encoder.write_all(&body).expect(done);
            encoder.finish().expect(done)
        }
        "br" => {
            let mut coded = Vec::new();
            let mut encoder = brotli::CompressorWriter::new(&mut coded, 4096, 1, 16);
            encoder.write_all(&body).expect(done);
            drop(encoder);
            coded
        }
        _ => body,
    }
}

/// The body, and the value of `content-encoding` where it has one: sometimes not the right one.
fn wire() -> impl Strategy<Value = (Vec<u8>, Option<&'static str>)> {
    let codings = || select(&["gzip", "deflate", "br", "zstd"][..]);
    let sent = (body(), codings()).prop_map(|(body, coding)| (encoded(coding, body), coding));
    let coded =
        (sent, prop::option::weighted(0.1, codings())).prop_flat_map(|((body, coding), said)| {
            (harmed(Just(body)), Just(Some(said.unwrap_or(coding))))
        });
    prop_oneof![3 => body().prop_map(|body| (body, None)).boxed(), 2 => coded.boxed()]
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let ends = [BodyEnd::Complete, BodyEnd::Complete, BodyEnd::Dropped];
    let request = harmed(select(REQUESTS).prop_map(|request| request.as_bytes().to_vec()));
    let start = (select(ROUTES), request, select(&[200, 200, 200, 429, 500][..]));
    let header =
        (select(HEADERS), select(VALUES)).prop_map(|(name, value)| (name, value.to_owned()));
    let headers = prop::collection::vec(header, 0..4);
    let rest = (headers, select(ends.to_vec()), wire());
    let cuts = prop::collection::vec(any::<Index>(), 0..12);
    (start, rest, cuts, any::<bool>()).prop_map(
        |((route, request, status), (mut headers, end, (body, coding)), cuts, tight)| {
            headers.extend(coding.map(|coding| ("content-encoding", coding.to_owned())));
            Case { route, request, status, headers, end, body, cuts, tight }
        },
    )
}

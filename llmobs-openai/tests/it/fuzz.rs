//! Whatever a server sends, and however it is cut: no panic, and the same record.
//!
//! A few seconds in a normal run; `LLMOBS_FUZZ_SECONDS` says how many seconds otherwise.

use std::time::{Duration, Instant};

use bytes::Bytes;
use llmobs_core::{BodyEnd, Capture, Decoder, Exchange, Limits, Offline, Record, Target};
use llmobs_openai::OpenAi;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{TestCaseError, TestRunner};

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
    r#"{"model":"m","prompt":"a","stream_format":"sse","response_format":"b64_json"}"#,
    r#"{"model":"m","prompt":["a","b"],"input":[[1,2],[3]],"encoding_format":"base64","stop":"x"}"#,
];

#[derive(Clone, Debug)]
struct Case {
    route: (&'static str, &'static str),
    request: &'static str,
    status: u16,
    content_type: Option<&'static str>,
    end: BodyEnd,
    body: Vec<u8>,
    cuts: Vec<Index>,
    tight: bool,
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let event = || select(EVENTS).prop_map(|event| format!("data: {event}\n\n").into_bytes());
    let word = || select(WORDS).prop_map(|word| word.as_bytes().to_vec());
    let torn = (select(EVENTS), any::<Index>()).prop_map(|(event, at)| {
        let at = at.index(event.len());
        event.as_bytes().iter().take(at).copied().collect::<Vec<u8>>()
    });
    let bytes = prop::collection::vec(any::<u8>(), 0..40);
    let part = prop_oneof![6 => event(), 4 => word(), 2 => torn, 1 => bytes];
    let stream = prop::collection::vec(part, 0..30).prop_map(|parts| parts.concat());
    let whole = select(EVENTS).prop_map(|event| event.as_bytes().to_vec());
    let spoiled = (prop_oneof![stream.boxed(), whole.boxed()], any::<Option<(Index, u8)>>());
    spoiled.prop_map(|(mut body, spoil)| {
        if let Some((at, byte)) = spoil.filter(|_| !body.is_empty()) {
            let at = at.index(body.len());
            body.splice(at..=at, [byte]);
        }
        body
    })
}

fn case() -> impl Strategy<Value = Case> {
    let ends = [BodyEnd::Complete, BodyEnd::Complete, BodyEnd::Dropped];
    let types = [
        None,
        Some("text/event-stream; charset=utf-8"),
        Some("application/json"),
        Some("audio/wav"),
    ];
    let start = (select(ROUTES), select(REQUESTS), select(&[200, 200, 200, 429, 500][..]));
    let rest = (select(types.to_vec()), select(ends.to_vec()), body());
    let cuts = prop::collection::vec(any::<Index>(), 0..12);
    (start, rest, cuts, any::<bool>()).prop_map(
        |((route, request, status), (content_type, end, body), cuts, tight)| Case {
            route,
            request,
            status,
            content_type,
            end,
            body,
            cuts,
            tight,
        },
    )
}

fn decode(case: &Case, offline: &mut Offline, cuts: &[usize]) -> Result<Record, TestCaseError> {
    let (method, path) = case.route;
    let headers: Vec<_> = case.content_type.map(|it| ("content-type", it)).into_iter().collect();
    let exchange = Exchange {
        target: Target { method, host: "host.test", port: None, path },
        request: Bytes::from(case.request),
        status: case.status,
        headers: &headers,
        end: case.end,
    };
    let mut rest = Bytes::copy_from_slice(&case.body);
    let mut at = 0;
    let mut pieces: Vec<_> = cuts
        .iter()
        .map(|cut| {
            let piece = rest.split_to(cut - at);
            at = *cut;
            piece
        })
        .collect();
    pieces.push(rest);
    let record = offline.decode(&exchange, pieces);
    record.map_err(|err| TestCaseError::fail(format!("{err}: {case:?}")))
}

fn check(case: &Case, decoder: impl Decoder + Copy) -> Result<(), TestCaseError> {
    let mut limits = Limits::default();
    if case.tight {
        (limits.body_bytes, limits.event_bytes) = (100, 60);
    }
    let mut offline = Offline::with_limits(decoder, Capture::ALL, limits);
    let whole = decode(case, &mut offline, &[])?;
    let mut cuts: Vec<_> = case.cuts.iter().map(|cut| cut.index(case.body.len() + 1)).collect();
    cuts.sort_unstable();
    prop_assert_eq!(&decode(case, &mut offline, &cuts)?, &whole, "cut at {:?}", cuts);
    let bytes: Vec<_> = (1..case.body.len()).collect();
    prop_assert_eq!(&decode(case, &mut offline, &bytes)?, &whole, "cut after each byte");
    // Nothing that was kept changes by what else is kept.
    let mut offline = Offline::with_limits(decoder, Capture::NONE, limits);
    let private = decode(case, &mut offline, &cuts)?;
    prop_assert_eq!(private.content, None);
    prop_assert_eq!((private.outcome, private.wire), (whole.outcome, whole.wire));
    let tokens = (private.input_tokens, private.output_tokens, private.usage);
    prop_assert_eq!(tokens, (whole.input_tokens, whole.output_tokens, whole.usage));
    Ok(())
}

#[test]
fn no_bytes_and_no_cut_change_a_record_or_make_it_panic() {
    let cases = |cases| {
        let config = ProptestConfig { cases, failure_persistence: None, ..Default::default() };
        TestRunner::new(config)
            .run(&case(), |case| check(&case, OpenAi))
            .map_err(|err| err.to_string())
    };
    assert_eq!(cases(3_000), Ok(()));
    let seconds = std::env::var("LLMOBS_FUZZ_SECONDS").ok();
    let seconds = seconds.map(|it| it.parse().expect("LLMOBS_FUZZ_SECONDS is a number"));
    let (began, longest) = (Instant::now(), Duration::from_secs(seconds.unwrap_or(0)));
    while began.elapsed() < longest {
        assert_eq!(cases(1_000), Ok(()));
    }
}

#[cfg(feature = "estimate")]
#[test]
fn neither_do_they_when_tokens_are_counted() {
    let config = ProptestConfig { cases: 500, failure_persistence: None, ..Default::default() };
    let decoder = OpenAi::new().estimate();
    let found = TestRunner::new(config).run(&case(), |case| check(&case, decoder));
    assert_eq!(found.map_err(|err| err.to_string()), Ok(()));
}

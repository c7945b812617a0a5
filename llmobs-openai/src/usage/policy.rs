//! Which requests are asked, and which answers can be changed back.

use http::HeaderMap;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName,
    HeaderValue,
};
use llmobs_core::UsagePolicy;
use reqwest::{Body, Method, Request};

use super::splice::splice;

/// Hosts that take `stream_options.include_usage` for every model they serve, and close the stream
/// with one event for it. A leading dot means any host below.
///
/// Not here: Azure, whose older API versions and own-data deployments refuse it; those that count
/// without being asked (DeepSeek, Mistral, OpenRouter); and servers that can live at any host.
const HOSTS: &[&str] = &["api.openai.com", ".api.openai.com", "api.groq.com"];

/// Makes a request for a streamed chat ask for usage, where it may and does not.
///
/// Gives the number of events that only this brings into the answer: zero when the request was left
/// as it is.
pub(crate) fn ask(policy: UsagePolicy, request: &mut Request) -> u32 {
    let wanted = match policy {
        UsagePolicy::Never => false,
        UsagePolicy::Auto => request.url().host_str().is_some_and(takes_it),
        UsagePolicy::Always => true,
    };
    if !wanted || !is_chat(request) || !may_change(request) {
        return 0;
    }
    let Some(body) = request.body().and_then(Body::as_bytes) else { return 0 };
    let Some((spliced, events)) = splice(body) else { return 0 };
    let before = body.len();
    if let Some(length) = request.headers_mut().get_mut(CONTENT_LENGTH) {
        // A length that is not the body's is beyond us.
        if length.to_str().ok().and_then(|text| text.parse().ok()) != Some(before) {
            return 0;
        }
        *length = HeaderValue::from(spliced.len());
    }
    *request.body_mut() = Some(Body::from(spliced));
    events
}

/// Whether events can be taken out of a response with this head.
pub(crate) fn readable(status: http::StatusCode, headers: &HeaderMap) -> bool {
    status.is_success() && plain(headers, &CONTENT_ENCODING)
}

fn takes_it(host: &str) -> bool {
    HOSTS.iter().any(|known| {
        let tail = host.len().checked_sub(known.len()).and_then(|at| host.get(at..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(known))
            && (known.starts_with('.') || host.len() == known.len())
    })
}

fn is_chat(request: &Request) -> bool {
    let mut segments = request.url().path().rsplit('/').skip_while(|segment| segment.is_empty());
    *request.method() == Method::POST
        && segments.next() == Some("completions")
        && segments.next() == Some("chat")
}

/// Whether nothing speaks against other bytes: no signature over them, no encoding of them, and
/// none asked for in the answer.
fn may_change(request: &Request) -> bool {
    let headers = request.headers();
    let json = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains("json"));
    plain(headers, &ACCEPT_ENCODING)
        && plain(headers, &CONTENT_ENCODING)
        && headers.get(CONTENT_TYPE).is_none_or(json)
        && !headers.get_all(AUTHORIZATION).iter().any(signs)
        && !headers.keys().any(covers)
        && !request.url().query().is_some_and(|query| has_word(query, &["signature"]))
}

/// Whether all that a header of encodings names is none.
fn plain(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(name).iter().all(|value| {
        value.to_str().is_ok_and(|value| value.trim().eq_ignore_ascii_case("identity"))
    })
}

/// Whether credentials are of a kind that may be made from the body.
fn signs(value: &HeaderValue) -> bool {
    const SIMPLE: [&str; 2] = ["bearer", "basic"];
    let scheme = value.to_str().ok().and_then(|value| value.split(' ').next());
    !scheme.is_some_and(|scheme| SIMPLE.iter().any(|simple| scheme.eq_ignore_ascii_case(simple)))
}

/// Whether a header by this name may be made from the body.
fn covers(name: &HeaderName) -> bool {
    const WORDS: &[&str] = &["signature", "digest", "hmac", "md5", "sha256", "checksum"];
    name.as_str().starts_with("x-amz-") || has_word(name.as_str(), WORDS)
}

fn has_word(text: &str, words: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}

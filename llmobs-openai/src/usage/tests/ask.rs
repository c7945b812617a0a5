use llmobs_core::UsagePolicy::{self, Always, Auto, Never};
use reqwest::{Body, Method, Request};

use crate::usage::{ask, readable};

const OPENAI: &str = "https://api.openai.com/v1/chat/completions";
const BODY: &str = r#"{"stream":true}"#;

fn request(url: &str, headers: &[(&'static str, &str)]) -> Request {
    let mut request = Request::new(Method::POST, url.parse().expect("a URL"));
    *request.body_mut() = Some(Body::from(BODY));
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().expect("a value"));
    }
    request
}

fn asks(policy: UsagePolicy, mut request: Request) -> bool {
    let events = ask(policy, &mut request);
    let body = request.body().and_then(Body::as_bytes);
    let changed = body.is_some_and(|body| body != BODY.as_bytes());
    assert_eq!(changed, events > 0);
    changed
}

#[test]
fn hosts_that_are_known_to_take_it_are_asked() {
    for (host, auto) in [
        ("api.openai.com", true),
        ("API.OpenAI.com", true),
        ("eu.api.openai.com", true),
        ("api.groq.com/openai", true),
        ("api.openai.com.evil.test", false),
        ("notapi.openai.com", false),
        ("shop.openai.azure.com", false),
        ("localhost:8000", false),
        ("127.0.0.1:8000", false),
        ("vllm.internal", false),
    ] {
        let url = format!("https://{host}/v1/chat/completions");
        assert_eq!(asks(Auto, request(&url, &[])), auto, "{host}");
        assert!(asks(Always, request(&url, &[])), "{host}");
        assert!(!asks(Never, request(&url, &[])), "{host}");
    }
}

#[test]
fn other_calls_are_not_asked() {
    for path in ["/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/chat/completions/7"] {
        assert!(!asks(Always, request(&format!("https://api.openai.com{path}"), &[])), "{path}");
    }
    assert!(asks(Always, request("https://h.test/x/chat/completions/?api-version=1", &[])));
    let mut get = request(OPENAI, &[]);
    *get.method_mut() = Method::GET;
    assert!(!asks(Always, get));
    let mut none = request(OPENAI, &[]);
    *none.body_mut() = None;
    assert!(!asks(Always, none));
}

#[test]
fn what_must_not_or_cannot_be_changed_is_not() {
    for (headers, may) in [
        (vec![("authorization", "Bearer sk-1"), ("content-type", "application/json")], true),
        (vec![("authorization", "basic dTpw"), ("x-api-key", "k")], true),
        (vec![("accept-encoding", "identity"), ("content-encoding", "identity")], true),
        (vec![("authorization", "AWS4-HMAC-SHA256 Credential=a")], false),
        (vec![("authorization", "Signature keyId=\"k\"")], false),
        (vec![("x-amz-date", "20260101T000000Z")], false),
        (vec![("x-ms-content-sha256", "a")], false),
        (vec![("signature-input", "a")], false),
        (vec![("x-hub-signature-256", "a")], false),
        (vec![("digest", "a")], false),
        (vec![("content-digest", "a")], false),
        (vec![("content-md5", "a")], false),
        (vec![("content-encoding", "gzip")], false),
        (vec![("accept-encoding", "gzip, br")], false),
        (vec![("accept-encoding", "identity"), ("accept-encoding", "zstd")], false),
        (vec![("content-type", "multipart/form-data")], false),
        (vec![("content-length", "999")], false),
        (vec![("content-length", "x")], false),
    ] {
        assert_eq!(asks(Always, request(OPENAI, &headers)), may, "{headers:?}");
    }
    let signed = "https://h.test/v1/chat/completions?X-Amz-Signature=a";
    assert!(!asks(Always, request(signed, &[])));
}

#[test]
fn a_length_that_was_said_is_said_again() {
    let mut request = request(OPENAI, &[("content-length", "15")]);
    assert_eq!(ask(Auto, &mut request), 1);
    let len = request.body().and_then(Body::as_bytes).map(<[u8]>::len).expect("a body");
    assert_eq!(request.headers()["content-length"], len.to_string());
}

#[test]
fn compressed_and_failed_answers_are_not_read() {
    let headers = |value: Option<&str>| {
        let value = value.map(|value| value.parse().expect("a value"));
        value.map(|value| (http::header::CONTENT_ENCODING, value)).into_iter().collect()
    };
    assert!(readable(http::StatusCode::OK, &headers(None)));
    assert!(readable(http::StatusCode::OK, &headers(Some("identity"))));
    assert!(!readable(http::StatusCode::OK, &headers(Some("gzip"))));
    assert!(!readable(http::StatusCode::BAD_REQUEST, &headers(None)));
}

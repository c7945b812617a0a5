//! What headers tell: ids, limits, waits, times, and who answered.

use llmobs_core::{Capture, Decoder};
use llmobs_openai::OpenAi;
use serde_json::{Value, json};

use crate::exchange::Exchange;

type Lines<'a> = &'a [(&'a str, &'a str)];

fn line(headers: Lines<'_>) -> Value {
    Exchange { headers, response: r#"{"choices":[]}"#, ..Exchange::default() }.line()
}

#[test]
fn the_most_telling_of_several_headers_counts_wherever_it_stands() {
    let mut headers = vec![
        ("x-ratelimit-limit", "3"),
        ("ratelimit-limit", "4"),
        ("x-ratelimit-limit-req-minute", "2"),
        ("x-ratelimit-limit-requests", "1"),
        ("x-correlation-id", "d"),
        ("apim-request-id", "c"),
        ("request-id", "b"),
        ("x-request-id", "a"),
        ("cache-status", "x; hit"),
        ("x-cache", "MISS from edge"),
        ("retry-after", "7"),
        ("retry-after-ms", "250"),
        ("x-ratelimit-reset", "9"),
        ("x-ratelimit-reset-requests", "6ms"),
    ];
    for _ in 0..2 {
        let line = line(&headers);
        assert_eq!(line["provider_request_id"], "a");
        assert_eq!(line["cache_hit"], false);
        let expected =
            json!({"limit_requests": 1, "reset_requests": "6ms", "retry_after_ms": 250.0});
        assert_eq!(line["rate_limit"], expected);
        headers.reverse();
    }
    // One that says nothing leaves it to the next.
    let line = line(&[("x-ratelimit-limit-requests", "many"), ("x-ratelimit-limit", "5")]);
    assert_eq!(line["rate_limit"], json!({"limit_requests": 5}));
    let twice = [("x-request-id", "first"), ("x-request-id", "second")];
    assert_eq!(self::line(&twice)["provider_request_id"], "first");
}

#[test]
fn limits_have_many_names() {
    for (headers, expected) in [
        (
            [
                ("x-ratelimit-limit-tokens", "10"),
                ("x-ratelimit-remaining-tokens", "9"),
                ("x-ratelimit-remaining-requests", "8"),
                ("x-ratelimit-reset-tokens", "1m30s"),
            ],
            json!({"limit_tokens": 10, "remaining_tokens": 9, "remaining_requests": 8,
                "reset_tokens": "1m30s"}),
        ),
        (
            [
                ("x-ratelimit-limit-tokens-minute", "10"),
                ("x-ratelimit-remaining-tokens-minute", "9"),
                ("x-ratelimit-remaining-req-minute", "8"),
                ("x-ratelimit-limit-tokens-month", "7"),
            ],
            json!({"limit_tokens": 10, "remaining_tokens": 9, "remaining_requests": 8}),
        ),
        (
            [
                ("anthropic-ratelimit-requests-limit", "50"),
                ("anthropic-ratelimit-requests-remaining", "49"),
                ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:01Z"),
                ("anthropic-ratelimit-tokens-remaining", "3"),
            ],
            json!({"limit_requests": 50, "remaining_requests": 49, "remaining_tokens": 3,
                "reset_requests": "2026-01-01T00:00:01Z"}),
        ),
    ] {
        assert_eq!(line(&headers)["rate_limit"], expected);
    }
}

#[test]
fn a_wait_is_told_in_milliseconds_in_seconds_or_as_a_date() {
    const NOW: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let after = |value| ("retry-after", value);
    for (headers, expected) in [
        (vec![after("20")], json!(20_000.0)),
        (vec![after("0.5")], json!(500.0)),
        (vec![after("0")], json!(0.0)),
        (vec![("retry-after-ms", "12.5"), after("20")], json!(12.5)),
        (vec![("retry-after-ms", "soon"), after("20")], json!(20_000.0)),
        (vec![after("-1")], Value::Null),
        (vec![after("NaN")], Value::Null),
        (vec![after("inf")], Value::Null),
        (vec![after("later")], Value::Null),
        (vec![NOW, after("Sun, 06 Nov 1994 08:50:07 GMT")], json!(30_000.0)),
        (vec![after("Sun, 06 Nov 1994 08:50:07 GMT"), NOW], json!(30_000.0)),
        // What has passed already is no wait.
        (vec![NOW, after("Sun, 06 Nov 1994 08:49:07 GMT")], json!(0.0)),
        (vec![after("Sun, 06 Nov 1994 08:50:07 GMT")], Value::Null),
        (vec![("date", "today"), after("Sun, 06 Nov 1994 08:50:07 GMT")], Value::Null),
        (vec![NOW], Value::Null),
    ] {
        assert_eq!(line(&headers)["rate_limit"]["retry_after_ms"], expected, "{headers:?}");
    }
}

#[test]
fn what_a_server_says_of_its_time_is_kept() {
    for (value, expected) in [
        ("total;dur=123.4", json!({"total_ms": 123.4})),
        (r#"cache;desc="a, b;dur=9";dur=1.5, db;dur=53"#, json!({"cache_ms": 1.5, "db_ms": 53.0})),
        ("cfEdge; DUR = 9,cfOrigin;dur=180", json!({"cf_edge_ms": 9.0, "cf_origin_ms": 180.0})),
        (r#"q;dur="7""#, json!({"q_ms": 7.0})),
        ("time_ms;dur=1, x-y.z;dur=2", json!({"time_ms": 1.0, "x_y_z_ms": 2.0})),
        ("a;dur=1,a;dur=2", json!({"a_ms": 1.0})),
        ("miss, cfCacheStatus;desc=\"DYNAMIC\", a;dur=x, b;dur=-1, c;dur=inf, ;dur=4", Value::Null),
        (r#"a;desc="never ends, b;dur=1"#, Value::Null),
        (r#"a;desc="\";dur=1";dur=2"#, json!({"a_ms": 2.0})),
        ("", Value::Null),
    ] {
        assert_eq!(line(&[("server-timing", value)])["server_timing"], expected, "{value}");
    }
    let two = [("server-timing", "a;dur=1"), ("server-timing", "b;dur=2")];
    assert_eq!(line(&two)["server_timing"], json!({"a_ms": 1.0, "b_ms": 2.0}));
    // A name of our own means what we say it does.
    let known = [("server-timing", "processing;dur=1"), ("openai-processing-ms", "5")];
    assert_eq!(line(&known)["server_timing"], json!({"processing_ms": 5.0}));
    let many: String = (0..40).map(|n| format!("m{n};dur=1,")).collect();
    let many = line(&[("server-timing", &many)]);
    assert_eq!(many["server_timing"].as_object().map(|told| told.len()), Some(16));
    let long = format!("{};dur=1", "n".repeat(41));
    assert_eq!(line(&[("server-timing", &long)])["server_timing"], Value::Null);
    let others = [
        ("x-envoy-upstream-service-time", "40"),
        ("x-metrics-e2e-ms", "41"),
        ("x-amzn-bedrock-invocation-latency", "42"),
        ("x-litellm-overhead-duration-ms", "43"),
    ];
    let expected = json!({"upstream_ms": 40.0, "e2e_ms": 41.0, "invocation_ms": 42.0,
        "gateway_overhead_ms": 43.0});
    assert_eq!(line(&others)["server_timing"], expected);
}

const OPENAI: [(&str, &str); 3] = [
    ("openai-organization", "org"),
    ("openai-processing-ms", "5"),
    ("openai-version", "2020-10-01"),
];

#[test]
fn a_proxy_that_hands_everything_through_is_no_provider() {
    for (headers, expected) in [
        (&[("x-groq-region", "fra")] as Lines<'_>, "groq"),
        (&[("apim-request-id", "1"), ("x-ms-region", "East US")], "azure.ai.openai"),
        (&[("mistral-correlation-id", "1")], "mistral_ai"),
        (&[("x-ds-trace-id", "1")], "deepseek"),
        (&[("msh-request-id", "1")], "moonshot_ai"),
        (&[("anthropic-organization-id", "1")], "anthropic"),
        (&[("x-amzn-bedrock-invocation-latency", "1")], "aws.bedrock"),
        (&OPENAI, "openai"),
        // Less than that is said by many.
        (&OPENAI[1..], "host.test"),
        (&OPENAI[..2], "host.test"),
        (&[("apim-request-id", "1")], "host.test"),
        (&[("x-ms-region", "East US")], "host.test"),
        (&[("x-request-id", "1"), ("x-ratelimit-limit-requests", "1")], "host.test"),
        // Two cannot both be right.
        (&[("x-groq-region", "fra"), ("x-ds-trace-id", "1")], "host.test"),
        (&[], "host.test"),
    ] {
        let line = line(headers);
        assert_eq!((&line["provider"], &line["served_by"]), (&json!(expected), &Value::Null));
    }
    let response = r#"{"choices":[],"x_groq":{"id":"req_1"}}"#;
    let chat = Exchange { response, ..Exchange::default() };
    assert_eq!(chat.line()["provider"], "groq");
    let known = Exchange { host: "api.mistral.ai", ..chat };
    assert_eq!(known.line()["provider"], "mistral_ai", "the host knows best");
}

#[test]
fn a_gateway_is_the_provider_and_says_who_served() {
    let gateway = ("x-litellm-version", "1.2.3");
    for (headers, served_by) in [
        (vec![gateway], Value::Null),
        (vec![gateway, ("x-groq-region", "fra")], json!("groq")),
        (vec![("x-litellm-model-api-base", "https://api.groq.com/openai/v1")], json!("groq")),
        (
            vec![("x-litellm-model-api-base", "https://me.openai.azure.com")],
            json!("azure.ai.openai"),
        ),
        // Where somebody's own servers are is nobody's business.
        (vec![("x-litellm-model-api-base", "http://10.0.0.7:8000/v1")], Value::Null),
        (vec![("x-portkey-provider", "openai")], json!("openai")),
        (vec![("x-portkey-provider", "mistral-ai")], json!("mistral_ai")),
        (vec![("x-portkey-provider", "together-ai")], json!("together-ai")),
        (vec![("helicone-cache", "HIT")], Value::Null),
        (vec![("cf-aig-cache-status", "MISS"), ("x-ds-trace-id", "1")], json!("deepseek")),
    ] {
        let line = line(&headers);
        assert_eq!(line["provider"], "host.test", "{headers:?}");
        assert_eq!(line["served_by"], served_by, "{headers:?}");
    }
}

#[test]
fn an_answer_says_who_served_it() {
    for (said, expected) in [
        (r#""OpenAI""#, json!("openai")),
        (r#""Google AI Studio""#, json!("gcp.gemini")),
        (r#""xAI""#, json!("x_ai")),
        (r#""DeepInfra""#, json!("DeepInfra")),
        (r#""Nebius AI Studio""#, json!("Nebius AI Studio")),
        (r#""this is no name but a sentence""#, Value::Null),
        (r#""a\nb""#, Value::Null),
        (r#"{"name":"x"}"#, Value::Null),
        (r#""""#, Value::Null),
        ("null", Value::Null),
    ] {
        let response = format!(r#"{{"choices":[],"provider":{said}}}"#);
        let exchange =
            Exchange { host: "openrouter.ai", response: &response, ..Exchange::default() };
        let line = exchange.line();
        assert_eq!((&line["provider"], &line["served_by"]), (&json!("openrouter.ai"), &expected));
    }
}

#[test]
fn a_gateway_names_the_model_behind_its_alias() {
    let named = [("x-litellm-model-name", "azure/gpt-4o-mini")];
    for (body, expected) in [
        (r#"{"choices":[]}"#, "azure/gpt-4o-mini"),
        (r#"{"model":"fast","choices":[]}"#, "azure/gpt-4o-mini"),
        (r#"{"model":"gpt-4o-mini-2024-07-18","choices":[]}"#, "gpt-4o-mini-2024-07-18"),
    ] {
        let request = r#"{"model":"fast"}"#;
        let exchange = Exchange { request, headers: &named, response: body, ..Exchange::default() };
        assert_eq!(exchange.line()["model_version"], expected, "{body}");
    }
    // The same without its prefix is no alias.
    let (request, response) = (r#"{"model":"gpt-4o-mini"}"#, r#"{"model":"gpt-4o-mini"}"#);
    let exchange = Exchange { request, response, headers: &named, ..Exchange::default() };
    assert_eq!(exchange.line()["model_version"], "gpt-4o-mini");
}

#[test]
fn a_deployment_in_the_path_is_kept_beside_the_model() {
    let my = json!("my-gpt");
    for (path, request, deployment, model) in [
        ("/openai/deployments/my-gpt/chat/completions", "{}", &my, Value::Null),
        ("/gw/openai/deployments/my-gpt/embeddings", r#"{"model":"m"}"#, &my, json!("m")),
        ("/openai/deployments/my%20gpt/chat/completions", "{}", &Value::Null, Value::Null),
        ("/openai/deployments//chat/completions", "{}", &Value::Null, Value::Null),
        ("/v1/chat/completions", "{}", &Value::Null, Value::Null),
    ] {
        let line = Exchange { path, request, ..Exchange::default() }.line();
        assert_eq!((&line["deployment"], &line["model"]), (deployment, &model), "{path}");
    }
}

#[test]
fn only_headers_that_say_something_are_kept() {
    let wanted = |name| OpenAi.wants(name);
    for name in ["x-request-id", "date", "retry-after-ms", "server-timing", "msh-request-id"] {
        assert!(wanted(name), "{name}");
    }
    for name in ["server", "set-cookie", "strict-transport-security", "etag", "vary", ""] {
        assert!(!wanted(name), "{name}");
    }
    // Names of providers are no content, whatever is captured.
    let headers = &[("x-groq-region", "fra")];
    let line = Exchange { headers, capture: Capture::NONE, ..Exchange::default() }.line();
    assert_eq!(line["provider"], "groq");
}

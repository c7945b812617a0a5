//! What answers say they cost.

#![expect(clippy::indexing_slicing, reason = "JSON by name, in a test")]

use bytes::Bytes;
use llmobs_core::semconv::provider;
use llmobs_core::{
    BodyEnd, Capture, Cost, CostSource, Exchange, Offline, Outcome, PriceTable, Record, Server,
    Target,
};
use llmobs_openai::OpenAi;
use serde_json::{Value, json};

use crate::recordings_corpus::{Exchange as Recorded, corpus};

fn decode_at(
    path: &str,
    request: &Value,
    headers: &[(&str, &str)],
    body: &str,
    end: BodyEnd,
) -> Record {
    let exchange = Exchange {
        target: Target { method: "POST", host: "llm.test", port: None, path },
        request: Bytes::from(request.to_string()),
        status: 200,
        headers,
        end,
    };
    let mut offline = Offline::new(OpenAi::new(), Capture::NONE);
    offline.decode(&exchange, [Bytes::from(body.to_owned())]).expect("a record")
}

/// The cost in an answer with this usage, as nanodollars: total, input, output.
fn cost_of(usage: &str) -> Option<(u64, Option<u64>, Option<u64>)> {
    let body = format!(
        r#"{{"choices":[{{"index":0,"finish_reason":"stop","message":{{"content":"x"}}}}],"usage":{usage}}}"#
    );
    let request = json!({ "model": "m" });
    let record = decode_at("/v1/chat/completions", &request, &[], &body, BodyEnd::Complete);
    let cost = record.cost?;
    assert_eq!(cost.source, Some(CostSource::Reported));
    assert_eq!((cost.currency.as_ref(), cost.table), (Cost::USD, None));
    Some((cost.total.nanos(), cost.input.map(|it| it.nanos()), cost.output.map(|it| it.nanos())))
}

#[test]
fn costs_are_read_wherever_they_are_sent() {
    let counts = r#""prompt_tokens":20,"completion_tokens":1,"total_tokens":21"#;
    let of = |more: &str| cost_of(&format!("{{{counts},{more}}}"));
    assert_eq!(of(r#""cost":0.0004970133333333333"#), Some((497_013, None, None)));
    assert_eq!(
        of(r#""cost":3.6e-06,"is_byok":false,"cost_details":{"upstream_inference_cost":null,
            "upstream_inference_prompt_cost":0.000003,"upstream_inference_completions_cost":6e-7}"#),
        Some((3_600, Some(3_000), Some(600)))
    );
    assert_eq!(
        of(
            r#""cost":{"input_tokens_cost":0.00002,"output_tokens_cost":0.00003,"request_cost":0.005,
            "total_cost":0.00505}"#
        ),
        Some((5_050_000, Some(20_000), Some(30_000)))
    );
    assert_eq!(
        of(r#""cost":{"currency":"usd","input_cost":2.8e-8,"total_cost":0.000000028}"#),
        Some((28, Some(28), None))
    );
    assert_eq!(of(r#""cost_in_usd_ticks":6881000"#), Some((688_100, None, None)));
    assert_eq!(of(r#""cost_in_usd_ticks":15"#), Some((2, None, None)));
    assert_eq!(
        of(r#""pydantic_ai_gateway":{"cost_estimate":9.625000000000001e-05}"#),
        Some((96_250, None, None))
    );
    assert_eq!(of(r#""cost":0"#), Some((0, None, None)), "free is known to be free");
}

#[test]
fn a_key_of_ones_own_is_paid_for_elsewhere_too() {
    let of = |details: &str| {
        cost_of(&format!(
            r#"{{"prompt_tokens":1,"completion_tokens":1,"cost":0.001,"is_byok":true,"cost_details":{details}}}"#
        ))
    };
    assert_eq!(of(r#"{"upstream_inference_cost":0.02}"#), Some((21_000_000, None, None)));
    assert_eq!(of(r#"{"upstream_inference_cost":null}"#), None, "the other part is unknown");
}

#[test]
fn what_is_no_cost_is_none() {
    for cost in [
        "-0.1",
        "\"cheap\"",
        "null",
        "true",
        "[]",
        "{}",
        "1e300",
        r#"{"total_cost":-1}"#,
        r#"{"total_cost":1,"currency":"points"}"#,
    ] {
        let usage = format!(r#"{{"prompt_tokens":1,"completion_tokens":1,"cost":{cost}}}"#);
        assert_eq!(cost_of(&usage), None, "{cost}");
    }
}

#[test]
fn parts_of_more_than_the_whole_are_left_out() {
    let usage = r#"{"prompt_tokens":1,"completion_tokens":1,"cost":0.5,
        "cost_details":{"upstream_inference_prompt_cost":0.4,"upstream_inference_completions_cost":0.2}}"#;
    assert_eq!(cost_of(usage), Some((500_000_000, None, None)));
}

#[test]
fn a_gateway_may_tell_in_a_header() {
    let decode = |headers: &[(&str, &str)], usage: &str| {
        let body = format!(r#"{{"choices":[],"usage":{usage}}}"#);
        let request = json!({ "model": "m" });
        let record = decode_at("/v1/chat/completions", &request, headers, &body, BodyEnd::Complete);
        record.cost.map(|cost| cost.total.to_string())
    };
    let usage = r#"{"prompt_tokens":1,"completion_tokens":1}"#;
    let header = "x-litellm-response-cost";
    assert_eq!(decode(&[(header, "3.5e-05")], usage).as_deref(), Some("0.000035"));
    assert_eq!(decode(&[(header, "0.0")], usage), None, "it is told so where nothing is known");
    let hit = [(header, "0.0"), ("x-litellm-cache-hit", "True")];
    assert_eq!(decode(&hit, usage).as_deref(), Some("0"));
    let both = r#"{"prompt_tokens":1,"completion_tokens":1,"cost":0.25}"#;
    assert_eq!(decode(&[(header, "3.5e-05")], both).as_deref(), Some("0.25"));
}

#[test]
fn a_stream_that_is_cut_off_has_no_cost_though_it_told_one() {
    let event = |content: &str, reason: &str, cost: &str| {
        format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}},\"finish_reason\":{reason}}}],\
             \"usage\":{{\"prompt_tokens\":8,\"completion_tokens\":1,\"total_tokens\":9,\"cost\":{{\"total_cost\":{cost}}}}}}}\n\n"
        )
    };
    let request = json!({ "model": "m", "stream": true });
    let decode = |body: &str, end| {
        let record = decode_at(
            "/v1/chat/completions",
            &request,
            &[("content-type", "text/event-stream")],
            body,
            end,
        );
        (record.outcome, record.cost.map(|cost| cost.total.to_string()))
    };
    let begun = event("a", "null", "0");
    assert_eq!(decode(&begun, BodyEnd::Dropped), (Some(Outcome::Dropped), None));
    assert_eq!(decode(&begun, BodyEnd::Complete), (Some(Outcome::Interrupted), None));
    let whole = begun + &event("b", "\"stop\"", "0.00502") + "data: [DONE]\n\n";
    let completed = (Some(Outcome::Completed), Some("0.00502".to_owned()));
    assert_eq!(decode(&whole, BodyEnd::Complete), completed);
}

#[test]
fn one_bill_per_choice_is_no_bill_of_the_whole() {
    let event = |index: u64, cost: &str| {
        json!({
            "choices": [{ "index": index, "delta": { "content": "x" }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 1, "completion_tokens": 1, "cost": cost.parse::<f64>().ok() },
        })
    };
    let body =
        format!("data: {}\n\ndata: {}\n\ndata: [DONE]\n\n", event(0, "0.1"), event(1, "0.2"));
    let request = json!({ "model": "m", "stream": true, "n": 2 });
    let headers = [("content-type", "text/event-stream")];
    let record = decode_at("/v1/chat/completions", &request, &headers, &body, BodyEnd::Complete);
    assert!(record.usage.expect("usage").inconsistent);
    assert_eq!(record.cost, None);
}

/// The usage objects of a body, in the order they stand.
fn usages(body: &str) -> Vec<Value> {
    let lines = body.lines().filter_map(|line| line.strip_prefix("data:"));
    let bodies = std::iter::once(body).chain(lines);
    let parsed = bodies.filter_map(|text| serde_json::from_str::<Value>(text).ok());
    parsed
        .flat_map(|body| [body["usage"].clone(), body["response"]["usage"].clone()])
        .filter(|usage| usage.as_object().is_some_and(|usage| !usage.is_empty()))
        .collect()
}

/// What a usage object says it cost, found another way than the decoder finds it.
fn expected_nanos(usage: &Value) -> Option<u64> {
    let nanos = |dollars: f64| (dollars * 1e9).round() as u64;
    if let Some(ticks) = usage["cost_in_usd_ticks"].as_f64() {
        return Some((ticks / 10.0).round() as u64);
    }
    let upstream = match usage["is_byok"].as_bool() {
        Some(true) => usage["cost_details"]["upstream_inference_cost"].as_f64()?,
        _ => 0.0,
    };
    let cost = [
        &usage["cost"],
        &usage["cost"]["total_cost"],
        &usage["pydantic_ai_gateway"]["cost_estimate"],
    ];
    Some(nanos(cost.into_iter().find_map(Value::as_f64)? + upstream))
}

fn decode_recorded(exchange: &Recorded) -> Record {
    let host = format!("{}.test", exchange.text("provider"));
    let content_type = exchange.recorded["content_type"].as_str().unwrap_or_default();
    let decoded = Exchange {
        target: Target {
            method: exchange.text("method"),
            host: &host,
            port: None,
            path: exchange.text("path"),
        },
        request: Bytes::copy_from_slice(exchange.text("request").as_bytes()),
        status: exchange.recorded["status"].as_u64().expect("a status") as u16,
        headers: &[("content-type", content_type)],
        end: BodyEnd::Complete,
    };
    let body = Bytes::copy_from_slice(exchange.text("response").as_bytes());
    Offline::new(OpenAi::new(), Capture::NONE).decode(&decoded, [body]).expect("a record")
}

#[test]
fn every_recorded_cost_is_found_exactly() {
    let Some(exchanges) = corpus(&[]) else { return };
    let (mut reported, mut without) = (0, 0);
    for exchange in &exchanges {
        let expected = usages(exchange.text("response")).last().and_then(expected_nanos);
        let record = decode_recorded(exchange);
        let ended = matches!(record.outcome, Some(Outcome::Completed | Outcome::Failed));
        let expected = expected.filter(|_| ended && exchange.text("method") == "POST");
        // What the answer says nothing of may have a price in the table.
        let told = record.cost.as_ref().filter(|cost| cost.source == Some(CostSource::Reported));
        let found = told.map(|cost| cost.total.nanos());
        assert_eq!(found, expected, "{}", exchange.name());
        match found {
            Some(_) => reported += 1,
            None => without += 1,
        }
    }
    assert!(reported > 380, "{reported} with a cost, {without} without");
}

#[test]
fn the_built_in_table_says_what_a_provider_billed() {
    let Some(exchanges) = corpus(&["responses"]) else { return };
    let mut compared = 0;
    for exchange in exchanges.iter().filter(|it| it.text("provider") == "xai") {
        let mut record = decode_recorded(exchange);
        record.provider = Some(provider::X_AI.into());
        record.server = Some(Server { address: "api.x.ai".into(), port: None });
        let table = PriceTable::builtin().price(&record);
        if let Some((table, billed)) = table.zip(record.cost.as_ref()) {
            assert_eq!(table.total, billed.total, "{}", exchange.name());
            compared += 1;
        }
    }
    assert!(compared > 90, "{compared}");
}

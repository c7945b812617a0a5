//! How far estimates are from what servers report, over the recorded exchanges.

#![expect(clippy::indexing_slicing, reason = "JSON by name, in a test")]
#![expect(clippy::print_stderr, reason = "the errors are for reading")]

use std::collections::BTreeMap;

use bytes::Bytes;
use llmobs_core::{BodyEnd, Capture, Exchange, Offline, Record, Target};
use llmobs_openai::OpenAi;
use serde_json::Value;

use crate::recordings_corpus::{self as corpus, corpus};

/// A body without the counts it was sent with.
fn without_usage(body: &str) -> String {
    fn strip(value: &mut Value) {
        let Some(object) = value.as_object_mut() else { return };
        object.remove("usage");
        object.remove("x_groq");
        object.values_mut().filter(|it| it.is_object()).for_each(strip);
        for choice in object.get_mut("choices").and_then(Value::as_array_mut).into_iter().flatten()
        {
            strip(choice);
        }
    }
    let stripped = |json: &str| {
        serde_json::from_str::<Value>(json).ok().map(|mut value| {
            strip(&mut value);
            value.to_string()
        })
    };
    if let Some(body) = stripped(body) {
        return body;
    }
    let line = |line: &str| match line.strip_prefix("data:").and_then(stripped) {
        Some(json) => format!("data: {json}\n"),
        None => format!("{line}\n"),
    };
    body.lines().map(line).collect()
}

fn estimate(offline: &mut Offline, exchange: &corpus::Exchange) -> Option<Record> {
    let target = Target {
        method: exchange.text("method"),
        host: exchange.text("provider"),
        port: None,
        path: exchange.text("path"),
    };
    let exchanged = Exchange {
        target,
        request: Bytes::from(exchange.text("request").to_owned()),
        status: exchange.recorded["status"].as_u64()? as u16,
        headers: &[],
        end: BodyEnd::Complete,
    };
    let body = Bytes::from(without_usage(exchange.text("response")));
    offline.decode(&exchanged, [body]).ok()
}

/// Relative errors, signed.
#[derive(Default)]
struct Errors(Vec<f64>);

impl Errors {
    fn at(&mut self, share: f64) -> f64 {
        let mut sizes: Vec<_> = self.0.iter().map(|error| error.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        sizes
            .get(((sizes.len() as f64 * share) as usize).min(sizes.len().saturating_sub(1)))
            .copied()
            .unwrap_or(0.0)
    }
}

#[test]
fn estimates_are_near_what_servers_report() {
    let Some(exchanges) = corpus(&[]) else { return };
    let mut offline = Offline::new(OpenAi::new().estimate(), Capture::NONE);
    let mut table: BTreeMap<(String, &str), Errors> = BTreeMap::new();
    for exchange in &exchanges {
        let usage = &exchange.expected["usage"];
        if exchange.recorded["status"] != 200 || exchange.text("method") != "POST" {
            continue;
        }
        let Some(record) = estimate(&mut offline, exchange) else { continue };
        let group = exchange.text("provider").to_owned() + " " + exchange.text("api");
        let tools = record.params.as_ref().is_some_and(|params| params.tools_count.is_some());
        let called = !record.tool_calls.is_empty();
        let hidden = usage["reasoning_tokens"].as_u64().unwrap_or(0) > 0;
        if let (Some(estimated), Some(reported)) =
            (record.input_tokens, usage["input_tokens"].as_u64())
            && reported > 0
        {
            let error = (estimated as f64 - reported as f64) / reported as f64;
            let kind = if tools { "input, tools" } else { "input" };
            if std::env::var_os("VERBOSE").is_some() {
                eprintln!(
                    "I\t{}\t{}\t{kind}\t{}\t{estimated}\t{reported}\t{}",
                    exchange.text("id"),
                    group,
                    record.model.as_deref().unwrap_or("?"),
                    estimated as i64 - reported as i64
                );
            }
            table.entry((group.clone(), kind)).or_default().0.push(error);
        }
        if let (Some(estimated), Some(reported)) =
            (record.output_tokens, usage["output_tokens"].as_u64())
            && reported > 0
            && !hidden
        {
            let error = (estimated as f64 - reported as f64) / reported as f64;
            let kind = if called { "output, calls" } else { "output" };
            if std::env::var_os("VERBOSE").is_some() {
                eprintln!(
                    "O\t{}\t{}\t{kind}\t{}\t{estimated}\t{reported}\t{}\t{}",
                    exchange.text("id"),
                    group,
                    record.model.as_deref().unwrap_or("?"),
                    estimated as i64 - reported as i64,
                    record.tool_calls.len()
                );
            }
            table.entry((group, kind)).or_default().0.push(error);
        }
    }
    for ((group, kind), errors) in &mut table {
        let n = errors.0.len();
        let mean = errors.0.iter().sum::<f64>() / n as f64;
        eprintln!(
            "{group:40} {kind:15} n {n:4}  median {:6.1}%  p95 {:6.1}%  mean {:+6.1}%",
            errors.at(0.5) * 100.0,
            errors.at(0.95) * 100.0,
            mean * 100.0
        );
    }
}

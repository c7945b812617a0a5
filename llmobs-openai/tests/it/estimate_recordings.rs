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

/// Estimates and what was reported.
#[derive(Default)]
struct Pairs(Vec<(f64, f64)>);

impl Pairs {
    fn add(&mut self, estimated: Option<u64>, reported: Option<u64>) {
        let reported = reported.filter(|reported| *reported > 0);
        self.0.extend(estimated.zip(reported).map(|(a, b)| (a as f64, b as f64)));
    }

    /// The relative error that so large a share of the estimates do not exceed.
    fn error(&self, share: f64) -> f64 {
        let mut errors: Vec<_> = self.0.iter().map(|(a, b)| (a - b).abs() / b).collect();
        errors.sort_by(f64::total_cmp);
        let at = (errors.len() as f64 * share) as usize;
        errors.get(at.min(errors.len().saturating_sub(1))).copied().unwrap_or(0.0)
    }

    /// The relative error of all together: more than was reported, or less.
    fn total(&self) -> f64 {
        let estimated: f64 = self.0.iter().map(|(a, _)| a).sum();
        let reported: f64 = self.0.iter().map(|(_, b)| b).sum();
        estimated / reported - 1.0
    }

    fn print(&self, group: &str, kind: &str) {
        eprintln!(
            "| {group} | {kind} | {} | {:.1} | {:.1} | {:+.1} |",
            self.0.len(),
            self.error(0.5) * 100.0,
            self.error(0.95) * 100.0,
            self.total() * 100.0
        );
    }
}

/// Who made a model, as far as its name tells.
fn maker(record: &Record) -> &'static str {
    const NAMES: [(&str, &str); 16] = [
        ("gpt-oss", "gpt-oss"),
        ("gpt", "OpenAI"),
        ("text-embedding", "OpenAI"),
        ("o1", "OpenAI"),
        ("o3", "OpenAI"),
        ("o4", "OpenAI"),
        ("davinci", "OpenAI"),
        ("deepseek", "DeepSeek"),
        ("qw", "Qwen"),
        ("llama", "Llama"),
        ("stral", "Mistral"),
        ("claude", "Claude"),
        ("gem", "Gemini, Gemma"),
        ("grok", "Grok"),
        ("sonar", "Sonar"),
        ("", "others"),
    ];
    let model = record.model.as_deref().unwrap_or_default().to_ascii_lowercase();
    let known = NAMES.iter().find(|(name, _)| model.contains(name));
    known.map_or("others", |(_, maker)| maker)
}

/// Errors are those of exchanges made by other people for other ends: small ones, edited ones, and
/// some that nobody ever had. Of OpenAI's own, more than half are exact.
#[test]
fn estimates_are_near_what_servers_report() {
    let Some(exchanges) = corpus(&[]) else { return };
    let mut offline = Offline::new(OpenAi::new().estimate(), Capture::NONE);
    let mut makers: BTreeMap<(&str, &str), Pairs> = BTreeMap::new();
    let mut providers: BTreeMap<(String, &str), Pairs> = BTreeMap::new();
    for exchange in &exchanges {
        let usage = &exchange.expected["usage"];
        if exchange.recorded["status"] != 200 || exchange.text("method") != "POST" {
            continue;
        }
        let Some(record) = estimate(&mut offline, exchange) else { continue };
        let tools = record.params.as_ref().is_some_and(|params| params.tools_count.is_some());
        let input = if tools { "input with tools" } else { "input" };
        let output = if record.tool_calls.is_empty() { "output" } else { "output with calls" };
        // Reasoning that nobody sees is in no estimate.
        let hidden = usage["reasoning_tokens"].as_u64().unwrap_or(0) > 0;
        let output_tokens = usage["output_tokens"].as_u64().filter(|_| !hidden);
        let provider = format!("{} {}", exchange.text("provider"), exchange.text("api"));
        for (kind, estimated, reported) in [
            (input, record.input_tokens, usage["input_tokens"].as_u64()),
            (output, record.output_tokens, output_tokens),
        ] {
            makers.entry((maker(&record), kind)).or_default().add(estimated, reported);
            providers.entry((provider.clone(), kind)).or_default().add(estimated, reported);
        }
    }
    eprintln!("| who | what | exchanges | median error, % | p95, % | all together, % |");
    eprintln!("|---|---|--:|--:|--:|--:|");
    makers.iter().for_each(|((maker, kind), pairs)| pairs.print(maker, kind));
    providers.iter().for_each(|((provider, kind), pairs)| pairs.print(provider, kind));
    for (api, kind, least, p95, total) in [
        ("chat_completions", "input", 400, 0.10, 0.03),
        ("chat_completions", "output", 400, 0.15, 0.03),
        ("chat_completions", "input with tools", 200, 0.15, 0.05),
        ("completions", "input", 50, 0.01, 0.01),
        ("completions", "output", 45, 0.01, 0.01),
        ("embeddings", "input", 40, 0.0, 0.0),
    ] {
        let pairs = &providers[&(format!("openai {api}"), kind)];
        assert!(pairs.0.len() >= least, "{api} {kind}: only {} were compared", pairs.0.len());
        let most = if kind == "input with tools" { 0.02 } else { 0.0 };
        assert!(pairs.error(0.5) <= most, "{api} {kind}: {} at the median", pairs.error(0.5));
        assert!(pairs.error(0.95) <= p95, "{api} {kind}: {} at p95", pairs.error(0.95));
        assert!(pairs.total().abs() <= total, "{api} {kind}: {} all together", pairs.total());
    }
}

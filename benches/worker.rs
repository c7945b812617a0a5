//! What understanding a stream costs, on a thread of ours, against only skipping over its JSON.
#![expect(clippy::print_stdout, reason = "a bench reports")]
#![expect(clippy::indexing_slicing, reason = "a bench may stop over its own data")]

#[expect(dead_code, reason = "other benches use the rest")]
#[path = "support/callgrind.rs"]
mod callgrind;

use std::hint::black_box;
use std::io::Read as _;
use std::path::Path;
use std::time::Instant;

use llmobs::openai::OpenAi;
use llmobs::{Capture, Decoder, Record, Target};
use llmobs_core::SseParser;
use llmobs_testserver::{ChatScript, ToolCall, Usage, chat_chunks};
use serde::de::IgnoredAny;
use serde_json::Value;

/// One exchange, as it was sent.
struct Exchange {
    method: String,
    path: String,
    request: Vec<u8>,
    response: Vec<u8>,
}

const RECORDED: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/recordings/recordings.jsonl.gz");

fn main() {
    let args: Vec<_> = std::env::args().collect();
    if let [_, child, api] = args.as_slice()
        && child == "child"
    {
        return counted(api);
    }
    // Not a run of the tests, which build this too.
    if !args.iter().any(|arg| arg == "--bench") {
        return;
    }
    println!(
        "| streams | bytes an event | skipping the JSON, ns an event | capture | decoding, ns an event | ratio | MB/s |"
    );
    println!("|---|--:|--:|---|--:|--:|--:|");
    report("a text answer of 200 tokens", &[text()]);
    report("a tool call of 100 pieces", &[tool_call()]);
    let Some(exchanges) = recordings(Path::new(RECORDED), "") else {
        println!("\nThe recordings are not there: nothing of real hosts.");
        return;
    };
    report(&format!("{} recorded streams", exchanges.len()), &exchanges);
    if callgrind::available() {
        instructions();
    } else {
        println!("\nvalgrind is not installed: no instruction counts.");
    }
    #[cfg(feature = "estimate")]
    prompts();
}

/// Instructions an event over the recorded streams, which repeat.
fn instructions() {
    println!(
        "\n| recorded streams | events | skipping, instructions an event | decoding | ratio |"
    );
    println!("|---|--:|--:|--:|--:|");
    let mut all = [0.0; 3];
    for api in ["chat_completions", "responses", "completions"] {
        let exchanges = recordings(Path::new(RECORDED), api).unwrap_or_default();
        let threads = callgrind::run(&["child".to_owned(), api.to_owned()]);
        let took = |name| threads.iter().map(|thread| thread.function(name)).sum::<f64>();
        let counts = [events(&exchanges) as f64, took("worker::skip"), took("worker::decode")];
        for (sum, count) in all.iter_mut().zip(counts) {
            *sum += count;
        }
        print_counts(api, counts);
    }
    print_counts("all", all);
}

fn print_counts(name: &str, [events, skipping, decoding]: [f64; 3]) {
    let (skipped, decoded) = (skipping / events, decoding / events);
    println!("| {name} | {events} | {skipped:.0} | {decoded:.0} | {:.2} |", decoding / skipping);
}

/// What callgrind counts.
fn counted(api: &str) {
    for exchange in recordings(Path::new(RECORDED), api).expect("the recordings are there") {
        skip(&exchange);
        black_box(decode(&exchange, &OpenAi::new(), Capture::NONE));
    }
}

fn text() -> Exchange {
    let usage = Usage { prompt: 120, completion: 200, ..Usage::default() };
    sampled(&ChatScript::tokens((0..200).map(|n| format!(" token{n}"))).usage(usage))
}

fn tool_call() -> Exchange {
    let arguments = (0..100).map(|n| format!("\"a{n}\":{n},")).collect();
    let call = ToolCall { id: "call_1".into(), name: "look_up".into(), arguments };
    sampled(&ChatScript::tokens([""; 0]).tool_call(call))
}

fn sampled(script: &ChatScript) -> Exchange {
    let events = chat_chunks(script).into_iter().map(|chunk| format!("data: {chunk}\n\n"));
    let request = br#"{"model":"gpt-4o-mini","stream":true,"messages":[]}"#;
    Exchange {
        method: "POST".into(),
        path: "/v1/chat/completions".into(),
        request: request.to_vec(),
        response: events.collect::<String>().into_bytes(),
    }
}

/// The recorded streams of one API; of all when its name is empty.
fn recordings(path: &Path, api: &str) -> Option<Vec<Exchange>> {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("it is gzip");
    let all = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    let wanted = |exchange: &Value| api.is_empty() || exchange["api"] == api;
    let streams = all.filter(|exchange| exchange["stream"] == true).filter(wanted);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let read = |exchange: Value| Exchange {
        method: text(&exchange["method"]),
        path: text(&exchange["path"]),
        request: text(&exchange["request"]).into_bytes(),
        response: text(&exchange["response"]).into_bytes(),
    };
    Some(streams.map(read).collect())
}

fn report(name: &str, exchanges: &[Exchange]) {
    let bytes: usize = exchanges.iter().map(|exchange| exchange.response.len()).sum();
    let events = events(exchanges);
    let skipping = fastest(events, || exchanges.iter().for_each(skip));
    for (mode, decoder, capture) in modes() {
        let decoding = fastest(events, || {
            for exchange in exchanges {
                black_box(decode(exchange, &*decoder, capture));
            }
        });
        println!(
            "| {name} | {} | {skipping:.0} | {mode} | {decoding:.0} | {:.2} | {:.0} |",
            bytes / events,
            decoding / skipping,
            bytes as f64 / (decoding * events as f64) * 1e3,
        );
    }
}

fn events(exchanges: &[Exchange]) -> usize {
    let mut events = 0;
    for exchange in exchanges {
        SseParser::new(1 << 20).feed(&exchange.response, |_| events += 1);
    }
    events
}

/// Ways to read a stream.
fn modes() -> Vec<(&'static str, Box<dyn Decoder>, Capture)> {
    vec![
        ("off", Box::new(OpenAi::new()), Capture::NONE),
        ("on", Box::new(OpenAi::new()), Capture::ALL),
        #[cfg(feature = "estimate")]
        ("off, estimated", Box::new(OpenAi::new().estimate()), Capture::NONE),
    ]
}

/// What counting the tokens of a prompt costs.
#[cfg(feature = "estimate")]
fn prompts() {
    println!("\n| prompt of 1 MiB | model | counting, MB/s |\n|---|---|--:|");
    let prose = "The quick brown fox jumps over the lazy dog, and it does so 12 times a day.\n";
    let code = "    let x = y; if (a[i] != b[j]) { return foo::bar(&x); } // compare\n";
    let texts =
        [("prose", prose), ("code", code), ("one letter", "a"), ("Chinese", "东京是日本的首都。")];
    for (name, text) in texts {
        let text = text.repeat((1 << 20) / text.len());
        for model in ["gpt-4o", "gpt-4"] {
            let message = serde_json::json!({"role": "user", "content": text});
            let body = serde_json::json!({"model": model, "messages": [message]}).to_string();
            let decoder = OpenAi::new().estimate();
            let target =
                Target { method: "POST", host: "h", port: None, path: "/v1/chat/completions" };
            let route = decoder.route(&target).expect("a chat completion");
            let nanos = (0..5).map(|_| {
                let began = Instant::now();
                let mut record = Record::default();
                decoder.request(&route, body.as_bytes(), Capture::NONE, &mut record);
                assert!(black_box(record.input_tokens).is_some());
                began.elapsed().as_nanos() as f64
            });
            let fastest = nanos.fold(f64::MAX, f64::min);
            println!("| {name} | {model} | {:.0} |", body.len() as f64 / fastest * 1e3);
        }
    }
}

/// Best of many runs, in nanoseconds an event.
fn fastest(events: usize, run: impl Fn()) -> f64 {
    let rounds = (2_000_000 / events).clamp(10, 2_000);
    let time = |()| {
        let began = Instant::now();
        run();
        began.elapsed().as_nanos() as f64
    };
    let times = std::iter::repeat_n((), rounds).map(time);
    times.fold(f64::MAX, f64::min) / events as f64
}

/// Splits a stream and reads the JSON of its events without looking at it.
#[inline(never)]
fn skip(exchange: &Exchange) {
    let mut parser = SseParser::new(1 << 20);
    parser.feed(&exchange.response, |event| {
        black_box(serde_json::from_slice::<IgnoredAny>(event.data).is_ok());
    });
}

/// Reads an exchange as the worker does.
#[inline(never)]
fn decode(exchange: &Exchange, decoder: &dyn Decoder, capture: Capture) -> Record {
    let target = Target {
        method: &exchange.method,
        host: "api.openai.com",
        port: None,
        path: &exchange.path,
    };
    let route = decoder.route(&target).expect("a format of OpenAI's");
    let mut record = Record::default();
    decoder.request(&route, &exchange.request, capture, &mut record);
    let mut fold = decoder.fold(&route, &record, capture);
    let mut parser = SseParser::new(1 << 20);
    parser.feed(&exchange.response, |event| {
        black_box(fold.event(&event));
    });
    parser.finish(|event| {
        black_box(fold.event(&event));
    });
    fold.finish(&mut record);
    record
}

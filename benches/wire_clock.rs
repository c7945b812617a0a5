//! Whether the record tells the wire's time when the reader is slow.
//!
//! A server sends a token every 10 ms to a reader that takes 60 ms over each. The gaps of the record
//! are compared, event by event, with those between the server's own writes.
#![expect(clippy::print_stdout, reason = "a bench reports")]
#![expect(clippy::indexing_slicing, reason = "a bench may stop over its own data")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs,
};
use futures_util::StreamExt;
use llmobs::testing::Memory;
use llmobs::{LocalBackend, Record};
use llmobs_testserver::{Answer, ChatScript, Server, Usage, chat_chunks};

const TOKENS: usize = 150;
const PACE: Duration = Duration::from_millis(10);
const READER: Duration = Duration::from_millis(60);
/// How far the median gap may be from the server's.
const BOUND_MS: f64 = 1.0;

fn main() -> ExitCode {
    // Not a run of the tests, which build this too.
    if !std::env::args().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    let server = Server::start_blocking().expect("a port is free");
    server.answer(answer());
    let (record, reader) = observe(&server.base_url());
    let writes = server.writes();
    let times: Vec<Instant> = writes.iter().flat_map(|w| &w.body).map(|write| write.at).collect();
    let sent = gaps(&times);
    let told: Vec<f64> =
        record.latency.iter().flat_map(|l| &l.chunk_gaps_ms).map(|gap| f64::from(*gap)).collect();
    // The last write is the end marker, which is no event.
    assert_eq!(told.len() + 1, sent.len(), "an event for each write");
    let off: Vec<f64> = told.iter().zip(&sent).map(|(told, sent)| (told - sent).abs()).collect();

    println!("| gap between events, ms | p50 | p95 | p99 | max |\n|---|--:|--:|--:|--:|");
    row("the server's writes", &sent[..told.len()]);
    row("the record", &told);
    row("difference, event by event", &off);
    row("a clock at the reader", &gaps(&reader));
    if let Some(latency) = &record.latency {
        let [p50, p95, p99, max] =
            [latency.gap_p50_ms, latency.gap_p95_ms, latency.gap_p99_ms, latency.gap_max_ms]
                .map(|gap| gap.map_or("absent".to_owned(), |gap| format!("{gap:.2}")));
        println!("| the record's own percentiles | {p50} | {p95} | {p99} | {max} |");
    }
    let median = percentile(&off, 0.5);
    println!("\nMedian difference {median:.3} ms, allowed {BOUND_MS} ms.");
    if median <= BOUND_MS { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn answer() -> Answer {
    let usage = Usage { prompt: 12, completion: TOKENS as u64, ..Usage::default() };
    let script = ChatScript::tokens((0..TOKENS).map(|n| format!(" t{n}"))).usage(usage);
    let stream = Answer::stream("text/event-stream");
    chat_chunks(&script)
        .into_iter()
        .fold(stream, |answer, chunk| answer.write(format!("data: {chunk}\n\n")).pause(PACE))
}

/// The record of one call, and when its reader took each chunk up.
fn observe(base_url: &str) -> (Record, Vec<Instant>) {
    let memory = Memory::default();
    let llmobs = llmobs::Builder::from_lookup(&|_| None)
        .sink(memory.clone())
        .backend(LocalBackend)
        .start()
        .expect("it starts");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let reader = runtime.expect("a runtime can be built").block_on(async {
        let config = OpenAIConfig::new().with_api_base(base_url).with_api_key("k");
        let client = llmobs::openai::client(config);
        let request = CreateChatCompletionRequestArgs::default()
            .model("gpt-4o-mini")
            .messages([ChatCompletionRequestUserMessage::from("Where is my order?").into()])
            .build()
            .expect("the request is complete");
        let chat = client.chat();
        let mut stream = chat.create_stream(request).await.expect("the server answers");
        let mut reader = Vec::new();
        while let Some(chunk) = stream.next().await {
            chunk.expect("the chunk is well formed");
            reader.push(Instant::now());
            tokio::time::sleep(READER).await;
        }
        reader
    });
    llmobs.flush(Duration::from_secs(10)).expect("sinks take all");
    let mut records = memory.records();
    (records.pop().expect("a record of the call"), reader)
}

fn gaps(times: &[Instant]) -> Vec<f64> {
    let gap = |pair: &[Instant]| pair[1].duration_since(pair[0]).as_secs_f64() * 1e3;
    times.windows(2).map(gap).collect()
}

fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn row(name: &str, values: &[f64]) {
    let [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1.0].map(|share| percentile(values, share));
    println!("| {name} | {p50:.2} | {p95:.2} | {p99:.2} | {max:.2} |");
}

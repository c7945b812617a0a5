//! What the sinks cost for records that are ready: JSON lines against `serde_json` alone, OTLP against
//! opentelemetry_sdk's batch processor, and what is lost where a collector is slow.
#![expect(clippy::print_stdout, reason = "a bench reports")]

#[expect(dead_code, reason = "other benches use the rest")]
#[path = "support/callgrind.rs"]
mod callgrind;
#[path = "support/collector.rs"]
mod collector;
#[path = "support/cpu.rs"]
mod cpu;
#[path = "support/json.rs"]
mod json;
#[path = "support/peer.rs"]
mod peer;
#[path = "support/ready.rs"]
mod ready;

use std::thread;
use std::time::{Duration, Instant};

use llmobs_core::{Llmobs, LocalBackend, Record};
use llmobs_otlp::Otlp;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanProcessor};

use self::collector::{COLLECTOR, Collector};

/// Different records.
const RECORDS: usize = 8_192;
/// Times each side is measured; the sides take turns.
const TURNS: usize = 12;
const PATIENCE: Duration = Duration::from_secs(60);

/// What is offered to a slow collector, in spans a second and seconds.
const RATE: u64 = 2_000;
const SECONDS: u64 = 25;

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [COLLECTOR, pause] => return collector::serve(pause),
        ["json", "--bench"] => return json::report(),
        ["json", batch] => return json::counted(batch.parse().expect("a number")),
        // Not a run of the tests, which build this too.
        words if !words.contains(&"--bench") => return,
        _ => {}
    }
    json::report();
    spans();
    slow();
}

/// Ways to export spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Spans that are ready, straight into the processor.
    SdkReady,
    /// Records that are ready, through a recorder of ours.
    OursReady,
    /// Spans that a tracer makes, into the same processor.
    SdkMade,
    /// Records cloned from others, through the same recorder.
    OursMade,
}

const SIDES: [Side; 4] = [Side::SdkReady, Side::OursReady, Side::SdkMade, Side::OursMade];

fn spans() {
    let Some(_) = cpu::nanos() else {
        println!("\nThe system does not tell CPU times: no figures of OTLP.");
        return;
    };
    let records = ready::records(RECORDS);
    let spans = peer::spans(&records);
    let attributes = spans.iter().map(|span| span.attributes.len()).sum::<usize>();
    println!(
        "\n| spans of {} attributes | opentelemetry_sdk, µs of CPU a span | ours | ratio |",
        attributes / spans.len()
    );
    println!("|---|--:|--:|--:|");
    let mut collector = Collector::start(Duration::ZERO);
    let names = ["ready: queued, encoded, sent", "made, and the same"];
    for (name, sides) in names.into_iter().zip(SIDES.chunks(2)) {
        let mut best = [f64::MAX; 2];
        for _ in 0..TURNS {
            for (side, best) in sides.iter().zip(&mut best) {
                *best = best.min(exported(*side, &mut collector, &records, &spans));
            }
        }
        let [sdk, ours] = best;
        println!("| {name} | {sdk:.2} | {ours:.2} | {:.2} |", sdk / ours);
    }
}

/// Nanoseconds of CPU each span took, by the number that arrived.
fn exported(side: Side, collector: &mut Collector, records: &[Record], spans: &[SpanData]) -> f64 {
    let before = collector.spans();
    let took = match side {
        Side::SdkReady => {
            let processor = peer::processor(&collector.url, Some(RECORDS));
            let ready = spans.to_vec();
            let took = measured(|| {
                ready.into_iter().for_each(|span| processor.on_end(span));
                until_flushed(|| processor.force_flush());
            });
            processor.shutdown().expect("there is nothing left");
            took
        }
        Side::SdkMade => {
            let provider = peer::provider(&collector.url, RECORDS);
            let tracer = peer::tracer(&provider);
            let took = measured(|| {
                spans.iter().for_each(|span| peer::make(&tracer, span));
                until_flushed(|| provider.force_flush());
            });
            provider.shutdown().expect("there is nothing left");
            took
        }
        Side::OursReady | Side::OursMade => {
            let llmobs = ours(&collector.url);
            let recorder = llmobs.recorder().clone();
            let record = |record| recorder.record(record);
            let flush = || recorder.flush(PATIENCE).expect("everything is sent");
            if side == Side::OursReady {
                let ready = records.to_vec();
                measured(|| {
                    ready.into_iter().for_each(record);
                    flush();
                })
            } else {
                measured(|| {
                    records.iter().cloned().for_each(record);
                    flush();
                })
            }
        }
    };
    let arrived = collector.spans() - before;
    assert_eq!(arrived, RECORDS as u64, "{side:?}");
    took / arrived as f64 / 1_000.0
}

/// A flush of the SDK gives up after five seconds, which on a busy machine are short.
fn until_flushed(flush: impl Fn() -> OTelSdkResult) {
    assert!((0..20).any(|_| flush().is_ok()), "everything is sent");
}

#[inline(never)]
fn measured(run: impl FnOnce()) -> f64 {
    let before = cpu::nanos().unwrap_or_default();
    run();
    cpu::nanos().unwrap_or_default() - before
}

/// A recorder with nothing but the sink of the own pipeline.
fn ours(url: &str) -> Llmobs {
    let otlp = Otlp::new().endpoint(url).expect("a URL");
    let sink = otlp.sink().expect("there is an endpoint");
    let builder = llmobs_core::Builder::new().backend(LocalBackend).sink(sink);
    builder.process_wide(false).start().expect("it starts")
}

/// What becomes of the spans where the collector takes a second for each answer.
fn slow() {
    println!(
        "\n| {RATE} spans/s for {SECONDS} s, 1 s to answer | offered | arrived | lost | what a flush says |"
    );
    println!("|---|--:|--:|--:|---|");
    let records = ready::records(RECORDS);
    let spans = peer::spans(&records);
    let pause = Duration::from_secs(1);
    let offered = RATE * SECONDS;

    let mut collector = Collector::start(pause);
    let processor = peer::processor(&collector.url, None);
    paced(&spans, |span| processor.on_end(span));
    let said = processor.force_flush();
    // What it is in the middle of is not lost.
    thread::sleep(2 * pause);
    let arrived = collector.spans();
    let lost = 100.0 * (offered - arrived) as f64 / offered as f64;
    println!("| opentelemetry_sdk | {offered} | {arrived} | {lost:.1} % | `{said:?}` |");
    drop(collector);

    let mut collector = Collector::start(pause);
    let llmobs = ours(&collector.url);
    let recorder = llmobs.recorder();
    paced(&records, |record| recorder.record(record));
    let then = recorder.losses();
    let said = recorder.flush(PATIENCE);
    let after = recorder.losses();
    let arrived = collector.spans();
    let lost = 100.0 * (offered - arrived) as f64 / offered as f64;
    println!("| ours | {offered} | {arrived} | {lost:.1} % | `{said:?}` |");
    for (when, losses) in [("When the last was recorded", then), ("After the flush", after)] {
        let [sink] = losses.sinks.as_slice() else { continue };
        let lost: u64 = losses.lost.values().chain(sink.lost.values()).sum();
        println!(
            "\n{when}: {} accepted = {} delivered + {lost} lost + {} waiting.",
            losses.accepted,
            sink.delivered,
            sink.waiting + losses.open
        );
        assert_eq!(losses.accepted, sink.delivered + lost + sink.waiting + losses.open);
    }
}

/// Gives out what is ready, again and again, at the rate.
fn paced<T: Clone>(ready: &[T], give: impl Fn(T)) {
    let began = Instant::now();
    for (n, one) in (0..RATE * SECONDS).zip(ready.iter().cycle()) {
        let due = Duration::from_micros(n * 1_000_000 / RATE);
        // Sleeping is coarse; what has become due meanwhile is given at once.
        if let Some(early) = due.checked_sub(began.elapsed()) {
            thread::sleep(early);
        }
        give(one.clone());
    }
}

//! What the sinks cost for records that are ready: JSON lines against `serde_json` alone, OTLP against
//! opentelemetry_sdk's batch processor, and what is lost where a collector is slow.
#![expect(clippy::print_stdout, reason = "a bench reports")]
#![expect(clippy::indexing_slicing, reason = "a bench may stop over its own data")]

#[expect(dead_code, reason = "other benches use the rest")]
#[path = "support/callgrind.rs"]
mod callgrind;
#[path = "support/collector.rs"]
mod collector;
#[expect(dead_code, reason = "other benches use the rest")]
#[path = "support/cpu.rs"]
mod cpu;
#[path = "support/json.rs"]
mod json;
#[path = "support/peer.rs"]
mod peer;
#[path = "support/ready.rs"]
mod ready;

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, thread};

use llmobs_core::{Llmobs, LocalBackend, Record};
use llmobs_otlp::Otlp;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanProcessor};

use self::collector::{COLLECTOR, Collector};

/// Different records.
const RECORDS: usize = 8_192;
/// Times each side is measured; the sides take turns.
const TURNS: usize = 12;
/// Times a process exports all spans in its turn.
const ROUNDS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// What is offered to a slow collector, in spans a second and seconds.
const RATE: u64 = 2_000;
const SECONDS: u64 = 25;

fn main() {
    let args: Vec<_> = env::args().skip(1).collect();
    let words: Vec<_> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [COLLECTOR, pause] => return collector::serve(pause),
        ["json", "--bench"] => return json::report(),
        ["json", batch] => return json::counted(batch.parse().expect("a number")),
        ["spans", side, times, url] => return rounds(side, times, url),
        // Not a run of the tests, which build this too.
        words if !words.contains(&"--bench") => return,
        words if words.contains(&"spans") => return spans(),
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

/// What is measured against each other.
const PAIRS: [(&str, [Side; 2]); 2] = [
    ("ready: queued, encoded, sent", [Side::SdkReady, Side::OursReady]),
    ("made, and the same", [Side::SdkMade, Side::OursMade]),
];

fn spans() {
    let records = ready::records(RECORDS);
    let spans = peer::spans(&records);
    // A process that has only begun is told to have taken nothing.
    let Some(_) = cpu::nanos() else {
        println!("\nThe system does not tell CPU times: no figures of OTLP.");
        return;
    };
    let attributes = spans.iter().map(|span| span.attributes.len()).sum::<usize>();
    println!(
        "\n| spans of {} attributes, of {} rounds | opentelemetry_sdk, µs of CPU a span: least, median | ours: least, median | ratio: least, median | opentelemetry_sdk, instructions | ours | ratio |",
        attributes / spans.len(),
        TURNS * (ROUNDS - 1),
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    let mut collector = Collector::start(Duration::ZERO);
    for (name, sides) in PAIRS {
        let mut took = [const { Vec::new() }; 2];
        for _ in 0..TURNS {
            for (side, took) in sides.iter().zip(&mut took) {
                took.extend(turn(*side, &mut collector));
            }
        }
        let [sdk, ours] = took.map(least_and_median);
        print!("| {name} | {:.2}, {:.2} | {:.2}, {:.2} | ", sdk.0, sdk.1, ours.0, ours.1);
        print!("{:.2}, {:.2} |", sdk.0 / ours.0, sdk.1 / ours.1);
        if callgrind::available() {
            let [sdk, ours] = sides.map(|side| counted(side, &collector));
            println!(" {sdk:.0} | {ours:.0} | {:.2} |", sdk / ours);
        } else {
            println!(" | | |");
        }
    }
}

fn least_and_median(mut took: Vec<f64>) -> (f64, f64) {
    took.sort_unstable_by(f64::total_cmp);
    let at = |n| took.get(n).copied().expect("there are rounds");
    (at(0), at(took.len() / 2))
}

/// Arguments of a process that exports all spans a number of times.
fn exporting(side: Side, rounds: usize, url: &str) -> [String; 4] {
    ["spans".to_owned(), format!("{side:?}"), rounds.to_string(), url.to_owned()]
}

/// What such a process does: the times, in microseconds of CPU a span.
fn rounds(side: &str, rounds: &str, url: &str) {
    let mut sides = PAIRS.into_iter().flat_map(|(_, sides)| sides);
    let side = sides.find(|one| format!("{one:?}") == side).expect("a side");
    let records = ready::records(RECORDS);
    // Into memory of this thread's: what others have freed is whole again, and no side finds an
    // arena full of holes.
    let spans = peer::spans(&records).to_vec();
    for _ in 0..rounds.parse().expect("a number") {
        println!("{}", export(side, url, &records, &spans) / RECORDS as f64 / 1_000.0);
    }
}

/// The times of all rounds but the first, which finds neither memory nor a price table.
fn turn(side: Side, collector: &mut Collector) -> Vec<f64> {
    let before = collector.spans();
    let output = Command::new(env::current_exe().expect("a bench knows its own file"))
        .args(exporting(side, ROUNDS, &collector.url))
        .output()
        .expect("a process can be started");
    assert_eq!(collector.spans() - before, (ROUNDS * RECORDS) as u64, "{side:?}");
    let times = String::from_utf8(output.stdout).expect("numbers");
    times.lines().skip(1).map(|time| time.parse().expect("a number")).collect()
}

/// Instructions a span, in user space.
fn counted(side: Side, collector: &Collector) -> f64 {
    let [few, many] = [1, 3].map(|rounds| {
        let threads = callgrind::run(&exporting(side, rounds, &collector.url));
        let counts = threads.iter().map(|thread| match thread.number {
            1 => thread.function("sinks::measured"),
            _ => thread.total,
        });
        counts.sum::<f64>()
    });
    (many - few) / (2 * RECORDS) as f64
}

/// Exports all of them; nanoseconds of CPU it took. Each has exported one before: what it takes to connect
/// is not told.
fn export(side: Side, url: &str, records: &[Record], spans: &[SpanData]) -> f64 {
    match side {
        Side::SdkReady => {
            let processor = peer::processor(url, Some(RECORDS));
            let ready = spans.to_vec();
            let mut ready = ready.into_iter();
            let flush = || until_flushed(|| processor.force_flush());
            ready.by_ref().take(1).for_each(|span| processor.on_end(span));
            flush();
            let took = measured(|| {
                ready.for_each(|span| processor.on_end(span));
                flush();
            });
            processor.shutdown().expect("there is nothing left");
            took
        }
        Side::SdkMade => {
            let provider = peer::provider(url, RECORDS);
            let tracer = peer::tracer(&provider);
            let flush = || until_flushed(|| provider.force_flush());
            let mut like = spans.iter();
            like.by_ref().take(1).for_each(|span| peer::make(&tracer, span));
            flush();
            let took = measured(|| {
                like.for_each(|span| peer::make(&tracer, span));
                flush();
            });
            provider.shutdown().expect("there is nothing left");
            took
        }
        Side::OursReady | Side::OursMade => {
            let llmobs = ours(url);
            let recorder = llmobs.recorder();
            let flush = || recorder.flush(PATIENCE).expect("everything is sent");
            if side == Side::OursReady {
                let ready: Vec<_> = records.iter().cloned().map(Arc::new).collect();
                let mut ready = ready.into_iter();
                ready.by_ref().take(1).for_each(|record| recorder.record(record));
                flush();
                measured(|| {
                    ready.for_each(|record| recorder.record(record));
                    flush();
                })
            } else {
                let mut like = records.iter().cloned();
                like.by_ref().take(1).for_each(|record| recorder.record(record));
                flush();
                measured(|| {
                    like.for_each(|record| recorder.record(record));
                    flush();
                })
            }
        }
    }
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

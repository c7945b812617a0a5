//! What `#[trace_llm]` costs the function it is on.
#![expect(clippy::print_stdout, reason = "a bench reports")]

use std::hint::black_box;
use std::io::sink;
use std::time::{Duration, Instant};

use llmobs::{Capture, JsonLines, Llmobs, LocalBackend, trace_llm};

/// Calls of one round: few enough that the worker, whom the first of them wakes, lets the others come.
/// From a thousand on it is at work meanwhile, and what is measured is how two cores share an allocator.
const CALLS: u32 = 500;
const ROUNDS: u32 = 600;

#[inline(never)]
fn bare(city: &str, days: u8) -> u64 {
    black_box(city.len() as u64 + u64::from(days))
}

#[trace_llm(kind = "tool")]
#[inline(never)]
fn traced(city: &str, days: u8) -> u64 {
    black_box(city.len() as u64 + u64::from(days))
}

#[trace_llm(kind = "tool", capture(args))]
#[inline(never)]
fn captured(city: &str, days: u8) -> u64 {
    black_box(city.len() as u64 + u64::from(days))
}

fn main() {
    // Not a run of the tests, which build this too.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let floor = fastest(bare, None);
    println!("| a function with two arguments | added, ns |\n|---|--:|");
    println!("| bare again (noise) | {:.1} |", fastest(bare, None) - floor);
    println!("| no recorder | {:.1} |", fastest(captured, None) - floor);
    let recorder = recorder();
    recorder.set_enabled(false);
    println!("| recorder turned off | {:.1} |", fastest(captured, Some(&recorder)) - floor);
    recorder.set_enabled(true);
    println!("| recorded | {:.0} |", fastest(traced, Some(&recorder)) - floor);
    recorder.set_capture(Capture::ALL);
    println!(
        "| recorded, both arguments kept | {:.0} |",
        fastest(captured, Some(&recorder)) - floor
    );
}

/// A process-wide recorder whose records go nowhere.
fn recorder() -> Llmobs {
    let builder = llmobs::Builder::from_lookup(&|_| None)
        .sink(JsonLines::writer(sink()))
        .backend(LocalBackend);
    builder.start().expect("it starts")
}

/// Best of many rounds, in nanoseconds a call; the worker catches up in between.
fn fastest(run: fn(&str, u8) -> u64, recorder: Option<&Llmobs>) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        for _ in 0..CALLS {
            black_box(run(black_box("Oslo"), black_box(3)));
        }
        let took = began.elapsed().as_nanos() as f64 / f64::from(CALLS);
        if let Some(recorder) = recorder {
            recorder.flush(Duration::from_secs(60)).expect("the worker catches up");
            assert_eq!(recorder.losses().total(), 0, "what is lost costs less");
        }
        took
    });
    rounds.fold(f64::MAX, f64::min)
}

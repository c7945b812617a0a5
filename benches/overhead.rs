//! What observing costs the caller, and the whole process, over the bare client.
//!
//! By instructions (where valgrind is installed) and by time. The transport answers from memory, so
//! the bare side is as cheap as it can be and every ratio is an upper bound.
#![expect(clippy::print_stdout, reason = "a bench reports")]
#![expect(clippy::indexing_slicing, reason = "a bench may stop over its own data")]

#[path = "support/callgrind.rs"]
mod callgrind;
#[path = "support/load.rs"]
mod load;
#[path = "support/transport.rs"]
mod transport;

use std::time::{Duration, Instant};

use load::{BARE, JSON_LINES, Load, OPENTELEMETRY, Setup};
use transport::{Canned, Script};

const SETUPS: [(&str, Setup); 4] = [
    ("bare", BARE),
    ("off", Setup { layers: 2, ..BARE }),
    ("JSON lines", JSON_LINES),
    ("OpenTelemetry", OPENTELEMETRY),
];
/// Tokens of a stream: costs a call and an event are what lies between the two.
const FEW: usize = 50;
const MANY: usize = 250;
/// What an event may cost the caller.
const TARGET_NANOS: f64 = 120.0;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("child") => child(&args),
        // Not a run of the tests, which build this too.
        _ if args.iter().any(|arg| arg == "--bench") => bench(),
        _ => {}
    }
}

fn bench() {
    println!("## Time added on the caller\n");
    println!("| | reads of | per call, ns | per event, ns |\n|---|--:|--:|--:|");
    let mut worst = f64::MIN;
    for per_read in [1, 10] {
        worst = worst.max(times(per_read));
    }
    println!("\nTarget: {TARGET_NANOS} ns an event; the worst here is {worst:.0} ns.\n");
    if callgrind::available() {
        instructions();
    } else {
        println!("valgrind is not installed: no instruction counts.");
    }
}

fn script(tokens: usize, per_read: usize) -> Canned {
    Canned::new(Script { tokens, per_read, held: false })
}

/// Prints time added over bare; gives the most that an event costs.
fn times(per_read: usize) -> f64 {
    const BLOCKS: usize = 40;
    // Bare stands in twice: what the second adds over the first is noise.
    let setups = [SETUPS[0], SETUPS[0], SETUPS[1], SETUPS[2], SETUPS[3]];
    let loads = |tokens| setups.map(|(_, setup)| Load::new(setup, script(tokens, per_read)));
    let (few, many) = (loads(FEW), loads(MANY));
    let mut added = vec![Vec::new(); setups.len()];
    for block in 0..=BLOCKS {
        let (few, many) = (fastest(&few), fastest(&many));
        // The first block warms up.
        for (n, added) in added.iter_mut().enumerate().filter(|_| block > 0) {
            let (at_few, at_many) = (few[n] - few[0], many[n] - many[0]);
            let per_event = (at_many - at_few) / (MANY - FEW) as f64;
            added.push((at_few - per_event * FEW as f64, per_event));
        }
    }
    let mut worst = f64::MIN;
    for (n, ((name, _), added)) in setups.iter().zip(&added).enumerate().skip(1) {
        let name = if n == 1 { "bare again (noise)" } else { name };
        let per_call = median(added.iter().map(|(call, _)| *call));
        let per_event = median(added.iter().map(|(_, event)| *event));
        println!("| {name} | {per_read} | {per_call:.0} | {per_event:.1} |");
        worst = worst.max(per_event);
    }
    worst
}

/// Fastest call of each of these in one block, in turns, in nanoseconds.
fn fastest<const N: usize>(loads: &[Load; N]) -> [f64; N] {
    let mut best = [f64::MAX; N];
    for _ in 0..15 {
        for (load, best) in loads.iter().zip(&mut best) {
            let began = Instant::now();
            std::hint::black_box(load.call());
            *best = best.min(began.elapsed().as_nanos() as f64);
            if let Some(llmobs) = &load.llmobs {
                llmobs.flush(Duration::from_secs(10)).expect("sinks take all");
            }
        }
    }
    best
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Calls of a run under valgrind: what a call costs is what lies between the two.
const CALLS: (usize, usize) = (5, 25);

/// Makes calls and nothing else.
fn child(args: &[String]) {
    let number = |n: usize| args[n].parse::<usize>().expect("a number");
    let load = Load::new(SETUPS[number(1)].1, script(number(2), number(3)));
    for _ in 0..number(4) {
        assert_eq!(load.call(), number(2) + 3, "the stream is read whole");
        // The worker gets its turn, as between the calls of a service.
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Instructions of one call.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    caller: f64,
    tap: f64,
    worker: f64,
    rest: f64,
}

impl Counts {
    fn all(&self) -> f64 {
        self.caller + self.worker + self.rest
    }

    fn of_run(setup: usize, tokens: usize, per_read: usize, calls: usize) -> Self {
        let numbers = [setup, tokens, per_read, calls].map(|number| number.to_string());
        let mut counts = Self::default();
        for thread in callgrind::run(&[&["child".to_owned()], &numbers[..]].concat()) {
            if thread.number == 1 {
                counts.caller = thread.total;
                counts.tap = thread.function("tap::Tap::data") + thread.function("tap::Tap>::data");
            } else if thread.ran("llmobs_core::worker::fold") {
                counts.worker = thread.total;
            } else {
                counts.rest += thread.total;
            }
        }
        counts
    }

    fn of_call(setup: usize, tokens: usize, per_read: usize) -> Self {
        let [few, many] =
            [CALLS.0, CALLS.1].map(|calls| Self::of_run(setup, tokens, per_read, calls));
        let each = |of: fn(&Self) -> f64| (of(&many) - of(&few)) / (CALLS.1 - CALLS.0) as f64;
        Self {
            caller: each(|c| c.caller),
            tap: each(|c| c.tap),
            worker: each(|c| c.worker),
            rest: each(|c| c.rest),
        }
    }
}

fn instructions() {
    println!("## Instructions\n");
    println!(
        "| | reads of | caller, per call | caller, per event | of it the tap | worker, per event |"
    );
    println!("|---|--:|--:|--:|--:|--:|");
    let mut whole = Vec::new();
    for per_read in [1, 10] {
        let at = |tokens| [0, 1, 2, 3].map(|setup| Counts::of_call(setup, tokens, per_read));
        let (few, many) = (at(FEW), at(MANY));
        for (n, (name, _)) in SETUPS.iter().enumerate() {
            let bare = if n == 0 { [Counts::default(); 2] } else { [few[0], many[0]] };
            let slope = |of: fn(&Counts) -> f64| {
                let over = [of(&few[n]) - of(&bare[0]), of(&many[n]) - of(&bare[1])];
                let per_event = (over[1] - over[0]) / (MANY - FEW) as f64;
                (over[0] - per_event * FEW as f64, per_event)
            };
            let (call, event) = slope(|counts| counts.caller);
            let (tap, worker) = (slope(|counts| counts.tap).1, slope(|counts| counts.worker).1);
            let name = if n == 0 { "bare, in all" } else { name };
            println!("| {name} | {per_read} | {call:.0} | {event:.1} | {tap:.1} | {worker:.0} |");
        }
        whole.push((per_read, few, many));
    }
    println!("\n## The whole process, streams of 200 tokens\n");
    println!("| | reads of | instructions a call | over bare | caller | worker | other threads |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for (per_read, few, many) in whole {
        let share = (200 - FEW) as f64 / (MANY - FEW) as f64;
        for (n, (name, _)) in SETUPS.iter().enumerate() {
            let at = |of: fn(&Counts) -> f64| {
                let between = |n: usize| of(&few[n]) + (of(&many[n]) - of(&few[n])) * share;
                (between(n), between(0))
            };
            let (all, bare) = at(Counts::all);
            let percent =
                |(ours, bares): (f64, f64)| format!("+{:.1} %", (ours - bares) / bare * 1e2);
            println!(
                "| {name} | {per_read} | {all:.0} | {:.3} | {} | {} | {} |",
                all / bare,
                percent(at(|counts| counts.caller)),
                percent(at(|counts| counts.worker)),
                percent(at(|counts| counts.rest)),
            );
        }
    }
}

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
#[path = "support/reader.rs"]
mod reader;
#[path = "support/transport.rs"]
mod transport;

use std::time::{Duration, Instant};

use llmobs::Llmobs;
use load::{BARE, JSON_LINES, Load, OPENTELEMETRY, Setup};
use reader::Reader;
use transport::{Canned, Script};

const SETUPS: [(&str, Setup); 4] = [
    ("bare", BARE),
    ("off", Setup { layers: 2, ..BARE }),
    ("JSON lines", JSON_LINES),
    ("OpenTelemetry", OPENTELEMETRY),
];
/// Tokens of a stream: costs a call and an event are what lies between the two.
const FEW: usize = 50;
const MANY: usize = 550;
/// Tokens of a stream as people know it.
const USUAL: usize = 200;
/// What an event may cost the caller.
const TARGET_NANOS: f64 = 80.0;

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
    println!("| | events a read | per call, ns | per event, ns |\n|---|--:|--:|--:|");
    let worst = [1, 10].map(times).into_iter().fold(f64::MIN, f64::max);
    println!("\nTarget: {TARGET_NANOS} ns an event; the worst here is {worst:.0} ns.\n");
    if callgrind::available() {
        instructions();
        whole_process();
    } else {
        println!("valgrind is not installed: no instruction counts.");
    }
}

fn script(tokens: usize, per_read: usize) -> Canned {
    Canned::new(Script { tokens, per_read, held: false })
}

/// Bare stands there three times: the first warms up, what the third adds over the second is noise.
const TURNS: [usize; 6] = [0, 0, 0, 1, 2, 3];

/// Prints time added over bare; gives the most that an event costs.
fn times(per_read: usize) -> f64 {
    let readers =
        [FEW, MANY].map(|tokens| TURNS.map(|n| Reader::new(SETUPS[n].1, script(tokens, per_read))));
    let mut added = TURNS.map(|_| Vec::new());
    for _ in 0..15 {
        let [few, many] = [fastest(&readers[0]), fastest(&readers[1])];
        for (n, added) in added.iter_mut().enumerate() {
            added.push(line(few[n] - few[1], many[n] - many[1]));
        }
    }
    let mut worst = f64::MIN;
    for (n, (setup, added)) in TURNS.iter().zip(&added).enumerate().skip(2) {
        let name = if n == 2 { "bare again (noise)" } else { SETUPS[*setup].0 };
        let per_call = median(added.iter().map(|(call, _)| *call));
        let per_event = median(added.iter().map(|(_, event)| *event));
        println!("| {name} | {per_read} | {per_call:.0} | {per_event:.1} |");
        worst = worst.max(per_event);
    }
    worst
}

/// Fastest call of each of these in one block, in turns, in nanoseconds.
fn fastest(readers: &[Reader; TURNS.len()]) -> [f64; TURNS.len()] {
    let mut best = [f64::MAX; TURNS.len()];
    for turn in 0..100 {
        for n in 1..readers.len() {
            // Nobody is always first.
            let n = (turn + n) % (readers.len() - 1) + 1;
            // Whoever ran before, the caches know the code and the clock is up.
            readers[0].call();
            let began = Instant::now();
            std::hint::black_box(readers[n].call());
            best[n] = best[n].min(began.elapsed().as_nanos() as f64);
            readers[n].llmobs.as_ref().map(settle);
        }
    }
    best
}

/// Lets the other threads finish.
fn settle(llmobs: &Llmobs) {
    llmobs.flush(Duration::from_secs(10)).expect("sinks take all");
}

/// Cost of a call and of an event, from those of a short and a long stream.
fn line(at_few: f64, at_many: f64) -> (f64, f64) {
    let per_event = (at_many - at_few) / (MANY - FEW) as f64;
    (at_few - per_event * FEW as f64, per_event)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Calls of a run under valgrind: what a call costs is what lies between the two.
const CALLS: [usize; 2] = [5, 25];

/// Makes calls and nothing else.
fn child(args: &[String]) {
    let [setup, tokens, per_read, calls] =
        [2, 3, 4, 5].map(|n: usize| args[n].parse::<usize>().expect("a number"));
    let (setup, transport) = (SETUPS[setup].1, script(tokens, per_read));
    // Memory is cheaper to get in a process of one thread, which no service is.
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || stopped.recv().is_err());
    let repeat = |call: &dyn Fn()| {
        for _ in 0..calls {
            call();
            // The worker gets its turn, as between the calls of a service.
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    if args[1] == "client" {
        let load = Load::new(setup, transport);
        repeat(&|| assert_eq!(load.call(), tokens + 3, "the stream is read whole"));
        load.llmobs.as_ref().map(settle);
    } else {
        let reader = Reader::new(setup, transport);
        repeat(&|| assert!(reader.call() > tokens / per_read, "the stream is read whole"));
        reader.llmobs.as_ref().map(settle);
    }
    drop(stop);
    other.join().expect("it only waits");
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

    fn of_call(kind: &str, numbers: [usize; 3]) -> Self {
        let [few, many] = CALLS.map(|calls| Self::of_run(kind, numbers, calls));
        let each = |of: fn(&Self) -> f64| (of(&many) - of(&few)) / (CALLS[1] - CALLS[0]) as f64;
        Self {
            caller: each(|counts| counts.caller),
            tap: each(|counts| counts.tap),
            worker: each(|counts| counts.worker),
            rest: each(|counts| counts.rest),
        }
    }

    fn of_run(kind: &str, [setup, tokens, per_read]: [usize; 3], calls: usize) -> Self {
        let numbers = [setup, tokens, per_read, calls].map(|number| number.to_string());
        let args = [&["child".to_owned(), kind.to_owned()], &numbers[..]].concat();
        let mut counts = Self::default();
        for thread in callgrind::run(&args) {
            if thread.number == 1 {
                counts.caller = thread.total;
                counts.tap = thread.function("tap::Tap::data");
            } else if thread.ran("llmobs_core::worker::fold") {
                counts.worker = thread.total;
            } else {
                counts.rest += thread.total;
            }
        }
        counts
    }
}

/// Prints instructions added over the bare services.
fn instructions() {
    println!("## Instructions added\n");
    println!(
        "| | events a read | caller, per call | caller, per event | of it the tap | worker, per call | worker, per event |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for per_read in [1, 10] {
        let at = |setup, tokens| Counts::of_call("stack", [setup, tokens, per_read]);
        let bare = [FEW, MANY].map(|tokens| at(0, tokens));
        for (n, (name, _)) in SETUPS.iter().enumerate().skip(1) {
            let ours = [FEW, MANY].map(|tokens| at(n, tokens));
            let added = |of: fn(&Counts) -> f64| {
                line(of(&ours[0]) - of(&bare[0]), of(&ours[1]) - of(&bare[1]))
            };
            let (call, event) = added(|counts| counts.caller);
            let (worker_call, worker_event) = added(|counts| counts.worker);
            let tap = added(|counts| counts.tap).1;
            println!(
                "| {name} | {per_read} | {call:.0} | {event:.1} | {tap:.1} | {worker_call:.0} | {worker_event:.0} |"
            );
        }
    }
}

/// Prints what whole calls of async-openai take, in all threads.
fn whole_process() {
    println!("\n## Instructions of the whole process, streams of {USUAL} tokens\n");
    println!("| | events a read | a call | over bare | caller | worker | other threads |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for per_read in [1, 10] {
        let mut bare = Counts::default();
        for (n, (name, _)) in SETUPS.iter().enumerate() {
            let ours = Counts::of_call("client", [n, USUAL, per_read]);
            bare = if n == 0 { ours } else { bare };
            let added = |of: fn(&Counts) -> f64| {
                format!("{:+.1} %", (of(&ours) - of(&bare)) / bare.all() * 1e2)
            };
            println!(
                "| {name} | {per_read} | {:.0} | {:.3} | {} | {} | {} |",
                ours.all(),
                ours.all() / bare.all(),
                added(|counts| counts.caller),
                added(|counts| counts.worker),
                added(|counts| counts.rest),
            );
        }
    }
}

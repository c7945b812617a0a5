//! What observing costs beside what one would do otherwise: CPU time of a process that reads streams.
//!
//! ```console
//! $ cargo bench --manifest-path tests/foreign/Cargo.toml --bench beside       # two minutes and a half
//! $ cargo bench --manifest-path tests/foreign/Cargo.toml --bench beside -- 20 # more pairs
//! $ cargo bench --manifest-path tests/foreign/Cargo.toml --bench beside -- 20 noise llmobs # of these rows
//! ```
//!
//! The model and the receiver of telemetry are a process of their own, and so is each way of
//! observing: it reads streams that run beside each other, whose events come one by one, and tells
//! what the system says it took. A way and its bare client take turns.
#![expect(clippy::print_stdout, reason = "a bench reports")]
#![expect(clippy::indexing_slicing, reason = "a bench may stop over its own data")]

mod backend;
mod by_hand;
mod process;
mod service;
mod streams;
mod table;
mod told;
mod way;

use process::Process;
use table::{Pair, Row};
use told::Told;
use way::Way;

/// Streams beside each other.
const STREAMS: usize = 50;
/// How many pairs are measured where nobody says how many.
const PAIRS: usize = 3;
/// When a reader leaves.
const LEFT_AFTER: usize = 50;
const IDLE_MS: u64 = 5_000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["backend"] => backend::run(),
        ["service", way, model, receiver] => {
            service::run(Way::named(way).expect("a way"), model, receiver);
        }
        // Not a run of the tests, which build this too.
        _ if args.contains(&"--bench") => {
            let pairs = args.iter().find_map(|arg| arg.parse().ok());
            let names: Vec<&str> = args.iter().copied().filter(|arg| is_name(arg)).collect();
            bench(pairs.unwrap_or(PAIRS).max(1), &names);
        }
        _ => {}
    }
}

/// Whether an argument is a part of the names of rows.
fn is_name(arg: &str) -> bool {
    !arg.starts_with('-') && arg.parse::<usize>().is_err()
}

fn bench(pairs: usize, names: &[&str]) {
    let backend = &mut Process::start(&["backend"]);
    let urls = backend.hear();
    let url = |name: &str| urls[name].as_str().expect("the backend says where it is").to_owned();
    let urls = &[url("model"), url("receiver")];
    let chosen = |way: &Way| names.is_empty() || names.iter().any(|name| way.name().contains(name));
    let mut rows: Vec<Row> = Way::ROWS.into_iter().filter(chosen).map(Row::of).collect();
    for row in &mut rows {
        row.whole = told(backend, urls, row.way, way::AT_ONCE, usize::MAX);
        row.left = told(backend, urls, row.way, way::PACED, LEFT_AFTER);
    }
    idle(urls, &mut rows);
    for pass in 0..pairs {
        for row in &mut rows {
            row.pairs.push(pair(backend, urls, row.way, pass % 2 == 1));
        }
        lives(pass + 1, pairs);
    }
    println!("{}", table::costs(&rows));
    println!("{}", table::telling(&rows));
}

#[expect(clippy::print_stderr, reason = "a bench that takes minutes says that it lives")]
fn lives(pass: usize, of: usize) {
    eprintln!("pair {pass} of {of}");
}

fn start(urls: &[String; 2], way: Way) -> Process {
    let mut service = Process::start(&["service", way.name(), &urls[0], &urls[1]]);
    // Connections, threads and memory are there before anything is measured.
    service.ask(&format!("read {STREAMS} {} {}", way::AT_ONCE, usize::MAX));
    service
}

/// What arrives of one call.
fn told(
    backend: &mut Process,
    urls: &[String; 2],
    way: Way,
    model: &str,
    limit: usize,
) -> Option<Told> {
    let mut service = start(urls, way);
    backend.ask("take");
    service.ask(&format!("read 1 {model} {limit}"));
    let arrived = [backend.ask("take"), service.ask("take")];
    Told::of(&arrived)
}

/// How often each wakes while nothing happens.
fn idle(urls: &[String; 2], rows: &mut [Row]) {
    let mut services: Vec<Process> = rows.iter().map(|row| start(urls, row.way)).collect();
    for service in &mut services {
        service.tell(&format!("idle {IDLE_MS}"));
    }
    for (service, row) in services.iter_mut().zip(rows) {
        let switches = service.hear()["switches"].as_f64().expect("a count");
        row.idle = switches / (IDLE_MS as f64 / 1e3);
    }
}

/// A way and its bare client, one after the other.
fn pair(backend: &mut Process, urls: &[String; 2], way: Way, turned: bool) -> Pair {
    let [mut bare, mut observed] = [way.bare(), way].map(|way| start(urls, way));
    let read = format!("read {STREAMS} {} {}", way::PACED, usize::MAX);
    backend.ask("take");
    let (bare, observed) = if turned {
        let observed = observed.ask(&read);
        (bare.ask(&read), observed)
    } else {
        (bare.ask(&read), observed.ask(&read))
    };
    let arrived = backend.ask("take")["count"].as_u64().expect("a count");
    let kept = observed["kept"].as_u64().expect("a count");
    let expected = if way.tells() { STREAMS as u64 } else { 0 };
    assert_eq!(arrived + kept, expected, "every call is told once by {}", way.name());
    Pair::new(&bare, &observed)
}

//! Memory of a thousand open streams: resident bytes a stream, over the bare client.
//!
//! Each setup runs in a process of its own, so that what one frees is not what the next one uses.
#![expect(clippy::print_stdout, reason = "a bench reports")]

#[path = "support/load.rs"]
mod load;
#[path = "support/transport.rs"]
mod transport;

use std::process::Command;
use std::time::Duration;

use futures_util::StreamExt;
use load::{BARE, JSON_LINES, Load, OPENTELEMETRY, Setup};
use transport::{Canned, Script};

const STREAMS: usize = 1_000;
const EVENTS: usize = 20;
const SETUPS: [(&str, Setup); 4] = [
    ("bare, in all", BARE),
    ("JSON lines", JSON_LINES),
    ("JSON lines, content kept", Setup { capture: true, ..JSON_LINES }),
    ("OpenTelemetry", OPENTELEMETRY),
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("child") => {
            let named = |(name, _): &&(&str, Setup)| args.get(1).is_some_and(|arg| arg == name);
            println!("{}", held(SETUPS.iter().find(named).expect("a setup").1));
        }
        // Not a run of the tests, which build this too.
        _ if args.iter().any(|arg| arg == "--bench") => bench(),
        _ => {}
    }
}

fn bench() {
    println!("| {STREAMS} open streams of {EVENTS} events | resident bytes a stream |\n|---|--:|");
    let mut bare = None;
    for (name, _) in SETUPS {
        let Some(bytes) = median_of_children(name) else {
            println!("\nThis system does not tell resident memory.");
            return;
        };
        println!("| {name} | {:.0} |", bytes - bare.unwrap_or(0.0));
        bare = bare.or(Some(bytes));
    }
}

fn median_of_children(setup: &str) -> Option<f64> {
    let child = || {
        let program = std::env::current_exe().expect("a bench knows its own file");
        let output = Command::new(program).args(["child", setup]).output();
        let output = output.expect("a bench can run itself");
        String::from_utf8_lossy(&output.stdout).trim().parse::<f64>().ok()
    };
    let mut bytes = (0..5).map(|_| child()).collect::<Option<Vec<f64>>>()?;
    bytes.sort_by(f64::total_cmp);
    bytes.get(bytes.len() / 2).copied().filter(|bytes| *bytes > 0.0)
}

/// Resident bytes a stream adds while it is open.
fn held(setup: Setup) -> f64 {
    // Whatever a first call sets up is nobody's stream.
    let script = Script { tokens: EVENTS, per_read: 1, held: false };
    Load::new(setup, Canned::new(script)).call();
    let load = Load::new(setup, Canned::new(Script { held: true, ..script }));
    let before = resident();
    let streams = load.runtime.block_on(async {
        let mut streams = Vec::with_capacity(STREAMS);
        for _ in 0..STREAMS {
            let chat = load.client.chat();
            let stream = chat.create_stream(load.request.clone()).await;
            let mut stream = stream.expect("the transport answers");
            for _ in 0..EVENTS {
                stream.next().await.expect("it is open").expect("it is well formed");
            }
            streams.push(stream);
        }
        streams
    });
    if let Some(llmobs) = &load.llmobs {
        llmobs.flush(Duration::from_secs(10)).expect("sinks take all");
    }
    let after = resident();
    drop(streams);
    (after - before) / STREAMS as f64
}

/// Resident memory of this process; zero where the system does not tell.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0
}

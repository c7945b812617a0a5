//! Memory of ten thousand open streams: resident bytes a stream, over the bare client.
//!
//! The streams are opened one after another, each is read as far as it goes, and none of them ends.
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

const STREAMS: usize = 10_000;
const EVENTS: usize = 20;
/// By then the worker has what the taps kept back.
const LATER: Duration = Duration::from_secs(2);
const SETUPS: [(&str, Setup); 6] = [
    ("bare, in all", BARE),
    ("bare again (noise)", BARE),
    ("JSON lines", JSON_LINES),
    ("JSON lines, content kept", Setup { capture: true, ..JSON_LINES }),
    ("OpenTelemetry", OPENTELEMETRY),
    ("OpenTelemetry, content kept", Setup { capture: true, ..OPENTELEMETRY }),
];
/// What a stream may take over bare: right after its events, and later with no content kept.
const TARGETS: [u32; 2] = [12 * 1024, 4 * 1024];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("child") => {
            let named = |(name, _): &&(&str, Setup)| args.get(1).is_some_and(|arg| arg == name);
            let [after, later] = held(SETUPS.iter().find(named).expect("a setup").1);
            println!("{after} {later}");
        }
        // Not a run of the tests, which build this too.
        _ if args.iter().any(|arg| arg == "--bench") => bench(),
        _ => {}
    }
}

fn bench() {
    println!("Resident bytes a stream, {STREAMS} of them open after {EVENTS} events each:\n");
    println!("| | right after the events | {} s later |\n|---|--:|--:|", LATER.as_secs());
    let mut bare = None;
    for (name, _) in SETUPS {
        let Some(bytes) = median_of_children(name) else {
            println!("\nThis system does not tell resident memory.");
            return;
        };
        let [less_after, less_later] = bare.unwrap_or_default();
        let [after, later] = bytes;
        println!("| {name} | {:.0} | {:.0} |", after - less_after, later - less_later);
        bare = bare.or(Some(bytes));
    }
    let [after, later] = TARGETS;
    println!("\nTargets over bare: {after} right after, {later} later with no content kept.");
}

fn median_of_children(setup: &str) -> Option<[f64; 2]> {
    let child = || {
        let program = std::env::current_exe().expect("a bench knows its own file");
        let output = Command::new(program).args(["child", setup]).output();
        let output = String::from_utf8(output.expect("a bench can run itself").stdout).ok()?;
        let (after, later) = output.trim().split_once(' ')?;
        Some([after.parse::<f64>().ok()?, later.parse().ok()?])
    };
    let runs = (0..5).map(|_| child()).collect::<Option<Vec<_>>>()?;
    let medians = [0, 1].map(|n: usize| {
        let mut bytes: Vec<f64> = runs.iter().filter_map(|run| run.get(n).copied()).collect();
        bytes.sort_by(f64::total_cmp);
        bytes.get(bytes.len() / 2).copied().unwrap_or_default()
    });
    medians.iter().all(|bytes| *bytes > 0.0).then_some(medians)
}

/// Resident bytes a stream adds while it is open: right after its events, and later.
fn held(setup: Setup) -> [f64; 2] {
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
    let added = || (resident() - before) / STREAMS as f64;
    let after = added();
    std::thread::sleep(LATER);
    let later = added();
    if let Some(llmobs) = &load.llmobs {
        let losses = llmobs.recorder().losses();
        assert_eq!((losses.total(), losses.payload_bytes), (0, 0), "there is room for all of them");
    }
    drop(streams);
    [after, later]
}

/// Resident memory of this process; zero where the system does not tell.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0
}

//! A process that is killed while it writes, and one whose disk is full.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use llmobs_core::{Backoff, Builder, JsonLines, Limits, LossCause};

use super::{Backend, LONG, exact, numbers, only_sink, step, until};
use crate::support;

/// Says what a copy of this program is to do, and where.
const KILLED: &str = "LLMOBS_TEST_KILLED";
const FULL: &str = "LLMOBS_TEST_FULL";
/// How many processes are killed.
const TIMES: &str = "LLMOBS_TEST_KILLS";

/// Runs one test of this program in a process of its own.
fn child(shell: Option<&str>, test: &str, variable: &str, directory: &Path) -> Command {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = match shell {
        None => Command::new(program),
        Some(script) => {
            let mut command = Command::new("sh");
            command.args(["-c", script]).arg(program);
            command
        }
    };
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(variable, directory);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// The process that is killed: it says how many of its records have been acknowledged.
#[test]
fn writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(KILLED) else { return };
    let directory = Path::new(&directory);
    let lines = JsonLines::open(directory.join("llmobs.jsonl")).expect("a file");
    let builder = Builder::new().process_wide(false).spool(directory).spool_bytes(64 << 20);
    let builder = builder.backoff(Backoff::new().offers(1)).sink(lines).sink(Backend::away());
    let llmobs = builder.start().expect("threads");
    let mut out = std::io::stdout();
    for round in 0_u64.. {
        for name in numbers(round * 20..(round + 1) * 20) {
            step(&llmobs, name);
        }
        let err = llmobs.flush(LONG).unwrap_err();
        assert_eq!(err.waiting(), err.spooled(), "{err}");
        assert!(err.failed_sinks().is_empty(), "{err}");
        writeln!(out, "acknowledged {}", (round + 1) * 20).expect("somebody reads");
        out.flush().expect("somebody reads");
    }
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let times = std::env::var(TIMES).ok().and_then(|n| n.parse().ok()).unwrap_or(24);
    for n in 0..times {
        killed(n);
    }
}

/// Kills a process after a few acknowledgements and a little, which differs.
fn killed(n: u64) {
    let directory = tempfile::tempdir().expect("a directory");
    let test = "delivery::crash::writes_until_it_is_killed";
    let mut child = child(None, test, KILLED, directory.path()).spawn().expect("it runs");
    let out = BufReader::new(child.stdout.take().expect("it is read"));
    let mut acknowledged = out.lines().map_while(Result::ok).filter_map(|line| {
        line.split("acknowledged ").nth(1).and_then(|count| count.parse::<u64>().ok())
    });
    let mut last = acknowledged.by_ref().take(1 + n as usize % 7).last().expect("it writes");
    let moment = Instant::now() + Duration::from_micros(n * 397 % 10_000);
    while Instant::now() < moment {
        std::hint::spin_loop();
    }
    child.kill().expect("it runs");
    child.wait().expect("it has ended");
    last = acknowledged.last().unwrap_or(last);

    let path = directory.path().join("llmobs.jsonl");
    drop(JsonLines::open(&path).expect("what a crash left is set right"));
    let lines = support::names(&path);
    let lines: Vec<_> = lines.into_iter().filter(|name| name != "meta").collect();
    assert!(lines.len() as u64 >= last, "{} lines of {last}", lines.len());
    assert_eq!(lines, numbers(0..lines.len() as u64));

    let backend = Backend::default();
    let builder = Builder::new().process_wide(false).spool(directory.path());
    let llmobs = builder.sink(backend.clone()).start().expect("threads");
    let _ = llmobs.shutdown(LONG);
    let (names, losses) = (backend.names(), exact(&llmobs));
    assert!(names.len() as u64 >= last, "{} records of {last}", names.len());
    assert_eq!(names, numbers(0..names.len() as u64), "in order, and each once");
    let (_, waiting, lost) = only_sink(&losses);
    let damaged = lost.get(&LossCause::SpoolDamaged).copied().unwrap_or(0);
    assert!(waiting == 0 && damaged <= 1 && lost.len() as u64 == damaged, "{losses:?}");
    let recovered: u64 = losses.sinks.iter().map(|sink| sink.recovered).sum();
    assert_eq!(recovered, names.len() as u64 + damaged);
}

/// The process whose files may not grow: what does not fit on disk waits in memory.
#[test]
fn writes_until_the_disk_is_full() {
    let Some(directory) = std::env::var_os(FULL) else { return };
    let backend = Backend::away();
    let mut limits = Limits::default();
    limits.sink_records = 1_000;
    let builder = Builder::new().process_wide(false).limits(limits).spool(&directory);
    let llmobs = builder.backoff(Backoff::new().offers(1)).sink(backend.clone());
    let llmobs = llmobs.start().expect("threads");
    step(&llmobs, "0");
    until(|| backend.get().offers > 0);
    for n in 0..100 {
        for name in numbers(n * 50 + 1..n * 50 + 51) {
            step(&llmobs, name);
        }
        until(|| llmobs.losses().open == 0);
    }
    let err = llmobs.flush(LONG).unwrap_err();
    assert_eq!(err.failed_sinks(), ["backend"], "what is in memory is not durable");
    let losses = exact(&llmobs);
    let sink = &losses.sinks[0];
    assert!(sink.spooled > 50 && sink.waiting >= sink.spooled + 1_000, "{losses:?}");
    assert!(sink.lost.contains_key(&LossCause::SinkQueueFull), "{losses:?}");

    // There is room again: what is written now comes behind what was not written as a whole.
    if cfg!(target_os = "linux") {
        let process = std::process::id().to_string();
        let room = Command::new("prlimit").args(["--pid", &process, "--fsize=unlimited"]).status();
        assert!(room.expect("it is there").success());
        let _ = llmobs.flush(LONG);
        for name in numbers(5_001..5_051) {
            step(&llmobs, name);
        }
        assert!(llmobs.flush(LONG).unwrap_err().failed_sinks().is_empty(), "all is on disk");
        let sink = &exact(&llmobs).sinks[0];
        assert_eq!(sink.spooled, sink.waiting);
    }

    backend.get().away = false;
    until(|| exact(&llmobs).sinks[0].waiting == 0);
    let losses = exact(&llmobs);
    assert!(!losses.sinks[0].lost.contains_key(&LossCause::SpoolDamaged), "{losses:?}");
    let names = backend.names();
    assert_eq!(losses.recorded, names.len() as u64 + losses.total(), "{losses:?}");
    let numbers: Vec<u64> = names.iter().map(|name| name.parse().expect("a number")).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "in order, and each once");
    println!("all is well");
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let test = "delivery::crash::writes_until_the_disk_is_full";
    // A write beyond the limit fails as one to a full disk does, instead of ending the process.
    let small = "trap '' XFSZ; ulimit -S -f 64; exec \"$0\" \"$@\"";
    let output = child(Some(small), test, FULL, directory.path()).output().expect("it runs");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && out.contains("all is well"), "{out}");
}

//! What a panic hook saves.

use std::io::Write;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use llmobs_core::{Batch, JsonLines, OnPanic, Record, Sink, SinkError, Verdict};

use super::{LONG, UNFINISHED, builder, call, child, step, text, told_in, until, whole};

const ABORTS: &str = "LLMOBS_TEST_ABORTS";
const ABORTS_SHUT: &str = "LLMOBS_TEST_ABORTS_SHUT";
const ABORTS_HUNG: &str = "LLMOBS_TEST_ABORTS_HUNG";
const GOES_ON: &str = "LLMOBS_TEST_GOES_ON";
const CONTAINED: &str = "LLMOBS_TEST_CONTAINED";

/// What `panic = "abort"` does, once all hooks have run.
fn abort_after_hooks() {
    let hooks = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        hooks(info);
        std::process::abort();
    }));
}

/// Takes so long that nothing is written before somebody waits for it.
fn slowly(_: &mut Record) -> Verdict {
    std::thread::sleep(Duration::from_millis(200));
    Verdict::Keep
}

fn aborts(file: &Path, on_panic: OnPanic) {
    panic::set_hook(Box::new(|_| {
        let _ = writeln!(std::io::stdout(), "the hook before");
    }));
    let lines = JsonLines::open(file).expect("a file");
    let builder = builder().on_panic(on_panic).processor(slowly).sink(lines);
    let llmobs = builder.start().expect("threads");
    abort_after_hooks();
    let _open = call(&llmobs);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            step(&llmobs, "before the panic");
            assert_eq!(llmobs.losses().accepted, 0, "a secret");
        });
    });
}

#[test]
fn panics_and_aborts() {
    let Some(file) = std::env::var_os(ABORTS) else { return };
    aborts(Path::new(&file), OnPanic::Flush);
}

#[test]
fn panics_shuts_down_and_aborts() {
    let Some(file) = std::env::var_os(ABORTS_SHUT) else { return };
    aborts(Path::new(&file), OnPanic::ShutDown);
}

#[track_caller]
fn aborted(output: &Output) {
    #[cfg(unix)]
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(6));
    assert!(!output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn what_was_recorded_before_a_panic_that_aborts_is_there() {
    for (test, variable, expected) in [
        // Whether the panic is caught was not known, so nothing is said of the open call.
        ("panics_and_aborts", ABORTS, &["before the panic"][..]),
        ("panics_shuts_down_and_aborts", ABORTS_SHUT, &["before the panic", UNFINISHED][..]),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("llmobs.jsonl");
        let output = child(&format!("lifecycle::panics::{test}"), variable, &file);
        aborted(&output);
        assert_eq!(told_in(&file), expected, "{test}");
        assert_eq!(text(&output.stdout).matches("the hook before").count(), 1, "{test}");
        assert!(!std::fs::read_to_string(&file).expect("it is read").contains("secret"));
    }
}

/// A sink that never comes back.
#[derive(Debug)]
struct Hung;

impl Sink for Hung {
    fn deliver(&mut self, _: &Batch<'_>) -> Result<(), SinkError> {
        loop {
            std::thread::park();
        }
    }

    fn name(&self) -> &str {
        "hung"
    }
}

#[test]
fn panics_while_a_sink_hangs() {
    let Some(file) = std::env::var_os(ABORTS_HUNG) else { return };
    let lines = JsonLines::open(&file).expect("a file");
    let hung = builder().on_panic(OnPanic::ShutDown).sink(Hung).start().expect("threads");
    let other = builder().on_panic(OnPanic::Flush).sink(Hung).sink(lines).start().expect("threads");
    abort_after_hooks();
    step(&hung, "lost");
    step(&other, "kept");
    panic!("as the test says");
}

#[test]
fn a_sink_that_hangs_does_not_keep_a_panicking_process_alive() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("llmobs.jsonl");
    let test = "lifecycle::panics::panics_while_a_sink_hangs";
    aborted(&child(test, ABORTS_HUNG, &file));
    assert_eq!(told_in(&file), ["kept"]);
}

#[test]
fn panics_and_goes_on() {
    let Some(file) = std::env::var_os(GOES_ON).map(PathBuf::from) else { return };
    let lines = JsonLines::open(&file).expect("a file");
    let builder = builder().on_panic(OnPanic::Flush).processor(slowly).sink(lines);
    let llmobs = builder.start().expect("threads");
    let open = call(&llmobs);
    step(&llmobs, "before the panic");
    panic::catch_unwind(|| panic!("as the test says")).expect_err("it is caught");
    assert_eq!(told_in(&file), ["before the panic"], "it was flushed");
    // Many at once: one thread waits, the others go on.
    std::thread::scope(|threads| {
        for _ in 0..16 {
            threads.spawn(|| {
                let caught = panic::catch_unwind(|| panic!("as the test says"));
                caught.expect_err("it is caught");
            });
        }
    });
    drop(open);
    llmobs.shutdown(LONG).expect("all is well");
    assert_eq!(told_in(&file), ["before the panic", "dropped"]);
    whole(&llmobs);
    panic::catch_unwind(|| panic!("after the end")).expect_err("it is caught");
    drop(llmobs);
    panic::catch_unwind(|| panic!("and after that")).expect_err("it is caught");
}

#[test]
fn a_panic_that_is_caught_changes_nothing_but_when_records_go_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("llmobs.jsonl");
    let output = child("lifecycle::panics::panics_and_goes_on", GOES_ON, &file);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// Panics over the first batch, and counts flushes.
#[derive(Clone, Debug, Default)]
struct Clumsy {
    offers: Arc<AtomicU64>,
    flushes: Arc<AtomicU64>,
}

impl Sink for Clumsy {
    fn deliver(&mut self, _: &Batch<'_>) -> Result<(), SinkError> {
        assert!(self.offers.fetch_add(1, Ordering::SeqCst) > 0, "as the test says");
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.flushes.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn name(&self) -> &str {
        "clumsy"
    }
}

#[test]
fn a_sink_of_its_own_panics() {
    if std::env::var_os(CONTAINED).is_none() {
        return;
    }
    let sink = Clumsy::default();
    let builder = builder().on_panic(OnPanic::Flush).sink(sink.clone());
    let llmobs = builder.start().expect("threads");
    step(&llmobs, "a");
    until(|| llmobs.losses().total() == 1);
    step(&llmobs, "b");
    until(|| llmobs.losses().sinks[0].delivered == 1);
    assert_eq!(sink.flushes.load(Ordering::SeqCst), 0, "nobody has asked for a flush");
}

#[test]
fn a_panic_on_a_thread_of_the_recorders_waits_for_nothing() {
    let test = "lifecycle::panics::a_sink_of_its_own_panics";
    let output = child(test, CONTAINED, Path::new("yes"));
    assert!(output.status.success(), "{}", text(&output.stderr));
}

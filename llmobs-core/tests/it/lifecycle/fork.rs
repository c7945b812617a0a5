//! A process that forks while a recorder runs: its threads stay behind.

use std::path::PathBuf;
use std::process::exit;
use std::time::Duration;

use fork::Fork;
use llmobs_core::testing::Memory;
use llmobs_core::{Builder, JsonLines, Limits, LossCause};

use super::{LONG, builder, call, child, step, text, told_in, whole};

const FORKS: &str = "LLMOBS_TEST_FORKS";

/// What a forked child may rely on: it ends with this when all is well.
const WELL: i32 = 17;

fn in_the_child(llmobs: llmobs_core::Llmobs, directory: &std::path::Path) -> ! {
    // More than there is room for: bounded, and nobody waits.
    for n in 0..100 {
        step(&llmobs, n.to_string());
    }
    assert!(llmobs.losses().lost.contains_key(&LossCause::QueueFull));
    let err = llmobs.flush(Duration::MAX).expect_err("nobody is there");
    assert!(err.is_forked() && err.waiting() > 0 && !err.is_own_thread(), "{err}");
    assert!(err.to_string().starts_with("the recorder runs in the process that"), "{err}");
    assert!(!llmobs.is_enabled(), "nobody would take what is observed");
    assert!(llmobs.idle(Duration::MAX).expect_err("nobody is there").is_forked());
    let flush = futures_lite::future::block_on(llmobs.flush_async(Duration::MAX));
    assert!(flush.expect_err("nobody is there").is_forked());
    assert!(llmobs.shutdown(Duration::MAX).expect_err("nobody is there").is_forked());
    let shutdown = futures_lite::future::block_on(llmobs.shutdown_async(Duration::MAX));
    assert!(shutdown.expect_err("nobody is there").is_forked());
    drop(llmobs);

    // One that is started after the fork is a recorder like any other; the file is the parent's.
    let lines = JsonLines::open(directory.join("llmobs.jsonl")).expect("a file");
    assert_ne!(lines.path(), directory.join("llmobs.jsonl"));
    let file = lines.path().to_owned();
    let own = Builder::new().process_wide(false).sink(lines).spool(directory.join("spool"));
    let own = own.start().expect("threads");
    step(&own, "of the child");
    futures_lite::future::block_on(own.idle_async(LONG)).expect("it is delivered");
    own.shutdown(LONG).expect("it is delivered");
    assert_eq!(told_in(&file), ["of the child"]);
    exit(WELL)
}

#[test]
fn forks_while_a_recorder_runs() {
    let Some(directory) = std::env::var_os(FORKS).map(PathBuf::from) else { return };
    let lines = JsonLines::open(directory.join("llmobs.jsonl")).expect("a file");
    let mut limits = Limits::default();
    limits.operations = 10;
    let memory = Memory::default();
    let builder = builder().limits(limits).spool(directory.join("spool"));
    let llmobs = builder.sink(lines).sink(memory.clone()).start().expect("threads");
    step(&llmobs, "before");
    llmobs.flush(LONG).expect("both take it");
    // Both processes have it open; it is the parent's to end.
    let open = call(&llmobs);
    match fork::fork().expect("a child") {
        Fork::Child => in_the_child(llmobs, &directory),
        Fork::Parent(child) => {
            let status = fork::waitpid(child).expect("it ends");
            assert_eq!(status >> 8, WELL, "the child has failed");
        }
    }
    drop(open);
    step(&llmobs, "after");
    llmobs.shutdown(LONG).expect("the parent's recorder knows nothing of it");
    assert_eq!(told_in(&directory.join("llmobs.jsonl")), ["before", "dropped", "after"]);
    assert_eq!(memory.records().len(), 3);
    whole(&llmobs);
}

#[test]
fn in_a_forked_child_nothing_hangs_and_a_recorder_of_its_own_works() {
    let directory = tempfile::tempdir().expect("a directory");
    let test = "lifecycle::fork::forks_while_a_recorder_runs";
    let output = child(test, FORKS, directory.path());
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
}

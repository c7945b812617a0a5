//! Assertions point at the line that made them and show what there is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use llmobs_core::testing::{AssertRecord, Recording, Records, samples};
use llmobs_core::{Outcome, Record, Step, StepKind};

/// Where a panic came from and what it said.
fn panicked(run: impl FnOnce()) -> (String, String) {
    static FILE: Mutex<Option<String>> = Mutex::new(None);
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    let _alone = ONE_AT_A_TIME.lock().expect("no test panics with it");
    let before = std::panic::take_hook();
    let us = std::thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == us {
            let file = info.location().map(|at| at.file().to_owned());
            *FILE.lock().expect("no test panics with it") = file;
        }
    }));
    let caught = catch_unwind(AssertUnwindSafe(run));
    std::panic::set_hook(before);
    let message = caught.expect_err("the assertion fails");
    let message = message.downcast_ref::<String>().expect("a message").clone();
    (FILE.lock().expect("no test panics with it").take().unwrap_or_default(), message)
}

fn service() -> (Recording, Records) {
    let recording = Recording::new();
    recording.scope().session("s-1").run_sync(|| {
        let answer = Step::start(StepKind::Workflow, "answer");
        answer.run_sync(|| {
            Step::start(StepKind::Retrieval, "find").end();
            let mut check = Step::start(StepKind::Guardrail, "check");
            check.fail("refused");
            check.end();
        });
        answer.end();
    });
    let records = recording.observed();
    (recording, records)
}

const TREE: &str = "\
answer [workflow] completed
  find [retrieval] completed
  check [guardrail] failed (refused)
";

#[test]
fn records_are_a_tree() {
    let (_, records) = service();
    assert_eq!(records.tree(), TREE);
    let answer = records.named("answer").assert_root().assert_outcome(Outcome::Completed);
    records.named("check").assert_child_of(answer).assert_outcome(Outcome::Failed);
    assert_eq!(records.children_of(answer).len(), 2);
    assert_eq!((records.steps().len(), records.interactions().len()), (3, 0));
    records.assert_lacks("a secret");
}

#[test]
fn a_call_is_named_by_its_operation() {
    let records = Records::from(samples::all());
    assert_eq!(records.interactions().len(), 8);
    let one = Records::from(vec![samples::dropped()]);
    one.only().assert_outcome(Outcome::Dropped);
    assert_eq!(one.named("chat"), one.only());
    assert_eq!(one.tree(), "chat small dropped\n");
}

#[test]
fn an_assertion_that_fails_points_at_its_caller_and_shows_the_records() {
    let (_, records) = service();
    let answer = records.named("answer").clone();
    let find = records.named("find").clone();
    let none = Record::default();
    let cases: &[(&str, &dyn Fn())] = &[
        ("expected one record, not 3", &|| drop(records.only().clone())),
        ("expected a record named `nothing`", &|| drop(records.named("nothing").clone())),
        ("expected a child of find [retrieval] completed", &|| {
            answer.assert_child_of(&find);
        }),
        ("expected a child of ?", &|| {
            none.assert_child_of(&none);
        }),
        ("expected a root", &|| {
            find.assert_root();
        }),
        ("expected the outcome `dropped`", &|| {
            answer.assert_outcome(Outcome::Dropped);
        }),
        ("expected `s-1` nowhere, it is in `.session_id`", &|| records.assert_lacks("s-1")),
    ];
    for (expected, case) in cases {
        let (file, message) = panicked(case);
        assert!(message.starts_with(expected), "{message}");
        assert!(file.ends_with("testing.rs") && file.contains("tests"), "{file}");
    }
    let (_, message) = panicked(|| drop(records.only().clone()));
    assert!(message.ends_with(TREE), "{message}");
}

//! The switch for emergencies, and what already waits for a sink.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use llmobs_core::testing::FakePauses;
use llmobs_core::{
    Backoff, Batch, Builder, Content, Limits, Llmobs, Record, Sink, SinkError, TailSampling,
    TraceId, Verdict,
};
use serde_json::json;

use super::{Answer, LONG, exact, until};

const CANARY: &str = "canary";

/// Tells everything of what it is offered, and does what it is told.
#[derive(Debug)]
struct Shows {
    shown: Sender<Vec<String>>,
    answers: Receiver<Answer>,
}

impl Sink for Shows {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        let text = |record: &Record| serde_json::to_string(record).expect("a record is JSON");
        let _ = self.shown.send(batch.records.iter().map(|record| text(record)).collect());
        match self.answers.recv() {
            Ok(Answer::Retry) => Err(SinkError::retryable("later")),
            _ => Ok(()),
        }
    }

    fn name(&self) -> &str {
        "shows"
    }
}

struct Scene {
    llmobs: Llmobs,
    pauses: FakePauses,
    shown: Receiver<Vec<String>>,
    answers: Sender<Answer>,
}

fn scene(configure: impl FnOnce(Builder) -> Builder) -> Scene {
    let ((tell, shown), (answers, told)) = (channel(), channel());
    let pauses = FakePauses::default();
    let builder = Builder::new().process_wide(false).pauses(&pauses);
    let builder = builder.backoff(Backoff::new().offers(1));
    let builder = configure(builder.sink(Shows { shown: tell, answers: told }));
    Scene { llmobs: builder.start().expect("threads"), pauses, shown, answers }
}

impl Scene {
    fn say(&self, name: &str) {
        let message = json!([{ "parts": [{ "content": CANARY }] }]);
        let content = Content { input_messages: Some(message), ..Content::default() };
        let content = Some(Box::new(content));
        let record = Record { name: Some(name.into()), content, ..Record::default() };
        self.llmobs.record(record);
        until(|| self.llmobs.losses().open == 0);
    }

    /// What is offered next: the names, and whether each has its content.
    #[track_caller]
    fn offered(&self) -> Vec<(String, bool)> {
        let lines = self.shown.recv_timeout(LONG).expect("a batch is offered");
        let of = |line: String| {
            let record: Record = serde_json::from_str(&line).expect("a record");
            let content = line.contains(CANARY);
            let withheld = record.cut.as_ref().and_then(|cut| cut.withheld);
            assert_eq!(withheld.is_some(), !content, "{line}");
            (record.name.unwrap_or_default(), content)
        };
        lines.into_iter().map(of).collect()
    }

    fn answer(&self, answer: Answer) {
        self.answers.send(answer).expect("the sink is there");
    }
}

fn with(content: bool, names: &[&str]) -> Vec<(String, bool)> {
    names.iter().map(|name| ((*name).to_owned(), content)).collect()
}

#[test]
fn what_waits_in_memory_goes_out_without_its_content() {
    let scene = scene(|builder| builder);
    scene.say("in hand");
    assert_eq!(scene.offered(), with(true, &["in hand"]));
    scene.say("waits");
    scene.llmobs.forbid_content(true);
    scene.say("after");
    scene.answer(Answer::Retry);
    scene.pauses.pause();
    scene.pauses.advance(Duration::from_secs(31));
    assert_eq!(scene.offered(), with(false, &["in hand"]), "offered again without");
    scene.answer(Answer::Take);
    assert_eq!(scene.offered(), with(false, &["waits", "after"]));
    scene.llmobs.forbid_content(false);
    scene.answer(Answer::Take);
    scene.say("allowed again");
    assert_eq!(scene.offered(), with(true, &["allowed again"]));
    scene.answer(Answer::Take);
    scene.llmobs.flush(LONG).expect("all is taken");
    assert_eq!(exact(&scene.llmobs).sinks[0].delivered, 4);
}

#[test]
fn what_waited_when_it_was_forbidden_stays_without_when_it_is_allowed_again() {
    for spool in [false, true] {
        let directory = tempfile::tempdir().expect("a directory");
        let scene = scene(|builder| match spool {
            true => builder.spool(directory.path()),
            false => builder,
        });
        scene.say("in hand");
        assert_eq!(scene.offered(), with(true, &["in hand"]));
        scene.say("before");
        scene.answer(Answer::Retry);
        scene.pauses.pause();
        let _ = scene.llmobs.flush(LONG);
        scene.say("before, too");
        let _ = scene.llmobs.flush(LONG);
        scene.llmobs.forbid_content(true);
        scene.say("during");
        let _ = scene.llmobs.flush(LONG);
        scene.llmobs.forbid_content(false);
        scene.say("after");
        let _ = scene.llmobs.flush(LONG);
        if spool {
            assert_eq!(exact(&scene.llmobs).sinks[0].spooled, 5);
        }
        drop(scene.answers);
        scene.pauses.advance(Duration::from_secs(31));
        scene.llmobs.flush(LONG).expect("all is taken");
        let line = |lines: Vec<String>| lines.into_iter();
        let lines: Vec<_> = scene.shown.try_iter().flat_map(line).collect();
        let shown = |line: &String| line.contains(CANARY);
        assert_eq!(lines.iter().map(shown).collect::<Vec<_>>(), [false, false, false, false, true]);
        assert_eq!(exact(&scene.llmobs).sinks[0].delivered, 5, "{spool}");
    }
}

#[test]
fn what_an_earlier_process_left_goes_out_without_its_content_while_that_is_forbidden() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = scene(|builder| builder.spool(directory.path()));
    first.say("left");
    assert_eq!(first.offered(), with(true, &["left"]));
    first.answer(Answer::Retry);
    first.pauses.pause();
    first.llmobs.flush(LONG).expect_err("it is on disk");
    let copy = || {
        let copy = tempfile::tempdir().expect("a directory");
        super::spool::copy_all(directory.path(), copy.path());
        copy
    };
    for forbidden in [false, true] {
        let copy = copy();
        let second = scene(|builder| builder.spool(copy.path()));
        let mut offered = second.offered();
        second.answer(Answer::Retry);
        second.pauses.pause();
        second.llmobs.forbid_content(forbidden);
        second.pauses.advance(Duration::from_secs(31));
        offered.extend(second.offered());
        let expected = [with(true, &["left"]), with(!forbidden, &["left"])].concat();
        assert_eq!(offered, expected);
        drop(second.answers);
        second.llmobs.shutdown(LONG).expect("all is taken");
    }
    drop(first.answers);
}

#[test]
fn what_is_taken_over_while_content_is_forbidden_goes_out_without_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let second = scene(|builder| builder.spool(directory.path()));
    drop(second.answers);
    second.llmobs.forbid_content(true);
    let first = scene(|builder| builder.spool(directory.path()));
    first.say("left");
    assert_eq!(first.offered(), with(true, &["left"]));
    first.answer(Answer::Retry);
    first.pauses.pause();
    first.answer(Answer::Retry);
    let left = first.llmobs.shutdown(LONG).expect_err("nobody takes it");
    assert_eq!((left.waiting(), left.spooled()), (1, 1));
    second.pauses.advance(Duration::from_secs(60));
    until(|| {
        second.llmobs.flush(LONG).expect("all is taken");
        exact(&second.llmobs).sinks[0].recovered == 1
    });
    second.llmobs.flush(LONG).expect("all is taken");
    let lines: Vec<_> = second.shown.try_iter().flatten().collect();
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].contains(CANARY), "{lines:?}");
}

#[test]
fn nothing_leaks_however_the_switch_and_the_records_cross() {
    let mut limits = Limits::default();
    limits.sink_records = 100_000;
    let scene = scene(|builder| builder.limits(limits));
    drop(scene.answers);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..2_000 {
                let content = Content { query: Some(CANARY.into()), ..Content::default() };
                let content = Some(Box::new(content));
                let record = Record { name: Some(n.to_string()), content, ..Record::default() };
                scene.llmobs.record(record);
            }
        });
        // On for good in the end: nothing with content is offered from then on.
        for _ in 0..200 {
            scene.llmobs.forbid_content(true);
            scene.llmobs.forbid_content(false);
        }
        scene.llmobs.forbid_content(true);
        let before = scene.shown.try_iter().flatten().count();
        let _ = before;
    });
    // One batch may have been on its way to the sink as the switch was thrown.
    scene.llmobs.flush(LONG).expect("all is taken");
    let late = Record {
        name: Some("late".into()),
        content: Some(Box::new(Content { query: Some(CANARY.into()), ..Content::default() })),
        ..Record::default()
    };
    let _ = scene.shown.try_iter().count();
    scene.llmobs.record(late);
    scene.llmobs.flush(LONG).expect("it is taken");
    let last: Vec<_> = scene.shown.try_iter().flatten().collect();
    assert!(last.iter().all(|line| !line.contains(CANARY)), "{last:?}");
    assert_eq!(exact(&scene.llmobs).sinks[0].delivered, 2_001);
}

#[test]
fn what_waits_to_be_sampled_goes_out_without_its_content_if_that_is_forbidden_at_the_very_end() {
    let ((enter, entered), (leave, left)) = (channel(), channel::<()>());
    let slow = move |record: &mut Record| {
        if record.name.as_deref() == Some("slow") {
            let _ = enter.send(());
            let _ = left.recv();
        }
        Verdict::Keep
    };
    let sampling = TailSampling::new(1.0).linger(LONG).quiet(LONG);
    let scene = scene(|builder| builder.tail_sampling(sampling).processor(slow));
    drop(scene.answers);
    let content = Content { query: Some(CANARY.into()), ..Content::default() };
    let content = Some(Box::new(content));
    scene.llmobs.record(Record { trace_id: TraceId::new(7), content, ..Record::default() });
    scene.llmobs.record(Record { name: Some("slow".into()), ..Record::default() });
    entered.recv_timeout(LONG).expect("the worker is busy");
    let mut shutdown = std::pin::pin!(scene.llmobs.shutdown_async(LONG));
    let begun = futures_lite::future::poll_once(shutdown.as_mut());
    assert!(futures_lite::future::block_on(begun).is_none(), "the worker is still busy");
    scene.llmobs.forbid_content(true);
    drop(leave);
    futures_lite::future::block_on(shutdown).expect("all is taken");
    let lines: Vec<_> = scene.shown.try_iter().flatten().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| !line.contains(CANARY)), "{lines:?}");
}

//! Starting and stopping, on every kind of thread and runtime.

mod ends;
#[cfg(unix)]
mod fork;
mod idle;
mod mistakes;
mod panics;
mod runtimes;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Wake, Waker};
use std::time::Duration;

use llmobs_core::testing::CountingIds;
use llmobs_core::{
    Builder, Call, CallStart, Capture, Decoder, Fold, Losses, Outcome, Record, Recorder, Route,
    StepKind, Target,
};

use crate::support::NoAnswer;

/// Longer than any test takes, so that one that hangs fails instead.
const LONG: Duration = Duration::from_secs(60);

/// Reads nothing: calls are named by it, and that is all.
#[derive(Debug)]
struct Silent;

impl Decoder for Silent {
    fn route(&self, _: &Target<'_>) -> Option<Route> {
        Some(Route { operation: "chat", api: "silent", provider: None })
    }

    fn request(&self, _: &Route, body: &[u8], _: Capture, record: &mut Record) {
        record.model = std::str::from_utf8(body).ok().map(str::to_owned);
    }

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(NoAnswer)
    }
}

fn builder() -> Builder {
    Builder::new().ids(CountingIds::default()).process_wide(false).decoder(Silent)
}

/// A call that is open until it is dropped.
fn call(recorder: &Recorder) -> Call {
    let target = Target { method: "POST", host: "localhost", port: Some(80), path: "/chat" };
    let start = CallStart { target, body: Some("m".into()), body_len: None };
    recorder.call(start).expect("there is room")
}

fn step(recorder: &Recorder, name: impl Into<String>) {
    recorder.step(StepKind::Tool, name.into()).end();
}

/// What is told of a record: its name, or the outcome of a call.
fn told(record: &Record) -> String {
    match (&record.name, record.outcome) {
        (Some(name), _) => name.clone(),
        (None, Some(outcome)) => outcome.as_str().to_owned(),
        (None, None) => "meta".to_owned(),
    }
}

fn told_in(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("the file is there");
    let record = |line: &str| serde_json::from_str(line).expect("each line is a record");
    text.lines().map(|line| told(&record(line))).filter(|told| told != "meta").collect()
}

const UNFINISHED: &str = "unfinished";

#[test]
fn the_word_for_what_was_still_open_is_that_of_the_record() {
    assert_eq!(Outcome::Unfinished.as_str(), UNFINISHED);
}

/// The account holds, and nothing was lost or is left.
#[track_caller]
fn whole(recorder: &Recorder) -> Losses {
    let losses = recorder.losses();
    assert_eq!((losses.open, losses.total()), (0, 0), "{losses:?}");
    assert_eq!(losses.accepted, losses.recorded + losses.refused_by_rule, "{losses:?}");
    for sink in &losses.sinks {
        assert_eq!((sink.delivered, sink.waiting), (losses.recorded, 0), "{losses:?}");
    }
    losses
}

/// A waker that says when it is used.
struct Bell(Sender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

fn bell() -> (Waker, Receiver<()>) {
    let (ring, rings) = channel();
    (Arc::new(Bell(ring)).into(), rings)
}

/// Runs one test of this program in a process of its own, which `directory` tells that it is meant.
fn child(test: &str, variable: &str, value: &Path) -> Output {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(variable, value);
    command.stdin(Stdio::null()).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until something is so, which it must become.
#[track_caller]
fn until(mut so: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !so() {
        assert!(began.elapsed() < LONG, "it never came to be");
        std::thread::yield_now();
    }
}

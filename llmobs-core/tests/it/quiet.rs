//! Streams that have gone quiet.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use bytes::Bytes;
use llmobs_core::testing::{FakeClock, Memory, Recording};
use llmobs_core::{
    BodyEnd, Builder, CallStart, Capture, Closing, Decoder, Event, EventFacts, Fold, Outcome,
    Record, Recorder, Route, Tap, Target,
};

/// Tells of each event as the worker reads it.
#[derive(Clone, Debug)]
struct Telling(Sender<String>);

impl Decoder for Telling {
    fn route(&self, _: &Target<'_>) -> Option<Route> {
        Some(Route { operation: "chat", api: "telling", provider: None })
    }

    fn request(&self, _: &Route, _: &[u8], _: Capture, _: &mut Record) {}

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(self.clone())
    }
}

impl Fold for Telling {
    fn event(&mut self, event: &Event<'_>) -> EventFacts {
        self.0.send(String::from_utf8_lossy(event.data).into_owned()).expect("the test listens");
        EventFacts { output: true, ..EventFacts::default() }
    }

    fn body(&mut self, _: &[u8]) -> bool {
        true
    }

    fn finish(self: Box<Self>, _: &mut Record) -> Closing {
        Closing::default()
    }
}

fn telling() -> (Recording, Receiver<String>) {
    let (tell, told) = channel();
    (Recording::with(|builder| builder.decoder(Telling(tell))), told)
}

fn open(recording: &Recording) -> Tap {
    begin(recording.recorder())
}

fn begin(recorder: &Recorder) -> Tap {
    let target = Target { method: "POST", host: "localhost", port: Some(80), path: "/chat" };
    let call = recorder.call(CallStart { target, body: None, body_len: None });
    let call = call.expect("there is room");
    let tap = call.handle().attempt().headers(200, std::iter::empty());
    call.returned();
    tap
}

fn next(told: &Receiver<String>) -> String {
    told.recv_timeout(Duration::from_secs(60)).expect("the worker reads on")
}

/// So many that what all of them keep back is worth a look.
fn others(recording: &Recording) -> Vec<Tap> {
    (0..256).map(|_| open(recording)).collect()
}

/// Lets time go by until the worker has looked; gives the first event that it finds.
fn wait(recording: &Recording, told: &Receiver<String>) -> String {
    let looks = std::iter::repeat_with(|| {
        recording.clock().advance(Duration::from_millis(200));
        told.recv_timeout(Duration::from_millis(100))
    });
    looks.take(600).find_map(Result::ok).expect("the worker looks")
}

#[test]
fn what_a_quiet_stream_has_sent_is_read_while_it_is_quiet() {
    let (recording, told) = telling();
    let _others = others(&recording);
    let mut tap = open(&recording);
    for n in 0..3 {
        tap.data(&Bytes::from(format!("data: {n}\n\ndata: {n}+\n\n")));
        assert_eq!([wait(&recording, &told), next(&told)], [format!("{n}"), format!("{n}+")]);
    }
    tap.end(BodyEnd::Complete);
    let record = recording.records().pop().expect("a record");
    assert_eq!(record.wire.and_then(|wire| wire.events), Some(6));
}

#[test]
fn what_a_stream_has_sent_is_read_at_a_shutdown_too() {
    let (tell, told) = channel();
    let memory = Memory::default();
    let builder = Builder::new().process_wide(false).decoder(Telling(tell)).sink(memory.clone());
    // No time passes, so nobody has looked at it.
    let llmobs = builder.clock(FakeClock::default()).start().expect("threads");
    let mut tap = begin(&llmobs);
    tap.data(&Bytes::from("data: 1\n\ndata: 2\n\n"));
    llmobs.shutdown(Duration::from_secs(60)).expect("all is delivered");
    assert_eq!([next(&told), next(&told)], ["1", "2"]);
    let record = memory.records().pop().expect("a record");
    assert_eq!(record.outcome, Some(Outcome::Unfinished));
    assert_eq!(record.wire.and_then(|wire| wire.events), Some(2));
}

#[test]
fn reads_stay_in_order_whoever_sends_them() {
    let (recording, told) = telling();
    let _others = others(&recording);
    let mut tap = open(&recording);
    // Sent when they are full, and by the worker when there is a pause, in turns.
    let fill = "x".repeat(700);
    let number = |event: String| event.split(' ').next().and_then(|n| n.parse().ok());
    let mut read = Vec::new();
    for n in 0..2_000_u32 {
        tap.data(&Bytes::from(format!("data: {n} {fill}\n\n")));
        recording.clock().advance(Duration::from_millis(u64::from(n % 17)));
        while n % 250 == 249 && read.last() != Some(&Some(n)) {
            read.push(number(wait(&recording, &told)));
        }
    }
    tap.end(BodyEnd::Complete);
    assert!(read.into_iter().eq((0..2_000).map(Some)), "out of order");
    assert_eq!(recording.records().pop().expect("a record").cut, None);
}

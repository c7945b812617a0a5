//! Values that are too large, too deep, broken, or nobody's business.

use std::ffi::OsString;
use std::fmt;

use llmobs_core::Capture;
use llmobs_core::testing::{AssertRecord, Recording};
use llmobs_macros::trace_llm;
use serde::ser::{Error as _, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::told::{arguments, one, result};

/// Panics, or refuses, when somebody looks at it.
enum Bad {
    Panics,
    Refuses,
}

impl Serialize for Bad {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Panics => std::panic::resume_unwind(Box::new("canary")),
            Self::Refuses => {
                let mut seq = serializer.serialize_seq(None)?;
                seq.serialize_element("canary")?;
                Err(S::Error::custom("canary"))
            }
        }
    }
}

struct BadDebug;

impl fmt::Debug for BadDebug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("canary")?;
        std::panic::resume_unwind(Box::new("canary"))
    }
}

#[trace_llm(crate = llmobs_core, capture(args, output), fields(bad = &bad, worse = worse(), fine = 1))]
fn bad_values(bad: Bad, debug: BadDebug, fine: u8) -> Bad {
    let _ = debug;
    let _ = fine;
    bad
}

fn worse() -> u8 {
    std::panic::resume_unwind(Box::new("canary"))
}

#[test]
fn values_that_panic_or_refuse_cost_themselves_and_are_counted() {
    for bad in [Bad::Panics, Bad::Refuses] {
        let record = one(Capture::ALL, || bad_values(bad, BadDebug, 1));
        assert_eq!(arguments(&record), Some(&json!({"fine": 1})));
        assert_eq!(Value::from_iter(record.attributes.clone()), json!({"fine": 1}));
        let cut = record.cut.as_ref().expect("it is told");
        assert_eq!((cut.values, cut.attributes), (Some(3), Some(2)));
        record.assert_lacks("canary");
    }
}

#[trace_llm(crate = llmobs_core, capture(args, output), fields(text = text))]
fn large<T: Serialize>(text: &str, value: T) -> T {
    let _ = text;
    value
}

#[test]
fn what_is_too_large_is_cut_and_says_so() {
    let text = "\u{e9}\"".repeat(50 << 18);
    let record = one(Capture::ALL, || drop(large(&text, vec![1; 10_000])));
    let kept = arguments(&record).expect("kept")["text"].as_str().expect("a text").to_owned();
    assert!(text.starts_with(&kept) && (12_000..=16_384).contains(&kept.len()), "{}", kept.len());
    let attribute = record.attributes["text"].as_str().expect("a text");
    assert!(text.starts_with(attribute) && (700..=1_024).contains(&attribute.len()));
    let cut = record.cut.expect("it is told");
    assert_eq!(cut.attributes, Some(1));
    let content = cut.content.expect("it is told");
    assert!(content.missing > 64 << 10 && content.bytes - content.missing <= 3 << 14);
    assert_eq!(content.sha256, None, "not all of it was seen, and there were several");

    let record = one(Capture::NONE.output(true), || drop(large("", "x".repeat(20_000))));
    let content = record.cut.expect("it is told").content.expect("it is told");
    assert_eq!((content.bytes, content.missing), (20_002, 20_002 - 16_384));
    // Of the value's JSON: `printf '"%s"' xxx… | sha256sum`.
    assert_eq!(content.sha256.as_deref(), Some(HASH));
}

const HASH: &str = "e03d9e85eec7bdc57d99d7347dc8df60e467ba0bcf8d242db601ce4c6c01798a";

#[derive(Serialize)]
struct Deep(Option<Vec<Deep>>);

#[test]
fn what_is_too_deep_is_cut() {
    let deep = (0..20_000).fold(Deep(None), |deep, _| Deep(Some(vec![deep])));
    let record = one(Capture::NONE.output(true), || {
        let mut left = Some(large("", deep));
        // Dropped level by level: the usual way has no stack for it.
        while let Some(Deep(Some(mut inner))) = left {
            left = inner.pop();
        }
    });
    assert_eq!(result(&record), Some(&json!("[".repeat(64))));
    assert!(record.cut.expect("it is told").content.is_some());
}

#[cfg(unix)]
#[test]
fn what_is_no_text_is_told_as_what_it_is() {
    use std::os::unix::ffi::OsStringExt;

    let odd = OsString::from_vec(vec![b'a', 0xff]);
    let record = one(Capture::NONE.output(true), || drop(large("", odd.clone())));
    assert_eq!(result(&record), Some(&json!({"Unix": [97, 255]})));
    let record = one(Capture::NONE.output(true), || {
        drop(large("", std::path::PathBuf::from(odd)));
    });
    assert_eq!(record.cut.expect("a path refuses").values, Some(1));
}

#[test]
fn odd_values_are_json_all_the_same() {
    let odd = json!({"": "\u{0}\u{7f}\u{2028}\"\\\n\r\t", "n": [null, true, -1, 1e300]});
    let record = one(Capture::NONE.output(true), || drop(large("", odd.clone())));
    assert_eq!(result(&record), Some(&odd));

    let keys = std::collections::BTreeMap::from([(1, 'a'), (2, 'b')]);
    let record = one(Capture::NONE.output(true), || drop(large("", (keys, f64::NAN, Some(())))));
    assert_eq!(result(&record), Some(&json!([{"1": "a", "2": "b"}, null, null])));
}

#[derive(Serialize)]
enum Shape {
    Unit,
    New(u8),
    Tuple(u8, u8),
    Struct { a: u8 },
}

#[test]
fn enums_look_as_serde_json_writes_them() {
    let shapes = || [Shape::Unit, Shape::New(1), Shape::Tuple(1, 2), Shape::Struct { a: 1 }];
    let expected = serde_json::to_value(shapes()).expect("it is JSON");
    let record = one(Capture::NONE.output(true), || large("", shapes()));
    assert_eq!(result(&record), Some(&expected));
}

/// Fails the test when somebody looks at it.
#[derive(Clone, Copy)]
struct Untouched;

impl Serialize for Untouched {
    fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        unreachable!("nobody listens")
    }
}

#[trace_llm(crate = llmobs_core, capture(args, output), fields(x = touched(value)))]
fn untouched(value: Untouched) -> Untouched {
    value
}

fn touched(_value: Untouched) -> u8 {
    unreachable!("nobody listens")
}

#[test]
fn nothing_is_looked_at_when_nobody_listens() {
    let _untouched = untouched(Untouched);
    let recording = Recording::new();
    recording.recorder().set_enabled(false);
    recording.recorder().set_capture(Capture::ALL);
    recording.scope().run_sync(|| drop(Box::new(untouched(Untouched))));
    assert!(recording.records().is_empty());
}

#[test]
fn no_more_than_there_is_room_for_is_held() {
    let recording = Recording::new();
    recording.recorder().set_capture(Capture::ALL);
    let mut step = recording.recorder().step(llmobs_core::StepKind::Chain, "much");
    let text = "x".repeat(100_000);
    for n in 0..100 {
        step.argument(format!("a{n}"), &text);
        step.attribute(format!("b{n}"), &n);
        step.output_item(&text);
    }
    step.tool_call_id("y".repeat(1_000));
    step.end();
    let record = &recording.records()[0];
    let content = record.content.as_ref().expect("some of it is kept");
    assert_eq!(content.arguments.as_ref().expect("some").as_object().expect("named").len(), 2);
    assert_eq!(record.attributes.len(), 64);
    let cut = record.cut.as_ref().expect("it is told");
    assert_eq!((cut.values, cut.attributes), (Some(196), Some(37)));
    assert!(serde_json::to_string(record).expect("it is JSON").len() < 100_000);
}

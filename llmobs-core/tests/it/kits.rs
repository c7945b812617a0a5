//! Our own implementations pass the kits, and the kits tell those that do not.

pub(crate) mod toy;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use llmobs_core::testing::{Memory, Recording, kit};
use llmobs_core::{
    Batch, Console, JsonLines, LocalBackend, OpenSpan, Record, Rotation, Sink, SinkError,
    SpanStart, TraceBackend, Verdict,
};

use self::toy::{Toy, exchange};

/// What a kit says when it fails.
#[track_caller]
fn complaint<R>(check: impl FnOnce() -> R) -> String {
    let caught = catch_unwind(AssertUnwindSafe(|| drop(check())));
    let panic = caught.expect_err("the kit finds the fault");
    panic.downcast_ref::<String>().expect("an assertion's message").clone()
}

#[test]
fn our_sinks_pass() {
    let memory = Memory::default();
    let given = kit::check_sink(|| memory.clone());
    assert_eq!(memory.records()[..given.len()], given);
    kit::check_sink(|| Console::new(std::io::sink()));
    kit::check_sink(|| JsonLines::writer(std::io::sink()));
}

#[test]
fn json_lines_pass_and_are_valid_against_the_schema() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("llmobs.jsonl");
    let given = kit::check_sink(|| JsonLines::open(&path).unwrap());
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().skip(1).take(given.len()).collect();
    assert_eq!(lines.len(), given.len());
    for (line, record) in lines.iter().zip(&given) {
        assert_eq!(*line, serde_json::to_string(record).unwrap());
        serde_json::from_str::<Record>(line).unwrap();
    }
    for line in lines.iter().take(20) {
        crate::schema::assert_valid(&serde_json::from_str(line).unwrap());
    }

    let small = Rotation::new().bytes(20_000).keep(3);
    kit::check_sink(|| JsonLines::open(&path).unwrap().rotation(small));
}

#[test]
fn a_sink_that_refuses_odd_records_does_not_pass() {
    #[derive(Debug)]
    struct Picky;
    impl Sink for Picky {
        fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
            let odd = |record: &&Arc<Record>| record.request_id.is_none() && record.meta.is_none();
            match batch.records.iter().find(odd) {
                Some(_) => Err(SinkError::permanent("no id")),
                None => Ok(()),
            }
        }
        fn name(&self) -> &str {
            "picky"
        }
    }
    let said = complaint(|| kit::check_sink(|| Picky));
    assert!(said.starts_with("picky: a record was not taken"), "{said}");
}

#[test]
fn rules_that_keep_to_the_rules_pass() {
    let redact = || {
        |record: &mut Record| {
            record.content = None;
            Verdict::Keep
        }
    };
    assert!(kit::check_processor(redact).iter().all(|record| record.content.is_none()));
    let failures_only = || {
        |record: &mut Record| match record.error {
            Some(_) => Verdict::Keep,
            None => Verdict::Refuse,
        }
    };
    assert!(kit::check_processor(failures_only).iter().all(|record| record.error.is_some()));
}

#[test]
fn rules_that_panic_or_change_ids_do_not_pass() {
    let careless = || {
        |record: &mut Record| {
            assert!(record.model.is_some(), "this rule thinks of calls only");
            Verdict::Keep
        }
    };
    assert!(complaint(|| kit::check_processor(careless)).contains("it panicked over"));
    let forger = || {
        |record: &mut Record| {
            record.span_id = None;
            Verdict::Keep
        }
    };
    assert!(complaint(|| kit::check_processor(forger)).contains("an id or the time"));
}

#[test]
fn the_backend_without_opentelemetry_passes() {
    kit::check_backend(LocalBackend);
}

#[test]
fn a_backend_that_keeps_the_thread_does_not_pass() {
    use std::cell::RefCell;

    thread_local!(static OPEN: RefCell<Vec<OpenSpan>> = const { RefCell::new(Vec::new()) });

    /// Forgets to give the thread back when what it runs panics.
    #[derive(Debug)]
    struct Sticky;
    impl TraceBackend for Sticky {
        fn start(&self, start: &SpanStart<'_>) -> OpenSpan {
            let open = OPEN.with_borrow(|open| open.last().map(|span| span.identity));
            LocalBackend::child_of(open.or(start.innermost.identity()), start.ids)
        }
        fn attach(&self, span: &OpenSpan, run: &mut dyn FnMut()) {
            OPEN.with_borrow_mut(|open| open.push(span.clone()));
            run();
            OPEN.with_borrow_mut(|open| open.pop());
        }
        fn mode(&self) -> Option<&'static str> {
            None
        }
    }
    let said = complaint(|| kit::check_backend(Sticky));
    assert!(said.contains("after a panic inside attach"), "{said}");
}

#[test]
fn a_decoder_passes_or_does_not() {
    let records = kit::check_decoder(Toy::default(), &[exchange()]);
    assert_eq!(records[0].output_tokens, Some(3));
    assert!(records[0].content.is_some());

    let said =
        complaint(|| kit::check_decoder(Toy { leaks: true, ..Toy::default() }, &[exchange()]));
    assert!(said.contains("expected `secret` nowhere"), "{said}");
    let said =
        complaint(|| kit::check_decoder(Toy { panics: true, ..Toy::default() }, &[exchange()]));
    assert!(said.contains("the decoder panicked over an answer"), "{said}");
    let said =
        complaint(|| kit::check_decoder(Toy { stranger: true, ..Toy::default() }, &[exchange()]));
    assert!(said.contains("does not know"), "{said}");
}

#[test]
fn what_memory_gave_away_it_has_no_more() {
    let recording = Recording::new();
    recording.recorder().step(llmobs_core::StepKind::Tool, "a").end();
    assert_eq!(recording.take().len(), 1);
    assert_eq!(recording.take().len(), 0);
}

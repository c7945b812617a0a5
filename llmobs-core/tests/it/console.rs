//! Records for the eye.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use llmobs_core::testing::samples;
use llmobs_core::{Console, Record, Sink};

use crate::support::offer;

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics with it").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn shown(records: Vec<Record>) -> String {
    let out = Shared::default();
    let records: Vec<_> = records.into_iter().map(Arc::new).collect();
    offer(&mut Console::new(out.clone()), &records).expect("memory takes everything");
    let bytes = out.0.lock().expect("no test panics with it").clone();
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn each_record_is_one_line_with_what_matters() {
    let expected = "\
2026-01-01T00:00:00.000Z meta
2026-01-01T00:00:00.001Z chat small-2026-01-01 completed in=1200 out=340 ttft=312ms tpot=11.5ms total=3512ms
2026-01-01T00:00:00.006Z chat small completed ttft=190ms total=3512ms
2026-01-01T00:00:00.002Z chat small interrupted total=90000ms cut
2026-01-01T00:00:00.003Z chat small failed (rate_limit_exceeded) attempts=3 total=2250ms
2026-01-01T00:00:00.006Z chat small failed (connect) attempts=4 total=7500ms
2026-01-01T00:00:00.004Z chat small dropped ttft=250ms total=400ms
2026-01-01T00:00:00.006Z chat small completed attempts=3 total=22300ms
2026-01-01T00:00:00.006Z chat small completed in=1200 out=340 cost=0.00048USD total=1000ms
2026-01-01T00:00:00.005Z retrieval find_documents failed (timeout) total=12ms
2026-01-01T00:00:00.006Z tool look_up completed total=8ms cut
2026-01-01T00:00:00.007Z retrieval search completed total=4ms
2026-01-01T00:00:00.006Z generate_content small completed in=230 out=1060 total=20000ms
2026-01-01T00:00:00.000Z meta lost queue_full=3 lost sink_failed=12
";
    assert_eq!(shown(samples::all()), expected);
}

#[test]
fn a_name_cannot_break_the_line_or_steer_the_terminal() {
    let name = Some("a\nb\x1b[2J\u{2028}".to_owned());
    let line = shown(vec![Record { name, ..Record::default() }]);
    assert_eq!(line, "record a\\u{a}b\\u{1b}[2J\\u{2028}\n");
}

#[test]
fn a_closed_pipe_costs_the_lines_and_nothing_else() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut console = Console::new(Closed);
    for _ in 0..2 {
        let err = offer(&mut console, &[Arc::new(samples::step())]).unwrap_err();
        assert!(!err.is_retryable());
        assert_eq!(err.to_string(), "the console cannot be written");
    }
    console.flush().unwrap();
}

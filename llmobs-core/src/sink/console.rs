//! Records for the eye.

use std::fmt::{self, Write as _};
use std::io::Write;

use super::{Batch, Sink, SinkError};
use crate::record::{Kind, Record};
use crate::semconv::operation;

/// Writes one short line per record to any writer, standard error by default.
///
/// It is for looking on, not for keeping: a line leaves out most of the record. A writer that is
/// gone, as a closed pipe is, costs the lines, which are counted, and nothing else.
///
/// ```text
/// 2026-01-01T00:00:00.001Z chat small-2026-01-01 completed in=1200 out=340 ttft=312ms total=3512ms
/// 2026-01-01T00:00:00.005Z retrieval find_documents failed (timeout) total=13ms
/// ```
pub struct Console<W = std::io::Stderr> {
    out: W,
    lines: String,
}

impl Default for Console {
    fn default() -> Self {
        Self::new(std::io::stderr())
    }
}

impl<W: Write> Console<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, lines: String::new() }
    }
}

impl<W: Write + Send + 'static> Sink for Console<W> {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        self.lines.clear();
        for record in batch.records {
            line(&mut self.lines, record);
        }
        // What has been written of a batch cannot be taken back: offering it again would double it.
        let failed = |err| SinkError::permanent("the console cannot be written").caused_by(err);
        self.out.write_all(self.lines.as_bytes()).map_err(failed)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        let failed = |err| SinkError::permanent("the console cannot be flushed").caused_by(err);
        self.out.flush().map_err(failed)
    }

    fn name(&self) -> &str {
        "console"
    }
}

impl<W> fmt::Debug for Console<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").finish_non_exhaustive()
    }
}

fn line(out: &mut String, record: &Record) {
    let mut words = Words(out);
    words.or_not(record.timestamp.map(|time| {
        let nanos = i128::from(time.unix_nanos());
        format!("{:.3}", jiff::Timestamp::from_nanosecond(nanos).unwrap_or_default())
    }));
    match (&record.operation, record.step, record.kind) {
        (Some(operation), _, _) => words.word(operation),
        (None, Some(step), _) => words.word(step.as_str()),
        (None, None, Kind::Meta) => words.word("meta"),
        (None, None, Kind::Evaluation) => words.word("evaluation"),
        (None, None, _) => words.word("record"),
    }
    if let Some(evaluation) = &record.evaluation {
        words.word(&evaluation.name);
        words.or_not(evaluation.score.map(|score| format!("score={score}")));
        words.or_not(evaluation.label.as_deref());
        words.or_not(evaluation.error_type.as_ref().map(|kind| format!("({kind})")));
    }
    if record.operation.as_deref() == Some(operation::API_CALL) {
        words.or_not(record.api.as_deref());
    }
    words.or_not(record.name.as_deref());
    words.or_not(record.model_version.as_deref().or(record.model.as_deref()));
    words.or_not(record.outcome.map(|outcome| outcome.as_str()));
    if let Some(error) = &record.error {
        words.word(&format!("({})", error.kind));
    }
    words.or_not(record.attempts.filter(|n| *n > 1).map(|n| format!("attempts={n}")));
    words.or_not(record.input_tokens.map(|n| format!("in={n}")));
    words.or_not(record.output_tokens.map(|n| format!("out={n}")));
    let cost = record.cost.as_ref();
    words.or_not(cost.map(|cost| format!("cost={}{}", cost.total, cost.currency)));
    words.or_not(record.ttft_ms.map(|ms| format!("ttft={ms:.0}ms")));
    words.or_not(record.tpot_ms.map(|ms| format!("tpot={ms:.1}ms")));
    words.or_not(record.total_latency_ms.map(|ms| format!("total={ms:.0}ms")));
    words.or_not(record.cut.is_some().then_some("cut"));
    let losses = record.meta.as_ref().and_then(|meta| meta.losses.as_ref());
    for (cause, n) in losses.iter().flat_map(|losses| &losses.lost) {
        words.word(&format!("lost {cause}={n}"));
    }
    out.push('\n');
}

/// Words of one line.
struct Words<'a>(&'a mut String);

impl Words<'_> {
    fn or_not(&mut self, word: Option<impl AsRef<str>>) {
        if let Some(word) = word {
            self.word(word.as_ref());
        }
    }

    fn word(&mut self, word: &str) {
        if !self.0.is_empty() && !self.0.ends_with('\n') {
            self.0.push(' ');
        }
        for char in word.chars() {
            // A line is one line, and no record steers somebody's terminal.
            if char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') {
                let _ = write!(self.0, "{}", char.escape_unicode());
            } else {
                self.0.push(char);
            }
        }
    }
}

//! What a case is made of.

use llmobs::{ErrorClass, Outcome};
use llmobs_testserver::{Answer, Gate};

use super::apis::{Api, Mode, TOKENS};
use super::readers::Reader;

/// One way to end.
pub(super) struct Way {
    pub(super) name: &'static str,
    /// What it is for this API and mode.
    pub(super) cell: fn(Api, Mode) -> Cell,
}

pub(super) enum Cell {
    Case(Case),
    /// There is no such thing, and why.
    Absent(&'static str),
}

/// What is played, and what must be recorded of it.
pub(super) struct Case {
    /// What the server says, in turn; none at all for a server that is gone.
    pub(super) answers: Vec<Answer>,
    /// Opened once the reader has left or been answered, so that no script outlives its case.
    pub(super) gate: Gate,
    pub(super) reader: Reader,
    pub(super) outcome: Outcome,
    /// `error.type` and `error.class`.
    pub(super) error: Option<(&'static str, ErrorClass)>,
    pub(super) code: Option<&'static str>,
    /// HTTP status of the answer, where it is known in every run.
    pub(super) status: Option<u16>,
    pub(super) attempts: u32,
    /// Tokens that are kept, and counted as output events of a stream; `None` where none was read.
    pub(super) kept: Option<usize>,
    /// The answer came in one piece, though a stream was asked for.
    pub(super) in_one_piece: bool,
    pub(super) malformed: Option<u64>,
    /// Status inside the answer.
    pub(super) response_status: Option<&'static str>,
    pub(super) finish_reason: Option<&'static str>,
}

pub(super) fn case(outcome: Outcome) -> Case {
    Case {
        answers: Vec::new(),
        gate: Gate::new(),
        reader: Reader::Stays,
        outcome,
        error: None,
        code: None,
        status: None,
        attempts: 1,
        kept: None,
        in_one_piece: false,
        malformed: None,
        response_status: None,
        finish_reason: None,
    }
}

impl Case {
    pub(super) fn says(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    /// Says this and waits for the reader.
    pub(super) fn waits(self, answer: Answer) -> Self {
        let answer = answer.wait(&self.gate);
        self.says(answer)
    }

    /// Says nothing while the reader is there.
    pub(super) fn hangs(self, answer: Answer) -> Self {
        let answer = answer.hang(&self.gate);
        self.says(answer)
    }

    pub(super) fn reader(self, reader: Reader) -> Self {
        Self { reader, ..self }
    }

    pub(super) fn error(self, kind: &'static str, class: ErrorClass) -> Self {
        Self { error: Some((kind, class)), ..self }
    }

    pub(super) fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    pub(super) fn status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    pub(super) fn attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    pub(super) fn kept(self, tokens: usize) -> Self {
        Self { kept: Some(tokens), ..self }
    }

    pub(super) fn malformed(self, events: u64) -> Self {
        Self { malformed: Some(events), ..self }
    }

    pub(super) fn is(self, response_status: &'static str) -> Self {
        Self { response_status: Some(response_status), ..self }
    }

    /// A good end, by this API's own signs.
    pub(super) fn finished(self, api: Api) -> Self {
        let case = self.status(200).kept(TOKENS.len());
        match api {
            Api::Responses => case.is("completed"),
            _ => Self { finish_reason: Some("stop"), ..case },
        }
    }

    /// Two tokens of a stream, or half of a body, of which nothing can be kept.
    pub(super) fn halfway(self, api: Api, mode: Mode) -> Self {
        match mode {
            Mode::Streamed => self.status(200).kept(2).begun(api),
            Mode::Whole => self,
        }
    }

    /// What the events before the first token say.
    pub(super) fn begun(self, api: Api) -> Self {
        if api == Api::Responses { self.is("in_progress") } else { self }
    }
}

/// Two tokens of a stream, or half of a body whose rest is still to come.
pub(super) fn half(api: Api, mode: Mode) -> Answer {
    match mode {
        Mode::Streamed => api.begun(2),
        Mode::Whole => {
            let whole = api.whole().to_string();
            let (half, _) = whole.split_at(whole.len() / 2);
            Answer::bytes(200, "application/json", half.to_owned()).chunked()
        }
    }
}

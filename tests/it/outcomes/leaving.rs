//! What readers do, each way written once for all APIs, streamed and not.

use std::time::Duration;

use llmobs::Outcome;
use llmobs_testserver::{Answer, Step};

use super::apis::Mode;
use super::case::{Cell, Way, case, half};
use super::readers::Reader;

/// Between two signs of life of a server that goes on.
const TICK: Duration = Duration::from_millis(1);

pub(super) const WAYS: &[Way] = &[
    Way {
        name: "a reader that leaves before the headers",
        cell: |api, mode| {
            let case = case(Outcome::Dropped).hangs(api.good(mode));
            Cell::Case(case.reader(Reader::LeavesUnanswered))
        },
    },
    Way {
        name: "a reader that leaves before the first event",
        cell: |_, mode| match mode {
            Mode::Streamed => Cell::Case(
                case(Outcome::Dropped)
                    .waits(Answer::stream("text/event-stream"))
                    .reader(Reader::LeavesAtOnce)
                    .status(200)
                    .kept(0),
            ),
            Mode::Whole => Cell::Absent("a body has no events"),
        },
    },
    Way {
        name: "a reader that leaves while the server sends",
        cell: |api, mode| match mode {
            Mode::Streamed => {
                let ping = [Step::Write(": ping\n\n".into()), Step::Pause(TICK)];
                Cell::Case(
                    case(Outcome::Dropped)
                        .says(api.begun(2).endless(ping))
                        .reader(Reader::Leaves)
                        .halfway(api, mode),
                )
            }
            Mode::Whole => Cell::Absent("the client reads bodies itself: see `select!` and abort"),
        },
    },
    Way {
        name: "a reader that leaves while the server thinks",
        cell: |api, mode| match mode {
            Mode::Streamed => Cell::Case(
                case(Outcome::Dropped)
                    .waits(api.begun(2))
                    .reader(Reader::Leaves)
                    .halfway(api, mode),
            ),
            Mode::Whole => Cell::Absent("the client reads bodies itself: see `select!` and abort"),
        },
    },
    Way {
        name: "a reader that leaves after the last event, before the end",
        cell: |api, mode| match mode {
            Mode::Streamed => {
                let answer = api.finish().into_iter().take(1).fold(api.begun(3), Answer::write);
                let case = case(Outcome::Completed).waits(answer).finished(api);
                Cell::Case(case.reader(Reader::LeavesAfterTheLast))
            }
            Mode::Whole => Cell::Absent("a body has no events"),
        },
    },
    Way {
        name: "a reader that leaves after the wire's end",
        cell: |api, mode| match mode {
            Mode::Streamed => {
                let case = case(Outcome::Completed).says(api.stream()).finished(api);
                Cell::Case(case.reader(Reader::LeavesAfterTheLast))
            }
            Mode::Whole => Cell::Absent("nothing of a body is left to read then"),
        },
    },
    Way {
        name: "a future that loses in `select!`",
        cell: |api, mode| {
            let case = case(Outcome::Dropped).waits(half(api, mode)).halfway(api, mode);
            Cell::Case(case.reader(Reader::LosesTheRace))
        },
    },
    Way {
        name: "a task that is aborted",
        cell: |api, mode| {
            let case = case(Outcome::Dropped).waits(half(api, mode)).halfway(api, mode);
            Cell::Case(case.reader(Reader::IsAborted))
        },
    },
    Way {
        name: "a reader that panics",
        cell: |api, mode| {
            let case = case(Outcome::Dropped).waits(half(api, mode)).halfway(api, mode);
            Cell::Case(case.reader(Reader::Panics))
        },
    },
    Way {
        name: "a shutdown before the headers",
        cell: |api, mode| {
            let case = case(Outcome::Unfinished).hangs(api.good(mode));
            Cell::Case(case.reader(Reader::OutlivesTheRecorderUnanswered))
        },
    },
    Way {
        name: "a shutdown in the middle",
        cell: |api, mode| {
            let case = case(Outcome::Unfinished).waits(half(api, mode)).halfway(api, mode);
            Cell::Case(case.reader(Reader::OutlivesTheRecorder))
        },
    },
];

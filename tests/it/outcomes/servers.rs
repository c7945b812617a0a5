//! What servers and networks do, each way written once for all APIs, streamed and not.

use llmobs::{ErrorClass, Outcome};
use llmobs_testserver::Answer;
use serde_json::json;

use super::apis::{Api, Mode, ended, error, gave_up, output, response, with};
use super::case::{Case, Cell, Way, case, half};
use super::readers::Reader;

pub(super) const WAYS: &[Way] = &[
    Way {
        name: "a finish",
        cell: |api, mode| Cell::Case(case(Outcome::Completed).says(api.good(mode)).finished(api)),
    },
    Way {
        name: "an HTTP error",
        cell: |_, _| {
            let answer = Answer::json(400, &error("invalid_request_error", "unsupported_value"));
            Cell::Case(
                case(Outcome::Failed)
                    .says(answer)
                    .error("invalid_request_error", ErrorClass::InvalidRequest)
                    .code("unsupported_value")
                    .status(400),
            )
        },
    },
    Way {
        name: "an HTTP error in no format",
        cell: |_, _| {
            let case = case(Outcome::Failed).says(Answer::text(404, "what?")).status(404);
            Cell::Case(case.error("404", ErrorClass::NotFound))
        },
    },
    Way {
        name: "no connection",
        cell: |_, _| {
            let case = case(Outcome::Failed).attempts(4);
            Cell::Case(case.error("connect", ErrorClass::Connect))
        },
    },
    Way {
        name: "no headers in time",
        cell: |api, mode| {
            Cell::Case(
                case(Outcome::Failed)
                    .hangs(api.good(mode))
                    .reader(Reader::WaitsTooLongForHeaders)
                    .error("timeout", ErrorClass::Timeout),
            )
        },
    },
    Way {
        name: "no end in time",
        cell: |api, mode| {
            Cell::Case(
                case(Outcome::Failed)
                    .waits(half(api, mode))
                    .reader(Reader::WaitsTooLongForTheEnd)
                    .error("timeout", ErrorClass::Timeout)
                    .halfway(api, mode),
            )
        },
    },
    Way {
        name: "an error inside an answer of status 200",
        cell: |api, mode| {
            let case = case(Outcome::Failed).status(200).code("server_error");
            let case = case.error("server_error", ErrorClass::ServerError);
            Cell::Case(match (mode, api) {
                (Mode::Streamed, _) => {
                    case.says(api.begun(2).write(api.error())).kept(2).begun(api)
                }
                (Mode::Whole, Api::Responses) => {
                    case.says(Answer::json(200, &gave_up("server_error"))).is("failed")
                }
                (Mode::Whole, _) => {
                    case.says(Answer::json(200, &error("server_error", "server_error")))
                }
            })
        },
    },
    Way {
        name: "a malformed event, or body",
        cell: |api, mode| match mode {
            Mode::Streamed => {
                let answer = api.begun(3).write("data: {not json\n\n");
                let answer = api.finish().into_iter().fold(answer, Answer::write);
                let case = case(Outcome::Completed).says(answer).finished(api);
                Cell::Case(case.malformed(1))
            }
            Mode::Whole => {
                let case = case(Outcome::Completed).says(Answer::text(200, "garbage"));
                Cell::Case(case.status(200).malformed(1))
            }
        },
    },
    Way {
        name: "a cut connection",
        cell: |api, mode| {
            Cell::Case(
                case(Outcome::Failed)
                    .says(half(api, mode).cut())
                    .error("transport", ErrorClass::Transport)
                    .halfway(api, mode)
                    .status(200),
            )
        },
    },
    Way {
        name: "a connection closed before the headers",
        cell: |_, _| {
            let answer = Answer::status(200).close_before_headers().repeat();
            let case = case(Outcome::Failed).says(answer);
            Cell::Case(case.error("transport", ErrorClass::Transport))
        },
    },
    Way {
        name: "a cut connection after the last event",
        cell: |api, mode| match mode {
            Mode::Streamed => {
                // Without `[DONE]`, where there is one: what ends the answer is enough.
                let answer = api.finish().into_iter().take(1).fold(api.begun(3), Answer::write);
                Cell::Case(case(Outcome::Completed).says(answer.cut()).finished(api))
            }
            Mode::Whole => Cell::Absent("a body whose last byte has come is whole"),
        },
    },
    Way {
        name: "no end marker",
        cell: |api, mode| match mode {
            Mode::Streamed => {
                let case = case(Outcome::Interrupted).says(api.begun(2));
                Cell::Case(case.halfway(api, mode))
            }
            Mode::Whole => Cell::Absent("a body ends by its framing, and has no marker"),
        },
    },
    Way {
        name: "nothing at all under status 200",
        cell: |_, mode| match mode {
            Mode::Streamed => {
                let case = case(Outcome::Interrupted).says(Answer::stream("text/event-stream"));
                Cell::Case(case.status(200).kept(0))
            }
            Mode::Whole => {
                Cell::Case(case(Outcome::Completed).says(Answer::status(200)).status(200))
            }
        },
    },
    Way {
        name: "a whole answer to a request for a stream",
        cell: |api, mode| match mode {
            Mode::Streamed => {
                let case = case(Outcome::Completed).says(api.good(Mode::Whole));
                Cell::Case(Case { in_one_piece: true, ..case.finished(api) })
            }
            Mode::Whole => Cell::Absent("it is what was asked for"),
        },
    },
    Way {
        name: "retries that were of no use",
        cell: |_, _| {
            Cell::Case(
                case(Outcome::Failed)
                    .says(limited().repeat())
                    .attempts(4)
                    .error("requests", ErrorClass::RateLimit)
                    .code("rate_limit_exceeded")
                    .status(429),
            )
        },
    },
    Way {
        name: "retries of no use, in no format",
        cell: |_, _| {
            let case = case(Outcome::Failed).says(Answer::text(503, "busy").repeat());
            Cell::Case(case.attempts(4).error("503", ErrorClass::Overloaded).status(503))
        },
    },
    Way {
        name: "a retry, then a finish",
        cell: |api, mode| {
            let case = case(Outcome::Completed).says(limited()).says(api.good(mode));
            Cell::Case(case.attempts(2).finished(api))
        },
    },
    Way {
        name: "a retry, then a cut connection",
        cell: |api, mode| {
            Cell::Case(
                case(Outcome::Failed)
                    .says(Answer::text(502, "<html>"))
                    .says(half(api, mode).cut())
                    .attempts(2)
                    .error("transport", ErrorClass::Transport)
                    .halfway(api, mode)
                    .status(200),
            )
        },
    },
    Way {
        name: "a retry, then an HTTP error",
        cell: |_, _| {
            Cell::Case(
                case(Outcome::Failed)
                    .says(limited())
                    .says(Answer::json(401, &error("invalid_request_error", "invalid_api_key")))
                    .attempts(2)
                    .error("invalid_request_error", ErrorClass::Authentication)
                    .code("invalid_api_key")
                    .status(401),
            )
        },
    },
    Way {
        name: "an answer that the server gave up",
        cell: |api, mode| {
            if api != Api::Responses {
                return Cell::Absent("an answer has no status of its own");
            }
            let failed = gave_up("rate_limit_exceeded");
            let case = case(Outcome::Failed)
                .error("rate_limit_exceeded", ErrorClass::RateLimit)
                .code("rate_limit_exceeded")
                .status(200)
                .is("failed");
            Cell::Case(match mode {
                Mode::Streamed => {
                    case.says(api.begun(2).write(ended("response.failed", failed))).kept(2)
                }
                Mode::Whole => case.says(Answer::json(200, &failed)),
            })
        },
    },
    Way {
        name: "an answer cut by a limit of tokens",
        cell: |api, mode| {
            if api != Api::Responses {
                return Cell::Absent("it is a finish like any other");
            }
            let reason = json!({"reason": "max_output_tokens"});
            let cut = with(response("incomplete", output()), "incomplete_details", reason);
            let case = case(Outcome::Completed).status(200).is("incomplete").kept(3);
            let case = Case { finish_reason: Some("max_output_tokens"), ..case };
            Cell::Case(match mode {
                Mode::Streamed => case.says(api.begun(3).write(ended("response.incomplete", cut))),
                Mode::Whole => case.says(Answer::json(200, &cut)),
            })
        },
    },
    Way {
        name: "an answer that is still to be made",
        cell: |api, mode| match (api, mode) {
            (Api::Responses, Mode::Whole) => {
                let queued = Answer::json(200, &response("queued", json!([])));
                Cell::Case(case(Outcome::Completed).says(queued).status(200).is("queued"))
            }
            (Api::Responses, Mode::Streamed) => {
                let queued = ended("response.queued", response("queued", json!([])));
                let answer = Answer::stream("text/event-stream").write(queued);
                let case = case(Outcome::Interrupted).says(answer);
                Cell::Case(case.status(200).is("queued").kept(0))
            }
            _ => Cell::Absent("there is no answering in the background"),
        },
    },
    Way {
        name: "an answer that was cancelled",
        cell: |api, mode| {
            let cancelled = response("cancelled", json!([]));
            let case = case(Outcome::Completed).status(200).is("cancelled");
            match (api, mode) {
                (Api::Responses, Mode::Whole) => {
                    Cell::Case(case.says(Answer::json(200, &cancelled)))
                }
                (Api::Responses, Mode::Streamed) => {
                    let answer = api.begun(2).write(ended("response.cancelled", cancelled));
                    Cell::Case(case.says(answer).kept(2))
                }
                _ => Cell::Absent("there is no answering in the background"),
            }
        },
    },
];

fn limited() -> Answer {
    Answer::json(429, &error("requests", "rate_limit_exceeded"))
}

//! How a call ended, and what failed where the provider did not say.

use super::class::class;
use crate::call::{BodyEnd, Ending, TransportError};
use crate::decoder::Closing;
use crate::record::{Failure, Outcome, Term};
use crate::semconv::error_type;

/// The first rule that holds decides.
pub(super) fn outcome(
    ending: Ending,
    status: Option<u16>,
    closing: &Closing,
    stream: bool,
) -> Outcome {
    if status.is_some_and(|status| status >= 400) || closing.failed {
        return Outcome::Failed;
    }
    if closing.complete {
        return Outcome::Completed;
    }
    match ending {
        Ending::Body(BodyEnd::Failed(_)) | Ending::Error(_) => Outcome::Failed,
        Ending::Body(BodyEnd::Complete) if stream => Outcome::Interrupted,
        // A body that is no stream is complete when its length is.
        Ending::Body(BodyEnd::Complete) => Outcome::Completed,
        Ending::Body(BodyEnd::Dropped) | Ending::Dropped => Outcome::Dropped,
        Ending::Unfinished => Outcome::Unfinished,
    }
}

/// Adds to what the provider said of a failure what is known without it.
pub(super) fn failure(
    told: Option<Box<Failure>>,
    ending: Ending,
    status: Option<u16>,
) -> Box<Failure> {
    let mut failure = told.unwrap_or_default();
    failure.status = failure.status.or(status.filter(|status| *status >= 400));
    if failure.kind.is_empty() {
        failure.kind = failure_type(ending, status);
    }
    failure.class = failure.class.or_else(|| Some(class(&failure, ending.transport_error())));
    failure
}

/// What failed, where the provider did not say.
fn failure_type(ending: Ending, status: Option<u16>) -> Term {
    if let Some(status) = status.filter(|status| *status >= 400) {
        return status.to_string().into();
    }
    match ending.transport_error() {
        Some(TransportError::Connect) => error_type::CONNECT,
        Some(TransportError::Timeout) => error_type::TIMEOUT,
        Some(TransportError::Broken) => error_type::TRANSPORT,
        Some(TransportError::Request) => error_type::REQUEST,
        Some(TransportError::Other) | None => error_type::OTHER,
    }
    .into()
}

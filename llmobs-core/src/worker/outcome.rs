//! How a call ended, and what failed where the provider did not say.

use crate::call::{BodyEnd, Ending};
use crate::decoder::Closing;
use crate::record::{Outcome, Term};
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

/// What failed, where the provider did not say.
pub(super) fn failure_type(ending: Ending, status: Option<u16>) -> Term {
    if let Some(status) = status.filter(|status| *status >= 400) {
        return status.to_string().into();
    }
    let (Ending::Body(BodyEnd::Failed(error)) | Ending::Error(error)) = ending else {
        return error_type::OTHER.into();
    };
    error.error_type().into()
}

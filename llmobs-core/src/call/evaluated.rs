//! What a judgement of a call needs to know of it.

use super::{Call, CallRef, CallShared};
use crate::record::{Evaluated, prompt_identity};

/// What is known while the call is under way: what answers, and by which id, is not.
impl From<&CallRef> for Evaluated {
    fn from(call: &CallRef) -> Self {
        of(&call.0)
    }
}

/// The same as of its [`CallRef`].
impl From<&Call> for Evaluated {
    fn from(call: &Call) -> Self {
        of(&call.shared)
    }
}

fn of(call: &CallShared) -> Evaluated {
    let identity = call.span.identity;
    let scope = call.attributes.as_ref();
    Evaluated {
        trace_id: Some(identity.trace_id),
        span_id: Some(identity.span_id),
        request_id: Some(call.request_id),
        session_id: scope.and_then(|scope| scope.session_id.clone()),
        prompt: scope.and_then(|scope| scope.prompt.as_ref()).map(prompt_identity),
        unsampled: !identity.sampled,
        ..Evaluated::default()
    }
}

//! The headers a call carries to its host.

use http::{HeaderMap, HeaderValue};
use llmobs_core::CallRef;

/// Puts in the headers that `call` is to carry, unless the application has put in its own.
pub fn propagate(call: &CallRef, headers: &mut HeaderMap) {
    let Some(carried) = call.propagation() else { return };
    let fields = [("traceparent", Some(carried.traceparent)), ("baggage", carried.baggage)];
    for (name, value) in fields {
        let value = value.and_then(|value| HeaderValue::try_from(value).ok());
        if let Some(value) = value.filter(|_| !headers.contains_key(name)) {
            headers.insert(name, value);
        }
    }
}

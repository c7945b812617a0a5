//! What a call carries to the host it goes to.

use super::CallRef;
use crate::scope::{Scope, traceparent};

/// Headers that let a host's own spans join the trace of a call, by W3C Trace Context and Baggage.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Propagation {
    /// Value of `traceparent`: the call's span.
    pub traceparent: String,
    /// Value of `baggage`, where it was turned on and there is something to carry.
    pub baggage: Option<String>,
}

impl CallRef {
    /// What the request is to carry; `None` unless the host was named in
    /// [`Builder::propagate_to`](crate::Builder::propagate_to). A header that is there already is the
    /// application's own and stays.
    pub fn propagation(&self) -> Option<Propagation> {
        let call = &self.0;
        let shared = call.recorder.shared();
        if !shared.propagate_to.iter().any(|host| host.fits(call.host(), call.port)) {
            return None;
        }
        let attributes = call.attributes.clone().filter(|_| shared.propagate_baggage);
        let baggage = attributes.map(Scope::of).and_then(|scope| {
            let hashed = shared.user_id_key.as_ref().zip(scope.user_id());
            match hashed.map(|(key, id)| key.hash(id)) {
                Some(user) => scope.user(user).to_baggage(),
                None => scope.to_baggage(),
            }
        });
        Some(Propagation { traceparent: traceparent(&call.span.identity), baggage })
    }
}

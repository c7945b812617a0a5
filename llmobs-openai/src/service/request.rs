//! How requests get to the transport, and ours with them.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use llmobs_core::{CallRef, UsagePolicy};
use llmobs_http::propagate;
use reqwest::Request;

use super::hand_over::{self, InHand};
use crate::usage;

/// A factory that hands `first` out once, and builds anew for each retry, so that a request is built
/// as often as without us; each time it asks for usage as `policy` has it, and says to the attempt
/// layer whose attempt it is.
pub(super) fn factory(
    first: Request,
    rebuild: HttpRequestFactory,
    call: Option<CallRef>,
    policy: UsagePolicy,
) -> HttpRequestFactory {
    let first = Mutex::new(Some(first));
    HttpRequestFactory::new(move || {
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (rebuild, call) = (rebuild.clone(), call.clone());
        async move {
            let mut request = match first {
                Some(request) => request,
                None => rebuild.build().await?,
            };
            let Some(call) = call else { return Ok(request) };
            let unasked =
                if hand_over::is_awaited() { usage::ask(policy, &mut request) } else { 0 };
            propagate(&call, request.headers_mut());
            llmobs_http::reqwest::watch(&mut request, &call);
            let attempt = call.attempt();
            if unasked > 0 {
                attempt.usage_injected();
            }
            hand_over::leave(InHand { attempt, unasked });
            Ok(request)
        }
    })
}

/// Builds the request when that takes no waiting, as for every JSON body.
pub(super) fn build_now(factory: &HttpRequestFactory) -> Option<Result<Request, OpenAIError>> {
    let mut cx = Context::from_waker(Waker::noop());
    match std::pin::pin!(factory.build()).poll(&mut cx) {
        Poll::Ready(built) => Some(built),
        Poll::Pending => None,
    }
}

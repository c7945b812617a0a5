//! Work of ours that nobody is to observe, and words of ours that somebody may hear.

use std::future::{Future, poll_fn};
use std::pin::pin;

use llmobs_core::contain;
pub(crate) use llmobs_core::contain::say;
use opentelemetry::Context;

/// Runs with `tracing` and OpenTelemetry turned off: what we export is never observed in turn.
pub(crate) fn untraced<R>(run: impl FnOnce() -> R) -> R {
    let _suppressed = Context::enter_telemetry_suppressed_scope();
    contain::untraced(run)
}

/// The same for each poll of a future.
#[cfg_attr(not(feature = "prometheus"), expect(dead_code, reason = "there is no server"))]
pub(crate) async fn unobserved<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| untraced(|| future.as_mut().poll(cx))).await
}

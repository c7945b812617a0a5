//! Work of ours that nobody is to observe, and words of ours that somebody may hear.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::OnceLock;

use opentelemetry::Context;
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, dispatcher};

/// Runs with `tracing` and OpenTelemetry turned off: what we export is never observed in turn.
pub(crate) fn untraced<R>(run: impl FnOnce() -> R) -> R {
    // One for the process: each new one has all callsites asked anew.
    static SILENT: OnceLock<Dispatch> = OnceLock::new();
    let _suppressed = Context::enter_telemetry_suppressed_scope();
    // Without a subscriber nobody hears. To set one, if only here, would end what `tracing` then gives
    // to `log` in the whole process.
    if !dispatcher::has_been_set() {
        return run();
    }
    // Not `Dispatch::none()`: callsites met first under that one stay silent everywhere.
    dispatcher::with_default(SILENT.get_or_init(|| Dispatch::new(NoSubscriber::new())), run)
}

/// The same for each poll of a future.
#[cfg_attr(not(feature = "prometheus"), expect(dead_code, reason = "there is no server"))]
pub(crate) async fn unobserved<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| untraced(|| future.as_mut().poll(cx))).await
}

/// Says something to the application's subscriber, which may panic.
pub(crate) fn say(event: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(event)) {
        // It may panic once more as it is dropped.
        std::mem::forget(panic);
    }
}

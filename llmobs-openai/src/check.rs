//! Whether a client is under observation, for the user's own tests.

use std::cell::Cell;
use std::pin::pin;
use std::task::{Context, Waker};

use async_openai::Client;
use async_openai::config::Config;
use async_openai::types::chat::CreateChatCompletionRequest;

thread_local! {
    static PROBE: Cell<Option<Instrumentation>> = const { Cell::new(None) };
}

/// Which of the two layers a client's calls pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Instrumentation {
    /// The layer that observes logical calls.
    pub calls: bool,
    /// The layer that observes single HTTP requests.
    pub attempts: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Layer {
    Call,
    Attempt,
}

/// Whether this is a probe and no call; that it came by this layer is noted.
pub(crate) fn probed(layer: Layer) -> bool {
    let probe = PROBE.try_with(|probe| {
        let mut seen = probe.get()?;
        match layer {
            Layer::Call => seen.calls = true,
            Layer::Attempt => seen.attempts = true,
        }
        probe.set(Some(seen));
        Some(())
    });
    matches!(probe, Ok(Some(())))
}

/// Tells which layers a client's calls pass. No request is sent: our layers stop the call, and one
/// that does not meet them is dropped before a connection can be made.
pub fn instrumentation<C: Config>(client: &Client<C>) -> Instrumentation {
    PROBE.set(Some(Instrumentation::default()));
    let chat = client.chat();
    let call = chat.create(CreateChatCompletionRequest::default());
    // A client that is not ours may want a runtime for its first step, and panic without one.
    let polled = std::panic::AssertUnwindSafe(|| {
        let _ = pin!(call).poll(&mut Context::from_waker(Waker::noop()));
    });
    let _ = std::panic::catch_unwind(polled);
    PROBE.take().unwrap_or_default()
}

/// Fails, at the caller's line, when a client is not under observation.
///
/// # Panics
///
/// When it is not: for instance since `with_http_client` was called after our service was set.
#[track_caller]
#[expect(clippy::panic, reason = "an assertion for tests")]
pub fn assert_instrumented<C: Config>(client: &Client<C>) {
    match instrumentation(client) {
        Instrumentation { calls: true, attempts: true } => {}
        Instrumentation { calls: true, attempts: false } => panic!(
            "the client's calls pass llmobs' CallLayer but not its AttemptLayer: put the latter \
             right around the transport"
        ),
        _ => panic!(
            "the client is not under observation: make it with llmobs::openai::client, or set \
             llmobs::openai::service last (with_http_client removes it)"
        ),
    }
}

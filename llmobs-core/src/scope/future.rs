//! Futures that carry their scope.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Scope, scope};

pin_project! {
    /// A future that runs in a [`Scope`]: the scope is current during each poll.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InScope<F> {
        #[pin]
        future: F,
        scope: Scope,
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut future = this.future;
        let mut polled = Poll::Pending;
        this.scope.attach(&mut || polled = future.as_mut().poll(cx));
        polled
    }
}

/// Carries a scope along with a future.
///
/// ```
/// use llmobs_core::{ScopeExt, scope};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let seen = scope()
///     .session("s-1")
///     .run(async {
///         let task = async { scope().session_id().map(str::to_owned) };
///         tokio::spawn(task.in_current_scope()).await
///     })
///     .await;
/// assert_eq!(seen.unwrap().as_deref(), Some("s-1"));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait ScopeExt: Future + Sized {
    /// Runs the future in `scope`.
    fn in_scope(self, scope: Scope) -> InScope<Self> {
        InScope { future: self, scope }
    }

    /// Runs the future in the scope that is current here: for `tokio::spawn` and its like.
    fn in_current_scope(self) -> InScope<Self> {
        self.in_scope(scope())
    }
}

impl<F: Future> ScopeExt for F {}

//! The application's own fallback between models, as one logical call.

use std::borrow::Cow;

use crate::record::StepKind;
use crate::step::Step;

/// Begins a logical call that may take several models to answer.
///
/// Every call made inside is an attempt of it, in the order they begin. The attempts keep their own
/// records, each with its place in [`Record::fallback`](crate::Record::fallback). The logical call
/// is a step of kind [`StepKind::Fallback`] above them: its outcome, error and model are those of
/// the last attempt, its [`totals`](crate::Record::totals) are the sums over all of them.
///
/// A stream that is still read when the future has returned belongs to it: the record comes when
/// the stream has ended.
///
/// ```
/// # async fn ask(model: &str) -> Result<String, std::io::Error> {
/// #     if model == "large" { Err(std::io::ErrorKind::TimedOut.into()) } else { Ok("42".into()) }
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let answer = llmobs_core::fallback("answer")
///     .run(async {
///         match ask("large").await {
///             Ok(answer) => Ok(answer),
///             Err(_) => ask("small").await,
///         }
///     })
///     .await;
/// assert_eq!(answer?, "42");
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn fallback(name: impl Into<Cow<'static, str>>) -> Fallback {
    Fallback(Step::start(StepKind::Fallback, name))
}

/// A logical call under way; dropped before it has run to its end, it is recorded as dropped.
#[derive(Debug)]
#[must_use = "nothing belongs to it until it runs"]
pub struct Fallback(Step);

impl Fallback {
    /// Runs the attempts.
    pub async fn run<F: Future>(self, attempts: F) -> F::Output {
        let result = self.0.run(attempts).await;
        self.0.end();
        result
    }

    /// Runs attempts that block.
    pub fn run_sync<R>(self, attempts: impl FnOnce() -> R) -> R {
        let result = self.0.run_sync(attempts);
        self.0.end();
        result
    }
}

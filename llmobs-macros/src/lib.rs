//! The attribute `#[trace_llm]` of llmobs.
//!
//! Applications use it as `llmobs::trace_llm`; this crate alone is for those who build on
//! `llmobs-core` without the `llmobs` crate, and say so with `crate = llmobs_core`.

// From what is written to what comes out.
mod args;
mod function;

mod check;
mod expand;
mod fallback;

use proc_macro::TokenStream;

/// Records each run of a function as a step, and what it calls inside as the step's children.
///
/// ```
/// use llmobs_core::testing::Recording;
/// use llmobs_core::{Outcome, StepKind};
/// # // With the `llmobs` crate: `use llmobs::trace_llm;`, and no `crate = …`.
/// use llmobs_macros::trace_llm;
///
/// #[trace_llm(kind = "retriever", name = "kb.search", crate = llmobs_core)]
/// async fn search(question: &str) -> Result<Vec<String>, std::io::Error> {
///     let found = fetch(question).await?;
///     Ok(rank(found))
/// }
///
/// #[trace_llm(kind = "reranker", crate = llmobs_core)]
/// fn rank(mut found: Vec<String>) -> Vec<String> {
///     found.sort();
///     found
/// }
/// # async fn fetch(question: &str) -> Result<Vec<String>, std::io::Error> {
/// #     Ok(vec![question.to_owned()])
/// # }
///
/// let recording = Recording::new();
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// recording.scope().run(search("why?")).await?;
/// # Ok::<(), std::io::Error>(())
/// # })?;
///
/// let [rank, search] = recording.records().try_into().expect("two steps");
/// assert_eq!(search.name.as_deref(), Some("kb.search"));
/// assert_eq!(search.step, Some(StepKind::Retrieval));
/// assert_eq!(search.outcome, Some(Outcome::Completed));
/// assert_eq!(rank.name.as_deref(), Some("rank"));
/// assert_eq!(rank.parent_span_id, search.span_id);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Arguments
///
/// - `kind = "…"`: what the function does, one of `prompt`, `router`, `retriever`, `reranker`,
///   `embedding`, `tool`, `agent`, `workflow`, `chain`, `guardrail`, `postprocess`, `evaluator` and
///   `llm`. Defaults to `chain`.
/// - `name = "…"`: the step's name. Defaults to the function's.
/// - `crate = path`: where to find llmobs. Defaults to `::llmobs`.
///
/// # What it goes on
///
/// Functions and methods with a body: `async` or not, generic or not, in traits and their
/// implementations, with `#[async_trait]` or without. A function that returns a future is observed
/// while the future runs, if its body ends in an `async` block, in `Box::pin` of one or in its
/// `.boxed()`; futures returned earlier in the body are not observed, and a body that ends in a
/// future made elsewhere is refused. A function that returns an iterator or a stream is observed while it
/// makes it, not while it is read.
///
/// # How a step ends
///
/// - By returning: completed.
/// - By returning an `Err`: failed, with the name of the error's type. The message is not recorded;
///   it may quote prompts and answers. `None` is a value like any other. In a generic function, a
///   `Result` is known for one if the signature says so.
/// - By a panic: failed, with the type `panic`.
/// - By a drop of the future, as by `select!` or a timeout: dropped. A future that is dropped before
///   its first poll has no step.
///
/// # What it costs
///
/// Where nobody listens, a look at who might. The arguments and the result are never formatted,
/// cloned or boxed; the future stays [`Send`] if it was.
///
/// # What it changes
///
/// The body moves into a closure or an `async` block. So `#[track_caller]` gives the location in the
/// function itself, and a few lints of clippy that follow arguments and results through a body
/// (`needless_pass_by_value`, `needless_return`, `unnecessary_wraps`) see less than before.
///
/// # The expansion
///
/// For the two functions above, with shorter paths:
///
/// ```
/// use llmobs_core::__private::{NoteResult as _, NoteValue as _, Returned, Step, StepKind, never};
/// # use llmobs_core::testing::Recording;
///
/// async fn search(question: &str) -> Result<Vec<String>, std::io::Error> {
///     let mut step = Step::start(StepKind::Retrieval, "kb.search");
///     let value = Step::run(&step, async move {
///         // Never taken: it tells the compiler what the block gives.
///         if let Some(value) = never::<Result<Vec<String>, std::io::Error>>() {
///             return value;
///         }
///         let found = fetch(question).await?;
///         Ok(rank(found))
///     })
///     .await;
///     // Finds the method for `Result` if the value is one, else the one for anything.
///     (&Returned(&value)).__llmobs_note(&mut step);
///     Step::end(step);
///     value
/// }
///
/// fn rank(mut found: Vec<String>) -> Vec<String> {
///     let mut step = Step::start(StepKind::Rerank, "rank");
///     let value = Step::run_sync(&step, move || -> Vec<String> {
///         found.sort();
///         found
///     });
///     (&Returned(&value)).__llmobs_note(&mut step);
///     Step::end(step);
///     value
/// }
/// # async fn fetch(question: &str) -> Result<Vec<String>, std::io::Error> {
/// #     Err(std::io::Error::other(question.to_owned()))
/// # }
///
/// # let recording = Recording::new();
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # assert!(recording.scope().run(search("why?")).await.is_err());
/// # });
/// # let [search] = recording.records().try_into().expect("one step");
/// # let error = search.error.expect("the step failed");
/// # assert_eq!(error.kind, "std::io::error::Error");
/// # Ok::<(), std::io::Error>(())
/// ```
#[proc_macro_attribute]
pub fn trace_llm(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::trace_llm(args.into(), item.into()).into()
}

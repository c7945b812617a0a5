//! The attribute `#[trace_llm]` and the macro `prompt!` of llmobs.
//!
//! Applications use them as `llmobs::trace_llm` and `llmobs::prompt`; this crate alone is for those who build on
//! `llmobs-core` without the `llmobs` crate, and say so with `crate = llmobs_core`.

// From what is written to what comes out.
mod args;
mod function;

mod check;
mod expand;
mod fallback;

mod prompt;

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

/// Renders a prompt template that the compiler has checked and hashed.
///
/// It gives a `String`, for wherever the prompt goes. Nothing ties the two together: when the text is
/// sent as a message, or as a text part of one, the call's record has the prompt's name, version and
/// hash.
///
/// ```
/// # // With the `llmobs` crate: `use llmobs::prompt;`, and no `crate = …`.
/// use llmobs_macros::prompt;
///
/// let question = "When is it open?";
/// let documents = ["Mondays from 9 to 5", "On other days from 8 to 6"];
/// let text = prompt!(
///     "support-answer",
///     version = "3",
///     # crate = llmobs_core,
///     "Answer {question} from:\n{context}",
///     context = documents.join("\n"),
/// );
/// assert!(text.starts_with("Answer When is it open? from:\nMondays"));
/// ```
///
/// # Arguments
///
/// In this order:
///
/// - The name, a string literal: what stays the same from version to version.
/// - `version = "…"`: defaults to the first twelve digits of the hash.
/// - `crate = path`: where to find llmobs. Defaults to `::llmobs`.
/// - The template: a string literal, or `file = "…"`, a path from the folder of the package's
///   `Cargo.toml`. The file is read by the compiler, which does so again when it has changed.
/// - `variable = value`, for each variable that is not a local variable of the same name. A value is
///   anything that is [`Display`](std::fmt::Display).
///
/// In a template, `{name}` is a variable, `{{` and `}}` are braces. There are no formats: a
/// template means the same here and in a registry, as `Template` of llmobs. A value in a format of its own
/// goes in as `price = format_args!("{price:.2}")`.
///
/// Variables without a value, values without a variable and stray braces do not compile.
///
/// # The identity
///
/// The hash is SHA-256 of the template's text, in lower-case hex: what `sha256sum` says of a file that
/// holds it. The name and the version are not in it.
///
/// # What is kept
///
/// Where something records, a keyed hash of the rendered text is remembered with the template's
/// identity, for the last few thousand renderings. The values are kept only where the capture of
/// input is turned on. Where nothing records, it is a `format!`.
///
/// # The link
///
/// A text is known as a whole: sent with anything before or after it, trimmed or changed, it is not
/// found. For that, say which prompt it is: `scope().prompt(..)`, or `scope().prompt_of(&text)`.
#[proc_macro]
pub fn prompt(tokens: TokenStream) -> TokenStream {
    prompt::prompt(tokens.into()).into()
}

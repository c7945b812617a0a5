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
///   `embedding`, `tool`, `agent`, `workflow`, `plan`, `memory`, `chain`, `guardrail`,
///   `postprocess`, `evaluator` and `llm`. Defaults to `chain`.
/// - `name = "…"`: the step's name. Defaults to the function's.
/// - `fields(key = expression, …)`: attributes under names of yours; a key is a word, words with
///   dots between, or a text. They are recorded always, like tags: do not put content there. At most
///   64 of 1 KiB each are kept.
/// - `capture(args)`, `capture(output)` or both: offers what the function is called with and what it
///   returns. That is content, and it is off by default twice: the function offers it here, and the
///   capture policy of the recorder or the scope decides. It keeps the arguments of a `tool` and what
///   it returns where it allows `tools`, the arguments of all others where it allows `input`, and
///   what they return where it allows `output`. `self` is no argument. An `Err` is no output.
/// - `skip(a, b)`: arguments that `capture(args)` leaves out.
/// - `tool_call_id`, `tool_name`, `tool_type`, `tool_description` (for `kind = "tool"`),
///   `agent_name` (for `agent` and `plan`), `agent_id`, `agent_version`, `agent_description` (for
///   `agent`), `workflow_name` (for `workflow`), `data_source`, `top_k`, `model` (for `retriever`),
///   `provider` and `query` (for `retriever` and `memory`), `memory_operation`, `memory_store` and
///   `memory_record` (for `memory`), each `= expression` that gives a text, a whole number or an
///   `Option` of one. A `query` is content, kept where the policy allows input; a tool and a plan
///   know the agent they run in by themselves.
/// - `crate = path`: where to find llmobs. Defaults to `::llmobs`.
///
/// # What it goes on
///
/// Functions and methods with a body: `async` or not, generic or not, in traits and their
/// implementations, with `#[async_trait]` or without. A function that returns a future is observed
/// while the future runs: what its signature says is an `impl Future`, a `Box<dyn Future>` or a
/// `BoxFuture`, or what its body ends with is an `async` block, `Box::pin` of one or its `.boxed()`.
/// Where the body ends in an `async` block, futures returned earlier in it are not observed.
///
/// A function that returns a stream or an iterator is observed until that has been read: each poll
/// and each `next` runs inside the step, items are counted, and with `capture(output)` they are the
/// output. The type says so: `impl Stream` and `impl Iterator`, by themselves or in a `Result` or an
/// `Option`, with bounds of the standard library's usual kind besides (`Send`, `Sync`, `Unpin`,
/// `Clone`, `Debug`, and those of reading from both ends); and `Pin<Box<dyn Stream>>` and
/// `Box<dyn Iterator>`, with `Send` or without, behind whatever alias: of these, items are counted
/// and not captured. Other streams and iterators are observed while they are made.
///
/// # How a step ends
///
/// - By returning: completed. A stream or an iterator has then come to its end; an item that is an
///   `Err` fails the step.
/// - By returning an `Err`: failed, with the name of the error's type. The message is not recorded;
///   it may quote prompts and answers. `None` is a value like any other. In a generic function, a
///   `Result` is known for one if the signature says so.
/// - By a panic: failed, with the type `panic`.
/// - By a drop of the future, as by `select!` or a timeout, or of a stream or an iterator before its
///   end: dropped. A future that is dropped before
///   its first poll has no step.
///
/// # What a step tells
///
/// A value is told by its `Serialize`, else its `Debug`, else not at all; in a generic function the
/// bounds of the signature decide. It is written where the function runs, at most 64 KiB of JSON and
/// 64 levels of it, of which 16 KiB are kept; `cut` in the record says how much is missing, with the
/// hash of what was seen whole. One that panics is left out and counted. Nothing is looked at when
/// nobody listens, nor what the policy does not allow.
///
/// Some types know more, by traits of `llmobs`:
///
/// - `AsDocument`: what a `retriever`, a `reranker` or a `memory` returns is counted, with the id and the score
///   of each document; its text is output, offered by `capture(output)`. Lists of anything else are
///   counted.
/// - `AsToolCall`, on an argument or `self` of a `tool`: the id of the call it answers, and its name.
/// - `AsAgent`, on an argument or `self` of an `agent`: name, id, version.
/// - `AsWorkflow`, on an argument or `self` of a `workflow`: its name.
///
/// ```
/// use std::borrow::Cow;
///
/// use llmobs_core::testing::Recording;
/// use llmobs_core::{AsDocument, Capture};
/// use llmobs_macros::trace_llm;
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Passage {
///     id: String,
///     score: f64,
/// }
///
/// impl AsDocument for Passage {
///     fn document_id(&self) -> Option<Cow<'_, str>> {
///         Some(self.id.as_str().into())
///     }
///
///     fn document_score(&self) -> Option<f64> {
///         Some(self.score)
///     }
/// }
///
/// #[trace_llm(
///     kind = "retriever",
///     fields(kb.top_k = limit, "kb.index" = "faq"),
///     capture(args),
///     skip(token),
///     crate = llmobs_core,
/// )]
/// fn search(question: &str, limit: usize, token: &str) -> Vec<Passage> {
///     # let _ = (question, token);
///     vec![Passage { id: "faq-7".into(), score: 0.5 }; limit]
/// }
/// # impl Clone for Passage {
/// #     fn clone(&self) -> Self {
/// #         Self { id: self.id.clone(), score: self.score }
/// #     }
/// # }
///
/// let recording = Recording::new();
/// recording.recorder().set_capture(Capture::NONE.input(true));
/// recording.scope().run_sync(|| search("why?", 1, "secret"));
///
/// let record = &recording.records()[0];
/// let retrieved = record.retrieved.as_ref().unwrap();
/// assert_eq!((retrieved.count, retrieved.documents[0].score), (1, Some(0.5)));
/// assert_eq!(record.attributes["kb.top_k"], 1);
/// let arguments = record.content.as_ref().unwrap().arguments.as_ref().unwrap();
/// assert_eq!(arguments.to_string(), r#"{"limit":1,"question":"why?"}"#);
/// ```
///
/// # What it costs
///
/// Where nobody listens, a look at who might. Arguments and results that are not captured are never
/// formatted, cloned or boxed; the future stays [`Send`] if it was.
///
/// # What it changes
///
/// The body moves into a closure or an `async` block. So `#[track_caller]` gives the location in the
/// function itself, and a few lints of clippy that follow arguments and results through a body
/// (`needless_pass_by_value`, `needless_return`, `unnecessary_wraps`) see less than before. An
/// argument that is captured is used, and so is one of a tool, an agent or a workflow whose type is
/// the application's: `unused_variables` says nothing of it. Of a function that ends in an `async`
/// block, captured arguments have to be there when the block begins: `skip` those that are not.
///
/// # The expansion
///
/// For the two functions above, with shorter paths:
///
/// ```
/// use llmobs_core::__private::{Counted as _, Returned, Step, StepKind, never};
/// use llmobs_core::__private::{FoundAny as _, FoundCounted as _, FoundDocuments as _};
/// use llmobs_core::__private::{Found, NoteResult as _, NoteValue as _};
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
///     if Step::is_recording(&step)
///         && let Some(value) = (&Returned(&value)).__llmobs_inside()
///     {
///         // Documents, else the length of a list, else nothing.
///         (&&&Found(value)).__llmobs_documents(&mut step, false);
///     }
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
///     if Step::is_recording(&step)
///         && let Some(value) = (&Returned(&value)).__llmobs_inside()
///     {
///         (&&&Found(value)).__llmobs_documents(&mut step, false);
///     }
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
///
/// The same by hand, with what is public:
///
/// ```
/// use llmobs_core::{Step, StepKind};
/// # use llmobs_core::testing::Recording;
///
/// fn search(question: &str, limit: usize) -> Result<Vec<String>, std::io::Error> {
///     let mut step = Step::start(StepKind::Retrieval, "kb.search");
///     step.attribute("kb.top_k", &limit);
///     step.argument("question", question);
///     let found = step.run_sync(|| fetch(question, limit));
///     match &found {
///         Ok(found) => step.documents_count(found.len() as u64),
///         Err(_) => step.fail("io"),
///     }
///     step.end();
///     found
/// }
///
/// fn numbers(to: u32) -> impl Iterator<Item = u32> {
///     // Ends when the iterator does.
///     Step::start(StepKind::Chain, "numbers").iter(0..to)
/// }
/// # fn fetch(question: &str, limit: usize) -> Result<Vec<String>, std::io::Error> {
/// #     Ok(vec![question.to_owned(); limit])
/// # }
///
/// # let recording = Recording::new();
/// # let found = recording.scope().run_sync(|| search("why?", 2));
/// # assert_eq!(found?.len(), 2);
/// # assert_eq!(recording.scope().run_sync(|| numbers(3).sum::<u32>()), 3);
/// # let [search, numbers] = recording.records().try_into().expect("two steps");
/// # assert_eq!(search.retrieved.expect("counted").count, 2);
/// # assert_eq!((search.attributes["kb.top_k"].as_u64(), search.content), (Some(2), None));
/// # assert_eq!(numbers.items, Some(3));
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

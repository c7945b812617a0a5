//! Lints see a function as they would without the attribute.
//!
//! An `expect` fails the build when its lint stays silent, and a lint that speaks up without one
//! does too: nothing the user would be told is hidden, and the expansion adds nothing of its own.
//! Lints of clippy are held only where clippy runs.
#![deny(warnings, clippy::all, clippy::pedantic, clippy::nursery)]
#![deny(
    elided_lifetimes_in_paths,
    let_underscore_drop,
    missing_debug_implementations,
    missing_docs,
    single_use_lifetimes,
    unused_import_braces,
    unused_lifetimes,
    unused_qualifications,
    unused_results,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::absolute_paths,
    clippy::as_conversions,
    clippy::else_if_without_else,
    clippy::if_then_some_else_none,
    clippy::iter_over_hash_type,
    clippy::let_underscore_untyped,
    clippy::min_ident_chars,
    clippy::panic,
    clippy::pattern_type_mismatch,
    clippy::ref_patterns,
    clippy::renamed_function_params,
    clippy::same_name_method,
    clippy::semicolon_inside_block,
    clippy::shadow_reuse,
    clippy::shadow_same,
    clippy::shadow_unrelated,
    clippy::std_instead_of_core,
    clippy::unneeded_field_pattern,
    clippy::unreachable,
    clippy::unwrap_used
)]
// Stronger than `deny`: an `allow` of ours would not compile.
#![forbid(clippy::let_unit_value, clippy::diverging_sub_expression, clippy::empty_loop)]

use core::convert::Infallible;
use core::future::{Future, Ready, pending, ready};

use llmobs_macros::trace_llm;

use crate::tree::async_steps;

#[expect(dead_code, reason = "never called")]
#[trace_llm(crate = llmobs_core)]
fn never_called() {}

#[trace_llm(crate = llmobs_core)]
#[expect(clippy::unused_async, reason = "nothing waits")]
async fn without_await(number: u32) -> String {
    assert!(number > 0, "{number}");
    format!("{number}")
}

#[trace_llm(crate = llmobs_core)]
#[expect(clippy::manual_async_fn, reason = "the lint is the test")]
fn by_hand() -> impl Future<Output = u32> {
    async { ready(1).await }
}

#[trace_llm(crate = llmobs_core)]
#[expect(clippy::too_many_arguments, clippy::many_single_char_names, reason = "so many")]
#[expect(clippy::min_ident_chars, reason = "the lint is the test")]
fn crowded(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> u8 {
    a ^ b ^ c ^ d ^ e ^ f ^ g ^ h
}

#[trace_llm(crate = llmobs_core)]
async fn nothing() {
    ready(()).await;
}

#[trace_llm(crate = llmobs_core)]
async fn unit() -> Result<(), u8> {
    ready(Ok(())).await
}

#[trace_llm(crate = llmobs_core)]
async fn forever() {
    loop {
        pending::<()>().await;
    }
}

#[trace_llm(crate = llmobs_core)]
async fn uninhabited() -> Infallible {
    loop {
        pending::<()>().await;
    }
}

#[trace_llm(crate = llmobs_core)]
#[must_use]
fn kept() -> u8 {
    1
}

#[trace_llm(crate = llmobs_core)]
async fn later() -> Ready<u8> {
    nothing().await;
    ready(1)
}

#[trace_llm(crate = llmobs_core)]
#[expect(unused_variables, reason = "the lint is the test")]
async fn unused_argument(argument: u8) {
    let unused = ready(1).await;
}

#[trace_llm(crate = llmobs_core)]
#[expect(unused_mut, reason = "the lint is the test")]
async fn unused_mut(mut argument: u8) -> u8 {
    ready(argument).await
}

#[trace_llm(crate = llmobs_core)]
#[expect(unreachable_code, reason = "the lint is the test")]
fn unreachable(argument: u8) -> u8 {
    return argument;
    argument
}

#[trace_llm(
    kind = "tool",
    crate = llmobs_core,
    fields(sum = number + 1, "text" = text),
    capture(args, output),
    skip(text),
    tool_call_id = text,
)]
async fn told(number: u8, text: &str) -> Result<u8, u8> {
    ready(if text.is_empty() { Err(number) } else { Ok(number) }).await
}

#[trace_llm(kind = "retriever", crate = llmobs_core, capture(args, output))]
fn found(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

#[trace_llm(crate = llmobs_core, capture(output))]
fn lazily(to: u8) -> impl Iterator<Item = u8> {
    0..to
}

#[trace_llm(crate = llmobs_core)]
fn lazily_boxed<'to>(to: &'to [u8]) -> Box<dyn Iterator<Item = &'to u8> + 'to> {
    Box::new(to.iter())
}

#[trace_llm(crate = llmobs_core)]
async fn lazily_later(to: u8) -> Result<impl Iterator<Item = u8>, u8> {
    let end = ready(to).await;
    if end == 0 { Err(end) } else { Ok(0..end) }
}

struct Holder(u8);

impl Holder {
    #[trace_llm(crate = llmobs_core)]
    #[expect(clippy::unused_self, reason = "the lint is the test")]
    fn alone(&self) -> u8 {
        kept()
    }

    #[trace_llm(crate = llmobs_core)]
    fn add(&mut self, mut more: u8) -> &mut Self {
        more += 1;
        self.0 += more;
        self
    }

    #[trace_llm(crate = llmobs_core)]
    async fn sum(&self, mut more: u8) -> u8 {
        more += ready(1).await;
        more + self.0
    }
}

#[test]
#[expect(unused_must_use, reason = "the lint is the test")]
fn the_attributes_functions_run() {
    let seen = async_steps(async {
        let mut holder = Holder(1);
        kept();
        assert_eq!((holder.add(1).0, holder.sum(1).await, holder.alone()), (3, 5, 1));
        assert_eq!((without_await(1).await.as_str(), by_hand().await), ("1", 1));
        assert_eq!(crowded(1, 2, 4, 8, 16, 32, 64, 128), 255);
        nothing().await;
        assert_eq!(unit().await, Ok(()));
        drop((forever(), uninhabited()));
        assert_eq!((later().await.await, unreachable(1)), (1, 1));
        unused_argument(1).await;
        assert_eq!((told(1, "a").await, found("a").len()), (Ok(1), 1));
        assert_eq!((lazily(2).sum::<u8>(), lazily_boxed(&[2]).sum::<u8>()), (1, 2));
        assert_eq!(lazily_later(2).await.map(Iterator::sum::<u8>), Ok(1));
        assert_eq!(unused_mut(1).await, 1);
    });
    assert_eq!(seen.lines().count(), 20);
}
